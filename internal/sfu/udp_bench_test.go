package sfu

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// BenchmarkForward_OverUDP is the cost in processor time of a packet for a viewer, with AES-128-GCM and a real
// socket, for frames of five packets that are spread as they arrive: together, or in pieces. Holding an unfinished
// frame back for a moment (Options.Hold) turns the others into the first.
func BenchmarkForward_OverUDP(b *testing.B) {
	for _, pieces := range [][]int{{5}, {1, 4}, {2, 2, 1}, {1, 1, 1, 1, 1}} {
		b.Run(fmt.Sprint(pieces), func(b *testing.B) { forwardOverUDP(b, 100, pieces) })
	}
}

func forwardOverUDP(b *testing.B, viewers int, pieces []int) {
	b.Helper()
	port, paths := destinations(b, viewers)
	e := NewEngine(Options{Workers: 1, NewBatch: port.NewBatch, Hold: -1})
	h := &house{engine: e, room: e.NewRoom(), time: time.Minute}
	p := h.publish(h264)
	for _, to := range paths {
		h.room.AddDown(p.up, newSealing(to))
	}
	h.turn()
	packets := p.frame(keyStart, 5)
	for _, k := range packets {
		k.Payload = append(k.Payload, make([]byte, 1150)...)[:1150]
	}
	before, n := processorTime(), 0
	for b.Loop() {
		rest := packets
		for _, piece := range pieces {
			for _, k := range rest[:piece] {
				p.up.Receive(k)
				k.Seq += uint16(len(packets))
				k.Timestamp += 3000
			}
			rest = rest[piece:]
			p.up.Flush(h.time)
			h.turn()
		}
		n += len(packets) * viewers
	}
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/float64(n), "cpu-ns/packet")
}

// destinations opens a port, and sockets that have made themselves known to it.
func destinations(b *testing.B, n int) (*packetio.Port, []packetio.Path) {
	b.Helper()
	port, err := packetio.Open(packetio.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	found := make(chan packetio.Path, n)
	go func() { ended <- port.Run(ctx, func() packetio.Reader { return finder(found) }) }()
	b.Cleanup(func() { stop(); <-ended })
	var paths []packetio.Path
	for range n {
		c, err := net.Dial("udp", port.Addrs()[0].String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		if _, err := c.Write([]byte{1}); err != nil {
			b.Fatal(err)
		}
		paths = append(paths, <-found)
	}
	return port, paths
}

type finder chan packetio.Path

func (f finder) Read(_ []byte, from packetio.Path, _ media.Time) { f <- from }
func (f finder) Flush(media.Time)                                {}
func (f finder) Gone(packetio.Path)                              {}

// sealing is a sink that encrypts as SRTP does, header and all.
type sealing struct {
	to    packetio.Path
	aead  cipher.AEAD
	nonce [12]byte
}

func newSealing(to packetio.Path) *sealing {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &sealing{to: to, aead: aead}
}

func (s *sealing) Write(b *packetio.Batch, h media.Header, payload []byte) {
	slot := b.Append(s.to, 12+len(payload)+s.aead.Overhead())
	if slot == nil {
		return
	}
	slot[0] = 0x80
	binary.BigEndian.PutUint16(slot[2:], h.Seq)
	binary.BigEndian.PutUint32(slot[4:], h.Timestamp)
	binary.BigEndian.PutUint16(s.nonce[10:], h.Seq)
	s.aead.Seal(slot[12:12], s.nonce[:], payload, slot[:12])
}

func (s *sealing) WriteReport(media.SenderReport) {}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
