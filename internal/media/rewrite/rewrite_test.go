package rewrite

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const rate = 90000

func at(ms int) media.Time { return media.Time(ms) * time.Millisecond }

func next(t *testing.T, r *Rewriter, seq media.Seq, ts uint32, ms int, wantSeq uint16, wantTS uint32) {
	t.Helper()
	gotSeq, gotTS, ok := r.Next(seq, ts, at(ms))
	if !ok || gotSeq != wantSeq || gotTS != wantTS {
		t.Fatalf("Next(%d, %d) = %d, %d, %v, want %d, %d", seq, ts, gotSeq, gotTS, ok, wantSeq, wantTS)
	}
}

func source(t *testing.T, r *Rewriter, wire uint16, want media.Seq) {
	t.Helper()
	got, _, ok := r.Source(wire)
	if ok != (want != 0) || got != want {
		t.Fatalf("Source(%d) = %d, %v, want %d", wire, got, ok, want)
	}
}

func TestRewriter_KeepsTheDistanceOfPackets(t *testing.T) {
	r := New(10, 1000)
	r.Start(500, 7000, at(0), rate)
	next(t, &r, 500, 7000, 0, 10, 1000)
	next(t, &r, 503, 10000, 33, 13, 4000) // two are missing: gaps remain for them
	next(t, &r, 501, 7000, 34, 11, 1000)  // one comes late
	next(t, &r, 504, 10000, 34, 14, 4000)
	next(t, &r, 503, 10000, 35, 13, 4000) // the same again
	if _, _, ok := r.Next(499, 7000, at(36)); ok {
		t.Fatal("a packet from before the start got a number")
	}
	source(t, &r, 11, 501)
	source(t, &r, 12, 502)
	source(t, &r, 15, 0)
	source(t, &r, 9, 0)
}

func TestRewriter_ClosesTheNumberOfAPacketLeftOut(t *testing.T) {
	r := New(10, 0)
	r.Start(500, 0, at(0), rate)
	next(t, &r, 500, 0, 0, 10, 0)
	for seq := media.Seq(501); seq < 504; seq++ {
		if _, _, gap := r.Drop(seq, 0); gap {
			t.Fatalf("dropping %d in order left a gap", seq)
		}
	}
	next(t, &r, 504, 0, 0, 11, 0)
	next(t, &r, 506, 0, 0, 13, 0)
	if wire, ts, gap := r.Drop(505, 90); !gap || wire != 12 || ts != 90 {
		t.Fatalf("dropping an overtaken packet = %d, %d, %v", wire, ts, gap)
	}
	if _, _, ok := r.Next(502, 0, 0); ok {
		t.Fatal("a packet left out got a number after all")
	}
	source(t, &r, 10, 500)
	source(t, &r, 11, 504)
	source(t, &r, 13, 506)
}

func TestRewriter_LeavesAPacketOutBehindAMissingOne(t *testing.T) {
	r := New(10, 0)
	r.Start(500, 0, at(0), rate)
	next(t, &r, 500, 0, 0, 10, 0)
	r.Drop(502, 0) // 501 is missing
	next(t, &r, 503, 0, 0, 12, 0)
	next(t, &r, 501, 0, 0, 11, 0)
	source(t, &r, 11, 501)
	source(t, &r, 12, 503)
}

func TestRewriter_GoesOnSeamlesslyWithAnotherSource(t *testing.T) {
	r := New(65534, 1<<32-3000)
	r.Start(500, 7000, at(0), rate)
	next(t, &r, 500, 7000, 0, 65534, 1<<32-3000)
	next(t, &r, 501, 10000, 33, 65535, 0)
	r.Forget()
	if r.Started() {
		t.Fatal("still started after Forget")
	}
	r.Start(90000, 123456, at(133), rate)
	next(t, &r, 90000, 123456, 133, 0, 9000) // 100 ms later, and a wrap of both
	next(t, &r, 90001, 126456, 166, 1, 12000)
	source(t, &r, 65535, 0)
	source(t, &r, 0, 90000)
}

