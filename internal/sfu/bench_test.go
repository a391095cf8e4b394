package sfu

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// countingSink counts as cheaply as can be: what is measured is the forwarding.
type countingSink struct{ packets, bytes int }

func (s *countingSink) Write(_ *packetio.Batch, _ media.Header, payload []byte) {
	s.packets++
	s.bytes += len(payload)
}

func (s *countingSink) WriteReport(media.SenderReport) {}

// BenchmarkFanOut is the cost of one packet for one viewer, without crypto and socket, the publisher's part
// included, in frames of five packets.
func BenchmarkFanOut(b *testing.B) {
	for _, viewers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("1x%d", viewers), func(b *testing.B) {
			h := newHouse(1)
			p := h.publish(h264)
			for range viewers {
				h.room.AddDown(p.up, &countingSink{})
			}
			h.turn()
			packets := p.frame(keyStart, 5)
			for _, k := range packets {
				k.Payload = append(k.Payload, make([]byte, 1180)...)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for _, k := range packets {
					p.up.Receive(k)
					k.Seq += uint16(len(packets))
					k.Timestamp += 3000
				}
				p.up.Flush(h.time)
				h.turn()
				n += len(packets) * viewers
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/packet")
		})
	}
}

// BenchmarkUpTrack_Receive is the publisher's part alone.
func BenchmarkUpTrack_Receive(b *testing.B) {
	h := newHouse(1)
	p := h.publish(h264)
	k := p.packet(delta, true)
	k.Payload = append(k.Payload, make([]byte, 1180)...)
	for b.Loop() {
		p.up.Receive(k)
		k.Seq++
	}
}

// BenchmarkWake is the time from Flush until the sink has the packet: one worker asleep, one viewer.
func BenchmarkWake(b *testing.B) {
	e := running(b, 1)
	room := e.NewRoom()
	up := room.AddUp(&counting{track: opus, keyFrames: new(atomic.Int32)})
	got := make(chan struct{}, 1)
	room.AddDown(up, signalling(got))
	until(b, func() bool { return up.shares[0].viewers.Load() == 1 })
	for i := 0; b.Loop(); i++ {
		up.Receive(&media.Packet{Seq: uint16(i), Payload: []byte{0x78}})
		up.Flush(0)
		<-got
	}
}

type signalling chan struct{}

func (s signalling) Write(*packetio.Batch, media.Header, []byte) { s <- struct{}{} }
func (s signalling) WriteReport(media.SenderReport)              {}

// BenchmarkMemory tells what a viewer and a publisher's track take.
func BenchmarkMemory(b *testing.B) {
	const n = 1000
	h := newHouse(1)
	p := h.publish(h264)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range n {
			h.room.AddDown(p.up, discard{})
		}
		h.turn()
		runtime.GC()
		runtime.ReadMemStats(&after)
		h.room.Close()
		h = newHouse(1)
		p = h.publish(h264)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/viewer")
}
