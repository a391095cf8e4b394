package sfu

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// fill makes packets as long as those of a real picture.
func fill(packets []*media.Packet) []*media.Packet {
	for _, k := range packets {
		n := len(k.Payload)
		k.Payload = append(k.Payload[:n-2:n-2], append(make([]byte, 1150), k.Payload[n-2:]...)...)
	}
	return packets
}

func TestDownTrack_SpreadsAKeyFrameAsTheLineTakesIt(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(fill(p.frame(keyStart, 2))...)
	d.Pace(600_000)
	h.turn()
	for range 10 { // frames of the usual size are not held up
		h.pass(frameTime)
		p.bring(fill(p.frame(delta, 1))...)
	}
	all := s.take()
	count(t, "packets at once", len(all), 12)

	h.pass(frameTime)
	begun := h.time
	p.bring(fill(p.frame(keyStart, 40))...)
	if n := len(s.packets); n < 2 || n > 8 {
		t.Fatalf("%d packets of a key frame leave at once", n)
	}
	for i := 0; len(s.packets) < 40; i++ {
		h.pass(replayPause)
		h.turn()
		if i%8 == 0 && i < 40 { // what comes meanwhile waits its turn
			p.bring(fill(p.frame(delta, 1))...)
		}
		if h.time-begun > 2*time.Second {
			t.Fatalf("%d of 40 packets after two seconds", len(s.packets))
		}
	}
	if took := h.time - begun; took < 300*time.Millisecond {
		t.Errorf("48 kB at 600 kbit/s take %v", took)
	}
	for range 200 {
		h.pass(replayPause)
		h.turn()
	}
	all = append(all, s.take()...)
	seamless(t, all)
	count(t, "packets in all", len(all), 12+40+5)
	if d.state != live {
		t.Errorf("state %v after all has left", d.state)
	}
	if n := d.Stats().Waits; n == 0 {
		t.Error("no wait was counted")
	}

	d.Pace(0)
	h.pass(frameTime)
	h.turn()
	p.bring(fill(p.frame(keyStart, 40))...)
	count(t, "packets at once without a pace", len(s.take()), 40)
}

func TestDownTrack_APacedReplayLeavesNoFaster(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	p.bring(fill(p.frame(keyStart, 30))...)
	s := &sink{}
	d := h.room.AddDown(p.up, s)
	d.Pace(600_000)
	h.turn()
	if n := len(s.packets); n > 30/2 {
		t.Errorf("%d packets of a replay leave at once", n)
	}
	for range 100 {
		h.pass(replayPause)
		h.turn()
	}
	count(t, "packets", len(s.packets), 30)
	seamless(t, s.packets)
	if d.state != live {
		t.Errorf("state %v", d.state)
	}
}

// Who has fallen behind on a high layer is not kept from a lower one by what still waits.
func TestDownTrack_MovesToALowerLayerWhilePacketsWait(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(c.layers[1].up)
	c.shoot(1)
	d.Pace(200_000)
	h.turn()
	for range 20 {
		c.layers[1].bring(fill(c.layers[1].frame(delta, 6))...)
		h.pass(frameTime)
	}
	if !d.lagging {
		t.Fatal("nothing waits at five times the pace")
	}
	d.Prefer(c.layers[0].up)
	h.turn()
	for i := 0; d.Current() != c.layers[0].up; i++ {
		c.layers[1].bring(fill(c.layers[1].frame(delta, 6))...)
		start := delta
		if i == 0 {
			start = keyStart
		}
		c.layers[0].bring(c.layers[0].frame(start, 1)...)
		h.pass(frameTime)
		if i > 6 {
			t.Fatal("the viewer stays on the layer that it is behind on")
		}
	}
	for range 20 { // what is owed is paid back
		h.pass(replayPause)
		h.turn()
	}
	s.take()
	for range 5 {
		c.layers[0].bring(c.layers[0].frame(delta, 1)...)
		h.pass(frameTime)
	}
	got := s.take()
	count(t, "packets of the lower layer", len(got), 5)
	seamless(t, got)
}

func TestDownTrack_BeginsAgainWhenItHasFallenFarBehind(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(fill(p.frame(keyStart, 2))...)
	d.Pace(100_000)
	h.turn()
	for i := 0; d.Stats().LostPlace == 0; i++ {
		p.bring(fill(p.frame(delta, 10))...)
		h.pass(frameTime)
		h.turn()
		if i > 100 {
			t.Fatal("a thousand packets wait")
		}
	}
	if p.plis == 0 {
		t.Error("no key frame is asked for")
	}
	s.take()
	d.Pace(0)
	p.bring(fill(p.frame(keyStart, 3))...)
	got := s.take()
	count(t, "packets of the key frame", len(got), 3)
	seamless(t, got)
}

func TestDownTrack_RepeatsAreBoundedByThePace(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(fill(p.frame(keyStart, 60))...)
	sent := s.take()
	d.Pace(100_000)
	h.turn()
	for _, k := range sent {
		d.Nack([]uint16{k.Seq}, h.time)
		h.turn()
	}
	if n := len(s.take()); n == 0 || n > 8 {
		t.Errorf("%d of %d packets are repeated at once at 100 kbit/s", n, len(sent))
	}
}
