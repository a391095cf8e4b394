package sfu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// lockedSource is a source that may be asked from several goroutines.
type lockedSource struct {
	mu sync.Mutex
	source
}

func (s *lockedSource) RequestKeyFrame() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source.RequestKeyFrame()
}

func (s *lockedSource) RequestPackets(seqs []uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source.RequestPackets(seqs)
}

func (s *lockedSource) requests() (packets, keyFrames int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.nacks), s.plis
}

// Behind the last packet of a burst nothing comes that could remind of what is missing.
func TestRetries_AskAgainThoughNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		e := NewEngine(Options{Workers: 1, Now: func() media.Time { return time.Minute + time.Since(start) }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = e.Run(ctx)
		}()
		s := &lockedSource{source: source{track: h264}}
		up := e.NewRoom().AddUp(s)
		for _, seq := range []uint16{100, 101, 103} {
			up.Receive(&media.Packet{Seq: seq, Payload: delta, Arrival: e.now()})
		}
		up.Flush(e.now())
		for _, want := range []struct {
			after time.Duration
			asked int
		}{{0, 0}, {21 * time.Millisecond, 1}, {72 * time.Millisecond, 2}, {173 * time.Millisecond, 3}, {3 * time.Second, maxTries}} {
			time.Sleep(want.after - time.Since(start))
			synctest.Wait()
			if asked, _ := s.requests(); asked != want.asked {
				t.Fatalf("after %v it was asked for %d times, want %d", want.after, asked, want.asked)
			}
		}
		if st := up.Stats(); st.Lost != 1 || st.Nacks != maxTries {
			t.Errorf("%+v", st)
		}
		if _, keyFrames := s.requests(); keyFrames == 0 {
			t.Error("no key frame was asked for")
		}
		stop()
		<-done
	})
}

func TestUpTrack_DropsWhatComesAfterItWasGivenUp(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	f := p.frame(keyStart, 5)
	p.bring(f[0], f[2])
	for range 300 {
		h.pass(10 * time.Millisecond)
		h.engine.retries.tick(h.time)
	}
	count(t, "given up", int(p.up.Stats().Lost), 1)
	p.bring(f[4]) // f[3] is late, but not too late
	s.take()
	p.bring(f[1])
	count(t, "packets that were given up and reach viewers", len(s.take()), 0)
	count(t, "too late", int(p.up.Stats().Late), 1)
	p.bring(f[3])
	count(t, "packets that were overtaken and reach viewers", len(s.take()), 1)
}

// Whatever a line does, no packet is asked for more often than it may be, nor once it is there; and in the end each that
// was missed has come or was given up.
func TestRetries_AskForNothingInVain(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkRetries(t, rand.New(rand.NewPCG(seed, 5))) })
	}
}

func checkRetries(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	h := newHouse(1)
	p := h.publish(h264)
	p.seq = uint16(rnd.Uint32())
	line := &line{rnd: rnd}
	came, asked := map[uint16]bool{}, map[uint16]int{}
	look := func() {
		t.Helper()
		for _, seq := range p.nacks {
			if asked[seq]++; asked[seq] > maxTries || came[seq] {
				t.Fatalf("packet %d is asked for %d times; it has come: %v", seq, asked[seq], came[seq])
			}
		}
		p.nacks = nil
	}
	for range 150 {
		h.pass(time.Duration(rnd.IntN(30)) * time.Millisecond)
		for _, k := range line.carry(nextPackets(p, rnd)) {
			p.bring(k)
			look()
			came[k.Seq] = true
		}
		h.pass(time.Duration(rnd.IntN(30)) * time.Millisecond)
		h.engine.retries.tick(h.time)
		look()
	}
	for range 400 {
		h.pass(10 * time.Millisecond)
		h.engine.retries.tick(h.time)
		look()
	}
	if n := p.up.lacks.Load(); n != 0 || len(h.engine.retries.tracks) != 0 {
		t.Errorf("%d packets are neither there nor given up; %d tracks are seen to", n, len(h.engine.retries.tracks))
	}
}
