package host

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
)

// reporter tells the control plane what happened, in order. A fact is kept until the control plane has said that it is
// written; numbers let it tell what it is sent twice. Media never waits: facts go into a bounded queue. When the
// queue is three quarters full, those about subscriptions give way, so that there is room for who was there and who
// published; when it is full, all do. What gave way is counted.
type reporter struct {
	bus   bus.Bus
	log   *slog.Logger
	node  live.NodeID
	boot  string
	limit int
	wake  chan struct{} // has a token when something was queued
	lost  atomic.Uint64

	mu    sync.Mutex
	queue []report
	facts int       // in the queue
	next  uint64    // number of the next fact
	last  time.Time // of the last fact
}

// report is a fact, the end of a session, or a wish to know that all before it was sent.
type report struct {
	fact   live.Fact
	number uint64 // of the fact, 0 if it is none
	closed *live.SessionClosed
	done   chan struct{}
}

// Waits between tries to reach the control plane.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 4 * time.Second
	tellBus    = 5 * time.Second
	// refusals is how often the control plane may refuse the end of a session before it is taken at its word.
	refusals = 5
	// together is how many facts are sent at once: at 7 KB each at most they fit into a message.
	together = 100
)

func newReporter(o Options) *reporter {
	return &reporter{
		bus: o.Bus, log: o.Log, node: o.Node, boot: secret(), limit: o.FactQueue, next: 1, wake: make(chan struct{}, 1),
	}
}

// fact queues a fact or drops it. Facts get times that rise, even where the clock steps back.
func (r *reporter) fact(f live.Fact) {
	r.mu.Lock()
	full := r.facts >= r.limit
	if f.Name == live.SubscribeStarted || f.Name == live.SubscribeStopped || f.Name == live.SubscribeFailed {
		full = r.facts >= r.limit-r.limit/4
	}
	if full {
		r.mu.Unlock()
		if r.lost.Add(1) == 1 {
			r.log.Error("facts are lost: the control plane does not take them as fast as they happen", "queue", r.limit)
		}
		return
	}
	f.At = f.At.UTC().Truncate(time.Microsecond)
	if !f.At.After(r.last) {
		f.At = r.last.Add(time.Microsecond)
	}
	r.last = f.At
	r.queue = append(r.queue, report{fact: f, number: r.next})
	r.next++
	r.facts++
	r.mu.Unlock()
	r.poke()
}

func (r *reporter) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// closed tells that a session is over and waits until the control plane knows, or ctx ends.
func (r *reporter) closed(ctx context.Context, c live.SessionClosed) {
	r.wait(ctx, report{closed: &c, done: make(chan struct{})})
}

// flush waits until everything queued so far was written, or ctx ends.
func (r *reporter) flush(ctx context.Context) { r.wait(ctx, report{done: make(chan struct{})}) }

func (r *reporter) wait(ctx context.Context, p report) {
	r.mu.Lock()
	r.queue = append(r.queue, p)
	r.mu.Unlock()
	r.poke()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}

// run sends until ctx ends.
func (r *reporter) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := r.peek()
		if len(next) == 0 {
			select {
			case <-r.wake:
			case <-ctx.Done():
			}
			continue
		}
		if r.send(ctx, next) {
			r.drop(len(next))
		}
	}
	r.mu.Lock()
	r.lost.Add(uint64(r.facts))
	r.mu.Unlock()
}

// peek returns what is to be sent next: facts that follow each other, or one other report.
func (r *reporter) peek() []report {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(r.queue) && n < together && r.queue[n].number != 0 {
		n++
	}
	if n == 0 {
		n = min(1, len(r.queue))
	}
	return r.queue[:n:n]
}

// drop takes out what has been sent.
func (r *reporter) drop(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range r.queue[:n] {
		if p.number != 0 {
			r.facts--
		}
		if p.done != nil {
			close(p.done)
		}
		r.queue[i] = report{} // the array behind it lives on
	}
	if r.queue = r.queue[n:]; len(r.queue) == 0 {
		r.queue = nil
	}
}

// send tries until it is done or there is no point in trying again. It returns false if ctx has ended before.
func (r *reporter) send(ctx context.Context, next []report) bool {
	pause := firstRetry
	for tries := 1; ; tries++ {
		err := r.try(ctx, next)
		if err == nil {
			return true
		}
		var refused *bus.RemoteError
		if c := next[0].closed; c != nil && errors.As(err, &refused) && tries >= refusals {
			r.log.Warn("the control plane does not take the end of a session", "stage_id", c.Stage, "error", err)
			return true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
		pause = min(2*pause, lastRetry)
	}
}

func (r *reporter) try(ctx context.Context, next []report) error {
	ctx, cancel := context.WithTimeout(ctx, tellBus)
	defer cancel()
	switch first := next[0]; {
	case first.closed != nil:
		_, err := bus.Ask[struct{}](ctx, r.bus, bus.SessionClosed, first.closed)
		return err
	case first.number != 0:
		reports := live.Reports{Node: r.node, Boot: r.boot, First: first.number}
		for _, p := range next {
			reports.Facts = append(reports.Facts, p.fact)
		}
		_, err := bus.Ask[struct{}](ctx, r.bus, bus.Facts, reports)
		return err
	}
	return nil
}

// waiting returns how many facts have not been written yet.
func (r *reporter) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts
}
