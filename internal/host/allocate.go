package host

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
	"github.com/proscenium-live/proscenium/internal/media/layer"
)

const (
	// settleEvery is how often what a viewer gets is looked at while its line bears less than it wants, and
	// settleSeldom while it bears what is wanted but is known to have a bound: bitrates change. A viewer whose line has
	// shown no bound is looked at when something happens to it, and costs nothing else.
	settleEvery  = 200 * time.Millisecond
	settleSeldom = time.Second
	// sweepEvery is how often participants that have left are forgotten, keepAllotment how long they are kept without
	// a media session.
	sweepEvery    = 10 * time.Second
	keepAllotment = 30 * time.Second
)

// Adaptation says how viewers are given what their lines bear.
type Adaptation struct {
	Off        bool          // nobody's line is estimated
	Start, Min media.Bitrate // of an estimate; a Start of 0 is no bound until the line shows one
	Max        media.Bitrate // of all that a participant is sent; 0 is no limit
}

// allocator gives all viewers of a host what their lines bear, by one goroutine: it works on who was touched, and looks
// again, after a while, at those whose lines have a bound.
type allocator struct {
	h    *Host
	wake chan struct{} // holds one

	mu         sync.Mutex
	touched    []*allotment
	allotments map[holder]*allotment
	past       bwe.Stats // of those who left; counters only

	bounded map[*allotment]struct{} // of run alone, as is
	scratch scratch

	pauses, resumes, ups, downs atomic.Uint64
}

// scratch is what settling needs, for one after the other.
type scratch struct {
	subs    []layer.Subscription
	choices []int
	layers  [][]layer.Layer
}

func (c *allocator) init(h *Host) {
	c.h, c.wake = h, make(chan struct{}, 1)
	c.allotments, c.bounded = make(map[holder]*allotment), make(map[*allotment]struct{})
}

// of returns a participant's allotment.
func (c *allocator) of(who holder) *allotment {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.allotments[who]
	if a == nil {
		a = newAllotment(c, who)
		c.allotments[who] = a
	}
	a.used.Store(int64(media.Now()))
	return a
}

// find is of, but returns nil for who has none.
func (c *allocator) find(who holder) *allotment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allotments[who]
}

// touch has a participant's allotment settled soon. It takes no other lock.
func (c *allocator) touch(a *allotment) {
	if a == nil || a.dirty.Swap(true) {
		return
	}
	c.mu.Lock()
	c.touched = append(c.touched, a)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *allocator) take() []*allotment {
	c.mu.Lock()
	defer c.mu.Unlock()
	touched := c.touched
	c.touched = nil
	return touched
}

// run settles allotments until ctx ends.
func (c *allocator) run(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	again := time.NewTimer(settleEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			c.sweep(media.Now())
			continue
		case <-c.wake:
		case <-again.C:
		}
		now := media.Now()
		for _, a := range c.take() {
			a.dirty.Store(false)
			c.settle(a, now)
		}
		for a := range c.bounded {
			if now >= a.next {
				c.settle(a, now)
			}
		}
		if len(c.bounded) > 0 {
			again.Reset(settleEvery)
		}
	}
}

// settle gives a participant what its line bears.
func (c *allocator) settle(a *allotment, now media.Time) {
	switch a.settle(&c.scratch, now) {
	case settled:
		delete(c.bounded, a)
		return
	case content:
		a.next = now + settleSeldom
	case wanting:
		a.next = now
	}
	c.bounded[a] = struct{}{}
}

// sweep forgets who has left.
func (c *allocator) sweep(now media.Time) {
	c.mu.Lock()
	all := make([]*allotment, 0, len(c.allotments))
	for _, a := range c.allotments {
		all = append(all, a)
	}
	c.mu.Unlock()
	for _, a := range all {
		if !a.idle() || now-media.Time(a.used.Load()) < keepAllotment || c.h.has(a.who) {
			continue
		}
		c.mu.Lock()
		if c.allotments[a.who] == a {
			delete(c.allotments, a.who)
			s := a.stats()
			c.past.Probes, c.past.Confirms, c.past.Cuts = c.past.Probes+s.Probes, c.past.Confirms+s.Confirms, c.past.Cuts+s.Cuts
		}
		c.mu.Unlock()
		delete(c.bounded, a)
	}
}

// AdaptationStats are how viewers are adapted to. The counters only grow.
type AdaptationStats struct {
	Bounded  int    // participants whose line has shown a bound
	Estimate Spread // bits per second, of their lines
	Paused   int    // subscriptions without picture, because the line does not bear it

	Probes, Confirms uint64 // begun, and those that showed more
	Cuts             uint64 // times that an estimate fell
	Pauses, Resumes  uint64 // of pictures
	Ups, Downs       uint64 // changes to a higher, and to a lower layer
}

// Adaptation returns how viewers are adapted to.
func (h *Host) Adaptation() AdaptationStats {
	c := &h.allocator
	c.mu.Lock()
	all := make([]*allotment, 0, len(c.allotments))
	for _, a := range c.allotments {
		all = append(all, a)
	}
	s := AdaptationStats{Probes: c.past.Probes, Confirms: c.past.Confirms, Cuts: c.past.Cuts}
	c.mu.Unlock()
	for _, a := range all {
		line := a.stats()
		s.Probes, s.Confirms, s.Cuts = s.Probes+line.Probes, s.Confirms+line.Confirms, s.Cuts+line.Cuts
		if line.Estimate > 0 && !a.idle() {
			s.Bounded++
			s.Estimate.add(float64(line.Estimate))
		}
		s.Paused += a.pausedNow()
	}
	s.Pauses, s.Resumes, s.Ups, s.Downs = c.pauses.Load(), c.resumes.Load(), c.ups.Load(), c.downs.Load()
	return s
}
