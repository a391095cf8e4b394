package sfu

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestHold_FrameThatComesInPiecesLeavesInOne(t *testing.T) {
	h := newHouse(1)
	h.engine.hold = time.Hour // the timer has no part in this
	p := h.publish(h264)
	_, s := h.watch(p.up)
	f := p.frame(keyStart, 5)
	p.bring(f[0])
	p.bring(f[1], f[2])
	count(t, "packets before the frame's end", len(s.take()), 0)
	p.bring(f[3], f[4])
	count(t, "packets", len(s.take()), 5)
	count(t, "turns", int(h.engine.Stats().Turns), 1)
}

func TestHold_RepairIsNotKeptBack(t *testing.T) {
	h := newHouse(1)
	h.engine.hold = time.Hour
	p := h.publish(h264)
	_, s := h.watch(p.up)
	f := p.frame(keyStart, 4)
	p.bring(f[0], f[2], f[3])
	count(t, "packets", len(s.take()), 3)
	p.bring(f[1])
	count(t, "packets", len(s.take()), 1)
}

func TestHold_SoundIsNotKeptBack(t *testing.T) {
	h := newHouse(1)
	h.engine.hold = time.Hour
	p := h.publish(opus)
	_, s := h.watch(p.up)
	p.bring(p.packet([]byte{0x78}, false))
	count(t, "packets", len(s.take()), 1)
}

func TestHold_LastsAMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(Options{Workers: 1})
		ctx, stop := context.WithCancel(t.Context())
		defer func() { stop(); synctest.Wait() }()
		go e.Run(ctx)
		h := &house{engine: e, room: e.NewRoom()}
		p := h.publish(h264)
		d := h.room.AddDown(p.up, discard{})
		synctest.Wait()
		for _, k := range p.frame(keyStart, 5)[:4] {
			k.Arrival = media.Now()
			p.up.Receive(k)
		}
		p.up.Flush(media.Now())
		time.Sleep(time.Millisecond - time.Microsecond) // virtual
		synctest.Wait()
		count(t, "packets within a millisecond", int(d.Stats().Packets), 0)
		time.Sleep(time.Microsecond)
		synctest.Wait()
		count(t, "packets after it", int(d.Stats().Packets), 4)
		h.room.Close()
	})
}