func TestRewriter_RemembersWhatWasSentBeforeABreak(t *testing.T) {
	r := New(10, 0)
	r.Start(500, 9000, at(0), rate)
	next(t, &r, 500, 9000, 0, 10, 0)
	next(t, &r, 501, 12000, 33, 11, 3000)
	r.Break()
	r.Start(499, 6000, at(133), rate) // begins again further back
	next(t, &r, 499, 6000, 133, 12, 12000)
	next(t, &r, 500, 9000, 133, 13, 15000)
	source(t, &r, 11, 501)
	source(t, &r, 13, 500)
	if seq, clock, _ := r.Source(10); seq != 500 || clock.Time(9000) != 0 {
		t.Fatalf("number 10 was %d with time %d", seq, clock.Time(9000))
	}
}

func TestRewriter_SqueezesTheTimeOfAReplay(t *testing.T) {
	r := New(10, 0)
	r.StartReplay(500, 9000, at(0), rate)
	next(t, &r, 500, 9000, 0, 10, 0)
	next(t, &r, 501, 12200, 0, 11, 100)
	next(t, &r, 502, 15400, 0, 12, 200)
	if _, ok := r.Timestamp(15400); ok {
		t.Fatal("a report may be mapped in the middle of a replay")
	}
	r.Live(503, 15400)
	next(t, &r, 503, 15400, 0, 13, 200) // the rest of the same frame
	next(t, &r, 504, 18400, 33, 14, 3200)
	next(t, &r, 501, 12200, 34, 11, 100)
	if ts, ok := r.Timestamp(18400); !ok || ts != 3200 {
		t.Fatalf("Timestamp = %d, %v", ts, ok)
	}
	if seq, clock, ok := r.Source(11); !ok || seq != 501 || clock.Time(12200) != 100 {
		t.Fatal("a replayed packet can't be repeated as it was")
	}
}

func TestRewriter_TimeRunsOnForDays(t *testing.T) {
	r := New(1, 5)
	r.Start(1<<16, 1<<31, at(0), rate)
	ts, want := uint32(1<<31), uint32(5)
	for i := range 200 { // 200 × 1.3 hours of 90 kHz
		next(t, &r, 1<<16+media.Seq(i), ts, i, uint16(1+i), want)
		ts, want = ts+1<<28, want+1<<28
	}
}

// Whatever comes in, in whatever order: no number is given twice, order is kept, and only what is missing
// leaves a gap.
func TestRewriter_NumbersAreSeamlessForAnyInput(t *testing.T) {
	for seed := range uint64(300) {
		checkSeamless(t, rand.New(rand.NewPCG(seed, 1)))
	}
}

func checkSeamless(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	const n = 400
	r := New(uint16(rnd.Uint32()), rnd.Uint32())
	first := media.Seq(1 << 16)
	probe := make([]bool, n)
	for i := 1; i < n; i++ {
		probe[i] = rnd.IntN(12) == 0
	}
	r.Start(first, 0, 0, rate)
	sent := map[uint16]int{} // viewer's number to packet
	filled := map[uint16]bool{}
	for _, i := range shuffled(rnd, n) {
		seq := first + media.Seq(i)
		if probe[i] {
			if wire, _, gap := r.Drop(seq, 0); gap {
				filled[wire] = true
			}
			continue
		}
		wire, _, ok := r.Next(seq, uint32(i), 0)
		if !ok {
			continue
		}
		if _, twice := sent[wire]; twice {
			t.Fatalf("number %d was given twice", wire)
		}
		sent[wire] = i
	}
	for wire, i := range sent {
		if filled[wire] {
			t.Fatalf("number %d is both a packet and filled", wire)
		}
		if seq, _, ok := r.Source(wire); ok && seq != first+media.Seq(i) {
			t.Fatalf("number %d was packet %d, Source says %d", wire, i, seq-first)
		}
	}
	if len(sent)+len(filled) < n/2 {
		t.Fatalf("only %d of %d got a number", len(sent), n)
	}
}

// shuffled returns 0..n-1, some lost, some up to eight places late.
func shuffled(rnd *rand.Rand, n int) []int {
	var order, late []int
	for i := range n {
		switch {
		case i == 0:
			order = append(order, i)
		case rnd.IntN(20) == 0: // lost
		case rnd.IntN(10) == 0:
			late = append(late, i)
		default:
			order = append(order, i)
		}
		if len(late) > 0 && rnd.IntN(4) == 0 {
			order, late = append(order, late[0]), late[1:]
		}
	}
	return append(order, late...)
}

