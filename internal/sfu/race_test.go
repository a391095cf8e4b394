package sfu

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/ring"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// discard is a sink that counts nothing and keeps nothing.
type discard struct{}

func (discard) Write(*packetio.Batch, media.Header, []byte) {}
func (discard) WriteReport(media.SenderReport)              {}

// tallying is a sink that counts, from one goroutine at a time.
type tallying struct {
	packets atomic.Int64
	inside  atomic.Int32
	t       testing.TB
}

func (s *tallying) Write(_ *packetio.Batch, _ media.Header, payload []byte) {
	if s.inside.Add(1) != 1 {
		s.t.Error("two goroutines write to one sink")
	}
	if len(payload) > 0 {
		s.packets.Add(int64(payload[0] & 1)) // reads, for the race detector
		s.packets.Add(1)
	}
	s.inside.Add(-1)
}

func (s *tallying) WriteReport(media.SenderReport) {}

// running runs an engine until the test ends.
func running(tb testing.TB, workers int) *Engine {
	tb.Helper()
	e := NewEngine(Options{Workers: workers})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return e
}

// send plays a publisher of n frames of video.
func send(e *Engine, up *UpTrack, n int) {
	p := &publisher{house: &house{engine: e}, seq: uint16(rand.Uint32())}
	for i := range n {
		start := delta
		if i%10 == 0 {
			start = keyStart
		}
		for _, k := range p.frame(start, 5) {
			k.Arrival = media.Now()
			if rand.IntN(50) > 0 {
				up.Receive(k)
			}
		}
		up.ReceiveReport(media.SenderReport{NTP: uint64(i + 1), RTP: p.ts})
		up.Flush(media.Now())
		runtime.Gosched()
	}
}

// Viewers come, complain, switch, pause and go while publishers send, come and go.
func TestEngine_TracksMayComeAndGoAtAnyTime(t *testing.T) {
	e := running(t, 3)
	room := e.NewRoom()
	var asked atomic.Int32
	track := func() *UpTrack { return room.AddUp(&counting{track: h264, keyFrames: &asked}) }
	ups := []*UpTrack{track(), track()}
	var all sync.WaitGroup
	for _, up := range ups {
		all.Go(func() { send(e, up, 600) })
	}
	all.Go(func() {
		for range 30 {
			up := track()
			send(e, up, 5)
			up.Close()
		}
	})
	var got atomic.Int64
	for range 6 {
		all.Go(func() {
			for range 20 {
				s := &tallying{t: t}
				bother(room.AddDown(ups[rand.IntN(2)], s), ups)
				got.Add(s.packets.Load())
			}
		})
	}
	all.Wait()
	// On a busy machine those may all have come and gone before a worker had its turn. One that stays gets something.
	last := &tallying{t: t}
	room.AddDown(ups[0], last)
	until(t, func() bool {
		send(e, ups[0], 5)
		return got.Load()+last.packets.Load() > 0
	})
	room.Close()
}

func bother(d *DownTrack, ups []*UpTrack) {
	for range 30 {
		switch rand.IntN(6) {
		case 0:
			d.Switch(ups[rand.IntN(len(ups))])
		case 1:
			d.Pause()
			d.Resume()
		case 2:
			d.WantKeyFrame(media.Now())
		case 3:
			d.Report(media.Report{RTT: time.Millisecond}, media.Now())
		default:
			d.Nack([]uint16{uint16(rand.Uint32()), 5, 6}, media.Now())
		}
		d.Stats()
		runtime.Gosched()
	}
	d.Close()
}

func TestEngine_SpreadsEveryPacketToEveryViewer(t *testing.T) {
	e := running(t, 2)
	room := e.NewRoom()
	up := room.AddUp(&counting{track: opus, keyFrames: new(atomic.Int32)})
	sinks := make([]*tallying, 50)
	downs := make([]*DownTrack, len(sinks))
	for i := range sinks {
		sinks[i] = &tallying{t: t}
		downs[i] = room.AddDown(up, sinks[i])
	}
	const packets = 1000
	until(t, func() bool { return up.shares[0].viewers.Load()+up.shares[1].viewers.Load() == int32(len(sinks)) })
	for seq := range uint16(packets) {
		up.Receive(&media.Packet{Seq: seq, Payload: []byte{0x78}, Arrival: media.Now()})
		up.Flush(media.Now())
		// No further ahead than the ring holds beside the bunch that a worker may have in hand.
		until(t, func() bool {
			return min(downs[0].Stats().Packets, downs[1].Stats().Packets)+ring.AudioSlots-bunch > uint64(seq)+1
		})
	}
	for _, s := range sinks {
		until(t, func() bool { return s.packets.Load() == packets })
	}
	// A worker counts when its turn is over.
	until(t, func() bool { return e.Stats().Packets == packets*uint64(len(sinks)) })
	if st := e.Stats(); st.Turns == 0 || st.DelaySum == 0 {
		t.Fatalf("%+v", st)
	}
}

// until yields until the condition holds.
func until(tb testing.TB, cond func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			tb.Fatal("it never came about")
		}
	}
}

func TestSFU_AllocatesNothing(t *testing.T) {
	h := newHouse(1)
	h.engine.hold = time.Millisecond
	p := h.publish(h264)
	downs := make([]*DownTrack, 10)
	for i := range downs {
		downs[i] = h.room.AddDown(p.up, discard{})
	}
	h.turn()
	packets := p.frame(keyStart, 5)
	nacks := make([]uint16, 4)
	if n := testing.AllocsPerRun(500, func() {
		h.pass(time.Millisecond)
		for i, k := range packets {
			p.up.Receive(k)
			if i == 1 {
				p.up.Flush(h.time)
			}
			k.Seq += uint16(len(packets)) + 1 // one is missing
			k.Timestamp += 3000
		}
		p.up.ReceiveReport(media.SenderReport{NTP: 1, RTP: 5})
		p.up.Flush(h.time)
		for _, d := range downs {
			d.Nack(nacks, h.time)
			d.WantKeyFrame(h.time)
			d.Report(media.Report{}, h.time)
		}
		h.turn()
		p.nacks = p.nacks[:0]
	}); n != 0 {
		t.Fatalf("%v allocations per frame", n)
	}
}
