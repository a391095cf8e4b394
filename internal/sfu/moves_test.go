package sfu

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Whatever the line does to each layer's packets, and however a viewer changes between layers, what it gets is one
// flow: no number is used twice, a change begins at a key frame, nothing of the layer before follows it, the packets of
// a frame bear one time, and time goes on from frame to frame.
func TestDownTrack_MovesSeamlesslyForAnyInput(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkAnyMoves(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func checkAnyMoves(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	h := newHouse(1 + rnd.IntN(2))
	c := h.film(3)
	lines := make([]*line, len(c.layers))
	for i, p := range c.layers {
		p.seq, p.ts = uint16(1000+20000*i), rnd.Uint32()
		lines[i] = &line{rnd: rnd}
	}
	reports, late := rnd.IntN(3) > 0, make([]time.Duration, 3)
	for i := range late {
		late[i] = time.Duration(rnd.IntN(60)) * time.Millisecond
	}
	var viewers []*mover
	for range 3 {
		d, s := h.watch(c.layers[rnd.IntN(3)].up)
		viewers = append(viewers, &mover{down: d, sink: s, sent: map[uint16]written{}})
	}
	for n := range 250 {
		if reports && n%30 == 0 {
			c.report(late...)
		}
		for _, i := range rnd.Perm(3) {
			if rnd.IntN(40) == 0 {
				continue // the encoder drops one
			}
			p := c.layers[i]
			p.bring(lines[i].carry(nextPackets(p, rnd))...)
		}
		h.pass(frameTime)
		for _, v := range viewers {
			switch rnd.IntN(30) {
			case 0, 1, 2:
				v.down.Prefer(c.layers[rnd.IntN(3)].up)
			case 3:
				v.down.Pause()
				h.turn()
				v.down.Resume()
			}
			h.turn()
			v.read(t)
		}
	}
	moves := 0
	for _, v := range viewers {
		v.check(t)
		moves += int(v.down.Stats().Moves)
	}
	if moves == 0 {
		t.Error("nobody moved")
	}
}

// mover keeps what a viewer got.
type mover struct {
	down  *DownTrack
	sink  *sink
	sent  map[uint16]written
	order []uint16
}

func (m *mover) read(t *testing.T) {
	t.Helper()
	for _, k := range m.sink.take() {
		if old, twice := m.sent[k.Seq]; twice {
			t.Fatalf("number %d was used twice: %x and %x", k.Seq, old.payload, k.payload)
		}
		m.sent[k.Seq] = k
		m.order = append(m.order, k.Seq)
	}
}

// check looks at the flow in the order of its numbers.
func (m *mover) check(t *testing.T) {
	t.Helper()
	if len(m.order) == 0 {
		return
	}
	first := m.order[0]
	slices.SortFunc(m.order, func(a, b uint16) int { return int(int16(a-first)) - int(int16(b-first)) })
	var before written
	for _, seq := range m.order {
		k := m.sent[seq]
		if len(k.payload) == 0 {
			continue // fills a gap
		}
		switch {
		case before.payload == nil:
		case layerOf(k) != layerOf(before):
			if !bytes.HasPrefix(k.payload, keyStart) {
				t.Fatalf("number %d begins layer %d with %x", k.Seq, layerOf(k), k.payload)
			}
			if int32(k.Timestamp-before.Timestamp) <= 0 {
				t.Fatalf("layer %d begins at %d, layer %d was at %d", layerOf(k), k.Timestamp, layerOf(before), before.Timestamp)
			}
		case int32(k.Timestamp-before.Timestamp) < 0:
			t.Fatalf("number %d of layer %d goes back from %d to %d", k.Seq, layerOf(k), before.Timestamp, k.Timestamp)
		}
		before = k
	}
}

// The packets of one frame bear one time, though frames after a change are moved together.
func TestDownTrack_MakesUpForItsLatenessBetweenFrames(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	c.report(100 * time.Millisecond) // what the first layer shows is older
	d, s := h.watch(c.layers[1].up)
	c.shoot(1)
	c.shoot(-1)
	d.Prefer(c.layers[0].up)
	h.turn()
	for i := range 8 {
		key := delta
		if i == 0 {
			key = keyStart
		}
		c.layers[0].bring(c.layers[0].frame(key, 3)...)
		h.pass(frameTime)
	}
	got := s.take()
	times := map[uint32]int{}
	var order []uint32
	for _, k := range got {
		if layerOf(k) == 0 {
			if times[k.Timestamp] == 0 {
				order = append(order, k.Timestamp)
			}
			times[k.Timestamp]++
		}
	}
	count(t, "frames", len(order), 8)
	for _, n := range times {
		count(t, "packets of a frame", n, 3)
	}
	if a, b := order[1]-order[0], order[7]-order[6]; a != 90 || b != 3000 {
		t.Fatalf("the frames are at %v", order)
	}
	// In the end the viewer's time is the sender's again.
	if late := d.numbers.Late(); late != 0 {
		t.Fatalf("the viewer stays %d ticks late", late)
	}
}
