package sfu

import (
	"bytes"
	"testing"
	"time"
)

// A replica's viewers are in another room than the tracks they get: they are forwarded to like others, from the same ring,
// ask for the same key frame, and stay when either room goes.
func TestRoom_ForwardsToDownTracksOfAnother(t *testing.T) {
	h := newHouse(2)
	p := h.publish(h264)
	other := h.engine.NewRoom()
	_, near := h.watch(p.up)
	s := &sink{}
	far := other.AddDown(p.up, s)
	h.turn()
	count(t, "key frames asked for", p.plis, 1)
	count(t, "viewers", p.up.Viewers(), 2)
	p.bring(p.frame(keyStart, 3)...)
	p.bring(p.frame(delta, 2)...)
	here, there := near.take(), s.take()
	count(t, "packets", len(there), 5)
	seamless(t, there)
	for i := range there {
		if !bytes.Equal(here[i].payload, there[i].payload) {
			t.Errorf("packet %d differs", i)
		}
	}
	if up, down := other.Tracks(); up != 0 || down != 1 {
		t.Errorf("the other room has %d tracks up and %d down", up, down)
	}

	// Another publication, even one of another room, takes over without a gap.
	h.pass(time.Minute)
	next := h.publish(h264)
	far.Switch(next.up)
	h.turn()
	next.bring(next.frame(keyStart, 2)...)
	p.bring(p.frame(delta, 1)...)
	after := s.take()
	count(t, "packets of the next", len(after), 2)
	seamless(t, append(there, after...))

	h.room.Close()
	if up, down := h.room.Tracks(); up != 0 || down != 0 {
		t.Errorf("the closed room has %d tracks up and %d down", up, down)
	}
	if up, down := other.Tracks(); up != 0 || down != 1 {
		t.Errorf("beside it the other has %d up and %d down", up, down)
	}
	other.Close()
	h.turn()
	count(t, "viewers after all", next.up.Viewers(), 0)
}
