package rtc

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/internal/media"
)

// heap returns the bytes in use by objects and by goroutine stacks.
func heap() (objects, stacks uint64, goroutines int) {
	debug.FreeOSMemory()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse, runtime.NumGoroutine()
}

// viewers connects n lean viewers to a transport.
func viewers(b testing.TB, tr *Transport, n int) []*lean {
	b.Helper()
	all := make([]*lean, n)
	for i := range all {
		all[i] = newLean(b)
		all[i].connect(tr, nil, "recvonly")
	}
	return all
}

// BenchmarkViewer_Memory reports what one connected viewer keeps, beside its kernel socket buffers.
func BenchmarkViewer_Memory(b *testing.B) {
	tr := serve(b, Options{})
	viewers(b, tr, 5) // whatever is made once
	before, stacks, goroutines := heap()
	const most = 200 // more tell nothing new
	n := min(b.N, most)
	all := viewers(b, tr, n)
	after, stacksAfter, goroutinesAfter := heap()
	b.ReportMetric(float64(after-before)/float64(n)/1024, "heap-KiB/viewer")
	b.ReportMetric(float64(stacksAfter-stacks)/float64(n)/1024, "stack-KiB/viewer")
	b.ReportMetric(float64(goroutinesAfter-goroutines)/float64(n), "goroutines/viewer")
	runtime.KeepAlive(all)
}

func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

const benchPayload = 1150

// BenchmarkSeal compares the encryption of one packet.
func BenchmarkSeal(b *testing.B) {
	key, salt, payload := make([]byte, 16), make([]byte, 12), make([]byte, benchPayload)
	b.Run("own", func(b *testing.B) {
		s, err := newGCMSealer(key, salt)
		if err != nil {
			b.Fatal(err)
		}
		slot := make([]byte, 20+benchPayload+gcmTag)
		b.ReportAllocs()
		for i := uint64(0); b.Loop(); i++ {
			s.seal(slot, 20, payload, 1, i)
		}
	})
	b.Run("pion", func(b *testing.B) {
		c, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
		if err != nil {
			b.Fatal(err)
		}
		slot := make([]byte, 20+benchPayload+gcmTag)
		var h rtp.Header
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			copy(slot, []byte{0x90, 96, byte(i >> 8), byte(i), 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0, 0, 0, 0})
			copy(slot[20:], payload)
			if _, err := c.EncryptRTP(slot[:0], slot[:20+benchPayload], &h); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLocal_Write is the whole way out for 100 viewers, frames of some packets to each viewer in turn,
// beside one encrypted sendto per packet of the same size to the same sockets. CPU seconds per million packets.
func BenchmarkLocal_Write(b *testing.B) {
	tr := serve(b, Options{})
	all := viewers(b, tr, 100)
	payload := make([]byte, benchPayload)
	b.Run("floor", func(b *testing.B) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer unix.Close(fd)
		addrs := make([]unix.SockaddrInet4, len(all))
		for i, c := range all {
			addrs[i] = unix.SockaddrInet4{Port: int(c.local().Port()), Addr: c.local().Addr().As4()}
		}
		s, err := newGCMSealer(make([]byte, 16), make([]byte, 12))
		if err != nil {
			b.Fatal(err)
		}
		out := make([]byte, 20+benchPayload+gcmTag)
		start := cpu(b)
		for i := 0; b.Loop(); i++ {
			s.seal(out, 20, payload, 1, uint64(i))
			_ = unix.Sendto(fd, out, 0, &addrs[i%len(addrs)])
		}
		b.ReportMetric((cpu(b)-start)/float64(b.N)*1e6, "cpu-s/Mpkt")
	})
	seq := uint16(0)
	run := func(name string, frame int, size func(k int) int) {
		b.Run(name, func(b *testing.B) {
			batch := tr.NewBatch()
			b.ReportAllocs()
			start := cpu(b)
			n := 0
			for b.Loop() {
				// one b.N is one packet to one viewer
				if n == 0 {
					n = frame * len(all)
					for _, c := range all {
						l := c.peer.Sink(media.Video)
						for k := range frame {
							l.Write(batch, media.Header{Seq: seq + uint16(k)}, payload[:size(k)])
						}
					}
					seq += uint16(frame)
					batch.Flush()
				}
				n--
			}
			b.ReportMetric((cpu(b)-start)/float64(b.N)*1e6, "cpu-s/Mpkt")
		})
	}
	for _, frame := range []int{1, 2, 5, 8} {
		run(fmt.Sprintf("frame=%d", frame), frame, func(int) int { return benchPayload })
	}
	// As Chrome cuts a frame: the later pieces are a byte longer, so that it leaves as two runs.
	run("frame=5/uneven", 5, func(k int) int { return benchPayload - 1 + min(k/2, 1) })
}
