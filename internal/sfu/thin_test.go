package sfu

import (
	"testing"

	"github.com/proscenium-live/proscenium/internal/media"
)

// spare begins a slice that no other frame needs.
var spare = []byte{0x01, 0x9a}

func (p *publisher) spareFrame(n int) []*media.Packet {
	var packets []*media.Packet
	for i := range n {
		packets = append(packets, p.packet(spare, i == n-1))
	}
	p.ts += 3000
	return packets
}

func TestDownTrack_ThinLeavesOutWhatNothingDependsOn(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	_, other := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	p.bring(p.spareFrame(2)...)
	count(t, "packets before", len(s.take()), 4)
	other.take()
	d.Thin(true)
	h.turn()
	for range 10 {
		p.bring(p.spareFrame(2)...)
		p.bring(p.frame(delta, 3)...)
	}
	got := s.take()
	seamless(t, got)
	count(t, "packets of a thinned viewer", len(got), 30)
	count(t, "packets of another", len(other.take()), 50)
	count(t, "packets left out", int(d.Stats().Thinned), 20)
	if got[3].Timestamp-got[0].Timestamp != 6000 {
		t.Fatalf("two frames passed as %d ticks", got[3].Timestamp-got[0].Timestamp)
	}
	d.Thin(false)
	h.turn()
	p.bring(p.spareFrame(2)...)
	count(t, "packets afterwards", len(s.take()), 2)
}

func TestDownTrack_ThinBeginsAndEndsBetweenFrames(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	frame := p.spareFrame(3)
	p.bring(frame[0])
	s.take()
	d.Thin(true)
	h.turn()
	p.bring(frame[1:]...)
	count(t, "packets of a frame that was begun", len(s.take()), 2)
	p.bring(p.spareFrame(3)...)
	count(t, "packets of the next", len(s.take()), 0)
}

func TestDownTrack_ThinFillsTheGapOfAPacketThatWasOvertaken(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	d.Thin(true)
	h.turn()
	late := p.spareFrame(1)
	p.bring(p.frame(delta, 1)...)
	before := s.take()
	p.bring(late...)
	got := s.take()
	count(t, "packets", len(got), 1)
	if len(got[0].payload) != 0 || got[0].Seq != before[len(before)-1].Seq-1 {
		t.Fatalf("%+v", got)
	}
}

func TestUpTrack_TellsWhatThinningLeaves(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	for i := range 120 {
		k := p.packet([][]byte{delta, spare}[i%2], true)
		k.Payload = append(k.Payload, make([]byte, 1000)...)
		k.Arrival = h.time
		p.up.Receive(k)
		h.pass(frameTime)
	}
	all, thin := p.up.Rate(h.time), p.up.ThinRate(h.time)
	if half := all / 2; thin < half*9/10 || thin > half*11/10 {
		t.Fatalf("%d of %d bit/s remain", thin, all)
	}
}