func TestRewriter_AllocatesNothing(t *testing.T) {
	r := New(1, 1)
	r.Start(1<<16, 0, 0, rate)
	seq := media.Seq(1 << 16)
	if n := testing.AllocsPerRun(1000, func() {
		wire, _, _ := r.Next(seq, uint32(seq), 0)
		r.Drop(seq+1, 0)
		r.Source(wire)
		seq += 2
	}); n != 0 {
		t.Fatalf("%v allocations per packet", n)
	}
}

func BenchmarkRewriter_Next(b *testing.B) {
	r := New(1, 1)
	r.Start(1<<16, 0, 0, rate)
	for i := 0; b.Loop(); i++ {
		r.Next(media.Seq(1<<16+i), uint32(i), 0)
	}
}

func BenchmarkRewriter_Source(b *testing.B) {
	r := New(1, 1)
	r.Start(1<<16, 0, 0, rate)
	for i := range 1000 {
		if seq := media.Seq(1<<16 + i); i%20 == 0 {
			r.Drop(seq, 0)
		} else {
			r.Next(seq, 0, 0)
		}
	}
	wire := r.out.Wire()
	for i := 0; b.Loop(); i++ {
		r.Source(wire - uint16(i%500))
	}
}

func TestRewriter_TurnsToAnotherSourceAndStillKnowsTheFirst(t *testing.T) {
	r := New(10, 1000)
	r.Start(500, 7000, at(0), rate)
	next(t, &r, 500, 7000, 0, 10, 1000)
	next(t, &r, 502, 10000, 33, 12, 4000)
	r.Turn()
	if r.Started() {
		t.Fatal("still started after a turn")
	}
	r.StartAt(90000, 50, 7000, rate)
	next(t, &r, 90000, 50, 66, 13, 7000)
	next(t, &r, 90001, 3050, 99, 14, 10000)
	if _, _, ok := r.Next(503, 10000, at(99)); ok {
		t.Fatal("a packet of the first source got a number of the second")
	}
	source(t, &r, 12, 502)
	source(t, &r, 11, 501)
	source(t, &r, 13, 90000)
	if _, c, _ := r.Source(12); c.Epoch() == r.Epoch() || c.Time(10000) != 4000 {
		t.Fatalf("number 12 is of epoch %d, at %d", c.Epoch(), c.Time(10000))
	}
}

func TestRewriter_MakesUpForAStartThatHadToBePutOff(t *testing.T) {
	r := New(10, 0)
	r.Start(500, 0, at(0), rate)
	next(t, &r, 500, 9000, 0, 10, 9000)
	r.Turn()
	r.StartAt(700, 0, 6000, rate) // has been shown
	if r.Late() != 3000+90 {
		t.Fatalf("late by %d", r.Late())
	}
	next(t, &r, 700, 0, 0, 11, 9090)
	next(t, &r, 701, 0, 0, 12, 9090)
	next(t, &r, 702, 3000, 0, 13, 9180)  // 9000 would be its time
	next(t, &r, 704, 6000, 0, 15, 12180) // something is missing: no good moment
	next(t, &r, 703, 3000, 0, 14, 9180)
	next(t, &r, 705, 6000, 0, 16, 12180)
	next(t, &r, 706, 9000, 0, 17, 15000)
	if r.Late() != 0 {
		t.Fatalf("late by %d in the end", r.Late())
	}
	next(t, &r, 702, 3000, 0, 13, 9180)
}

func TestRewriter_StartsAtItsTimeWhenThatHasNotPassed(t *testing.T) {
	r := New(10, 0)
	r.StartAt(5, 77, 400, rate)
	next(t, &r, 5, 77, 0, 10, 400)
	r.Turn()
	r.StartAt(5, 0, 500, rate)
	next(t, &r, 5, 0, 0, 11, 500)
	if r.Late() != 0 {
		t.Fatalf("late by %d", r.Late())
	}
}
