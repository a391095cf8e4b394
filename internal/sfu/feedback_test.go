package sfu

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestNack_IsAnsweredWithTheSameBytes(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 5)...)
	got := s.take()
	d.Nack([]uint16{got[1].Seq, got[4].Seq, got[4].Seq + 1}, h.time)
	h.turn()
	again := s.take()
	count(t, "packets repeated", len(again), 2)
	for i, want := range []written{got[1], got[4]} {
		want.Repeat = true
		if again[i].Header != want.Header || !bytes.Equal(again[i].payload, want.payload) {
			t.Fatalf("repeated as %+v, was %+v", again[i], want)
		}
	}
	if st := d.Stats(); st.Nacked != 3 || st.Repeated != 2 || st.NackUnknown != 1 {
		t.Fatalf("%+v", st)
	}
}

func TestNack_IsAnsweredAgainAfterMostOfARoundTrip(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	d.Report(media.Report{RTT: 100 * time.Millisecond}, h.time)
	p.bring(p.frame(keyStart, 5)...)
	want := []uint16{s.take()[1].Seq}
	for i, repeated := range []int{1, 0, 0, 1} {
		d.Nack(want, h.time)
		h.turn()
		count(t, "packets repeated", len(s.take()), repeated)
		h.pass(30 * time.Millisecond)
		if i == 0 && d.Stats().Report.RTT != 100*time.Millisecond {
			t.Fatal("the report is forgotten")
		}
	}
}

func TestNack_KnowsNothingOfTheTrackBeforeASwitch(t *testing.T) {
	h := newHouse(1)
	a, b := h.publish(h264), h.publish(h264)
	d, s := h.watch(a.up)
	a.bring(a.frame(keyStart, 3)...)
	old := s.take()
	d.Switch(b.up)
	b.bring(b.frame(keyStart, 3)...)
	s.take()
	d.Nack(numbersOf(old), h.time)
	h.turn()
	count(t, "packets repeated", len(s.take()), 0)
}

// security.md row 32: a viewer that asks for all 65,536 packets a thousand times a second is sent no more again
// than it was sent, and a burst.
func TestNack_FloodIsHeldToTheViewersBudget(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	_, other := h.watch(p.up)
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	sent := 0
	p.bring(p.frame(keyStart, 5)...)
	for range 1000 {
		if h.pass(time.Millisecond); h.time%(32*time.Millisecond) == 0 {
			p.bring(p.frame(delta, 5)...)
		}
		d.Nack(all, h.time)
		newest := s.packets[len(s.packets)-1].Seq
		d.Nack([]uint16{newest, newest - 1, newest - 2, newest - 3}, h.time)
		h.turn()
	}
	again := 0
	for _, k := range s.take() {
		if k.Repeat {
			again++
		} else {
			sent++
		}
	}
	if limit := sent/repeatShare + repeatBurst + repeatPerSecond; again > limit {
		t.Fatalf("%d packets repeated for %d sent", again, sent)
	}
	count(t, "packets of another viewer", len(other.take()), sent)
	if st := d.Stats(); st.NackOverflow == 0 || st.Nacked != 1000*(1<<16+4) {
		t.Fatalf("%+v", st)
	}
}

func TestNack_BudgetRunsOutAndComesBack(t *testing.T) {
	r := newRepeats()
	now, granted16 := time.Minute, 0
	r.earn(0, now)
	r.credit = 0
	for i := range uint16(200) {
		if r.allow(i, 0, 100, now) == granted {
			granted16++
		}
	}
	count(t, "repeated for 100 sent", granted16, 100/repeatShare)
	if r.allow(300, 0, 100, now) != tooMany {
		t.Fatal("beyond the budget")
	}
	if r.allow(300, 0, 100, now+time.Second/repeatPerSecond) != granted {
		t.Fatal("nothing comes back with time")
	}
}

// security.md rows 32 and 33: however many viewers ask for key frames, the publisher is asked once a second, and the
// last of them is heard.
func TestKeyFrame_StormReachesThePublisherOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(Options{Workers: 2})
		ctx, stop := context.WithCancel(t.Context())
		defer func() { stop(); synctest.Wait() }()
		go e.Run(ctx)
		room := e.NewRoom()
		var asked atomic.Int32
		up := room.AddUp(&counting{track: h264, keyFrames: &asked})
		downs := make([]*DownTrack, 10000)
		for i := range downs {
			downs[i] = room.AddDown(up, discard{})
		}
		synctest.Wait()
		for second := range int32(5) {
			if got := asked.Load(); got != second+1 {
				t.Fatalf("after %d seconds: %d requests", second, got)
			}
			for _, d := range downs {
				d.WantKeyFrame(media.Now())
			}
			synctest.Wait()
			time.Sleep(time.Second) // virtual
			synctest.Wait()
		}
	})
}

func TestKeyFrame_WishEndsWhenOneComes(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, _ := h.watch(p.up)
	count(t, "requests", p.plis, 1)
	h.pass(300 * time.Millisecond)
	p.bring(p.frame(keyStart, 2)...)
	h.pass(time.Second)
	h.engine.wishes.tick(h.time)
	count(t, "requests after a key frame", p.plis, 1)

	d.WantKeyFrame(h.time)
	h.turn()
	count(t, "requests", p.plis, 2)
	h.pass(500 * time.Millisecond)
	p.bring(p.frame(keyStart, 2)...)
	d.WantKeyFrame(h.time) // too early: kept
	h.turn()
	count(t, "requests within a second", p.plis, 2)
	next, stands := h.engine.wishes.tick(h.time)
	if !stands || next != h.time+500*time.Millisecond {
		t.Fatalf("the next request is due at %v, %v", next, stands)
	}
	h.pass(500 * time.Millisecond)
	h.engine.wishes.tick(h.time)
	count(t, "requests when the second is over", p.plis, 3)
}

func TestKeyFrame_ClosedTrackIsNotAsked(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	h.watch(p.up)
	p.up.Close()
	h.pass(2 * time.Second)
	if _, stands := h.engine.wishes.tick(h.time); stands {
		t.Fatal("the wish outlives the track")
	}
	count(t, "requests", p.plis, 1)
}

// counting is a source whose requests are counted from any goroutine.
type counting struct {
	track            media.Track
	keyFrames, nacks *atomic.Int32
}

func (c *counting) Track() media.Track { return c.track }
func (c *counting) RequestKeyFrame()   { c.keyFrames.Add(1) }
func (c *counting) RequestPackets(seqs []uint16) {
	if c.nacks != nil {
		c.nacks.Add(int32(len(seqs)))
	}
}
