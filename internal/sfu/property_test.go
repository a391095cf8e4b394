package sfu

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// Whatever the line does to a publisher's packets, each viewer's numbers are seamless: none twice, each for one
// packet, in the order of the source, a gap only for what never came; and asking for any recent number brings the
// same bytes.
func TestDownTrack_IsSeamlessForAnyInput(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkAnyInput(t, rand.New(rand.NewPCG(seed, 2))) })
	}
}

func checkAnyInput(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	h := newHouse(1 + rnd.IntN(3))
	p := h.publish(h264)
	p.seq, p.ts = uint16(rnd.Uint32()), rnd.Uint32()
	line := &line{rnd: rnd}
	viewers := map[*DownTrack]*viewer{}
	for range 200 {
		if len(viewers) < 8 && rnd.IntN(10) == 0 {
			d, s := h.watch(p.up)
			viewers[d] = &viewer{sink: s, byNumber: map[uint16]written{}, packetOf: map[uint16]uint16{}}
		}
		h.pass(time.Duration(rnd.IntN(40)) * time.Millisecond)
		p.bring(line.carry(nextPackets(p, rnd))...)
		for _, v := range viewers {
			v.read(t)
		}
	}
	p.bring(line.held...)
	h.turn()
	for d, v := range viewers {
		v.read(t)
		v.askAgain(t, h, d)
	}
}

// nextPackets returns a frame, a key frame now and then, with probes behind it.
func nextPackets(p *publisher, rnd *rand.Rand) []*media.Packet {
	start := delta
	if rnd.IntN(20) == 0 {
		start = keyStart
	}
	packets := p.frame(start, 1+rnd.IntN(8))
	for rnd.IntN(8) == 0 {
		probe := p.packet(nil, false)
		probe.Payload = nil
		packets = append(packets, probe)
	}
	return packets
}

// line loses, doubles and delays packets.
type line struct {
	rnd  *rand.Rand
	held []*media.Packet
}

func (l *line) carry(packets []*media.Packet) []*media.Packet {
	var out []*media.Packet
	for _, p := range packets {
		switch l.rnd.IntN(20) {
		case 0: // lost
		case 1:
			l.held = append(l.held, p)
		case 2:
			out = append(out, p, p)
		default:
			out = append(out, p)
		}
		if len(l.held) > 0 && l.rnd.IntN(10) == 0 {
			out, l.held = append(out, l.held[0]), l.held[1:]
		}
	}
	return out
}

// viewer checks what it gets.
type viewer struct {
	sink     *sink
	byNumber map[uint16]written
	packetOf map[uint16]uint16 // the viewer's number to the publisher's
	began    bool
	top      uint16
	shift    uint16 // publisher's number less ours, of top
}

func (v *viewer) read(t *testing.T) {
	t.Helper()
	for _, k := range v.sink.take() {
		if old, twice := v.byNumber[k.Seq]; twice {
			t.Fatalf("number %d was used twice: %x and %x", k.Seq, old.payload, k.payload)
		}
		v.byNumber[k.Seq] = k
		if len(k.payload) == 0 {
			continue
		}
		n := len(k.payload)
		from := uint16(k.payload[n-2])<<8 | uint16(k.payload[n-1])
		shift := from - k.Seq
		if v.began && int16(k.Seq-v.top) > 0 && int16(shift-v.shift) < 0 {
			t.Fatalf("number %d leaves a gap where none is", k.Seq)
		}
		v.packetOf[k.Seq] = from
		if !v.began || int16(k.Seq-v.top) > 0 {
			v.began, v.top, v.shift = true, k.Seq, shift
		}
	}
}

// askAgain asks for each of the last hundred numbers.
func (v *viewer) askAgain(t *testing.T, h *house, d *DownTrack) {
	t.Helper()
	answered := 0
	for i := range uint16(100) {
		want, sent := v.byNumber[v.top-i]
		h.pass(time.Second)
		d.Nack([]uint16{v.top - i}, h.time)
		h.turn()
		got := v.sink.take()
		if !sent {
			count(t, "packets repeated that never were sent", len(got), 0)
			continue
		}
		want.Repeat = true
		if len(got) == 1 {
			answered++
			if got[0].Header != want.Header || !bytes.Equal(got[0].payload, want.payload) {
				t.Fatalf("number %d repeated as %+v, was %+v", v.top-i, got[0], want)
			}
		}
	}
	if v.began && len(v.byNumber) > 200 && answered < 60 {
		t.Fatalf("only %d of the last 100 can be repeated", answered)
	}
}
