package packetio

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/internal/media"
)

const benchSize = 1200

// sinks are loopback sockets that nobody reads: the kernel drops what does not fit, as for every variant alike.
func sinks(b *testing.B, n int) []netip.AddrPort {
	b.Helper()
	addrs := make([]netip.AddrPort, n)
	for i := range addrs {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		_ = c.SetReadBuffer(1)
		b.Cleanup(func() { _ = c.Close() })
		addrs[i] = c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return addrs
}

func gcm(b *testing.B) cipher.AEAD {
	b.Helper()
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return aead
}

func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkSend compares ways of sending 1200-byte packets to 100 destinations, CPU seconds per million
// packets. "floor" is one AES-128-GCM-encrypted sendto per packet; the others encrypt as well.
func BenchmarkSend(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		to := sinks(b, 100)
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		raw, _ := c.SyscallConn()
		var fd int
		_ = raw.Control(func(f uintptr) { fd = int(f) })
		addrs := make([]unix.SockaddrInet4, len(to))
		for i, a := range to {
			addrs[i] = unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
		}
		aead, plain, out, nonce := gcm(b), make([]byte, benchSize-28), make([]byte, benchSize), make([]byte, 12)
		start := cpu(b)
		for i := 0; b.Loop(); i++ {
			aead.Seal(out[:12], nonce, plain, out[:12])
			_ = unix.Sendto(fd, out, 0, &addrs[i%len(addrs)])
		}
		b.ReportMetric((cpu(b)-start)/float64(b.N)*1e6, "cpu-s/Mpkt")
	})
	for _, frame := range []int{1, 2, 5, 8} {
		b.Run("batch/frame="+string(rune('0'+frame)), func(b *testing.B) {
			to := sinks(b, 100)
			p, _ := start(b, Options{})
			batch := p.NewBatch()
			aead, plain, nonce := gcm(b), make([]byte, benchSize-28), make([]byte, 12)
			begin := cpu(b)
			for i := 0; b.Loop(); i++ {
				slot := batch.Append(Path{listener: p.listeners[0], remote: to[i/frame%len(to)]}, benchSize)
				aead.Seal(slot[:12], nonce, plain, slot[:12])
			}
			batch.Flush()
			b.ReportMetric((cpu(b)-begin)/float64(b.N)*1e6, "cpu-s/Mpkt")
		})
	}
}

// counting is a Reader that does next to nothing.
type counting struct{}

func (*counting) Read([]byte, Path, media.Time) {}
func (*counting) Flush(media.Time)              {}
func (*counting) Gone(Path)                     {}

// BenchmarkPort_Receive takes in small datagrams, such as viewers' reports, from 16 senders.
func BenchmarkPort_Receive(b *testing.B) {
	for _, shards := range []int{1, 2} {
		b.Run(fmt.Sprintf("shards=%d", shards), func(b *testing.B) {
			p, err := Open(Options{Listen: []string{"127.0.0.1:0"}, Shards: shards})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var done sync.WaitGroup
			done.Go(func() { _ = p.Run(ctx, func() Reader { return &counting{} }) })
			defer done.Wait()
			defer cancel()
			var senders []*net.UDPConn
			for range 16 {
				senders = append(senders, dialUDP(b, p.Addrs()[0]))
			}
			data := make([]byte, 80)
			begin := cpu(b)
			for i := 0; b.Loop(); i++ {
				_, _ = senders[i%len(senders)].Write(data)
			}
			b.ReportMetric((cpu(b)-begin)/float64(b.N)*1e6, "cpu-s/Mpkt")
			c := p.Counters()
			b.ReportMetric(float64(c.Received.Load())/float64(max(c.ReceiveCalls.Load(), 1)), "packets/call")
		})
	}
}
