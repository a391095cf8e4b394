package host

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
)

// reporter tells the control plane what happened, in order, from a bounded queue. Media never waits for it: facts that find
// the queue full are lost and counted.
type reporter struct {
	bus   bus.Bus
	log   *slog.Logger
	queue chan report
	lost  atomic.Uint64
}

// report is a fact, the end of a session, or a wish to know that all before it was sent.
type report struct {
	fact   live.Fact
	closed *live.SessionClosed
	done   chan struct{}
}

// Waits between tries to reach the control plane.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 4 * time.Second
	tellBus    = 2 * time.Second
	// refusals is how often the control plane may refuse the end of a session before it is taken at its word.
	refusals = 5
)

func newReporter(o Options) *reporter {
	return &reporter{bus: o.Bus, log: o.Log, queue: make(chan report, o.FactQueue)}
}

// fact queues a fact or drops it.
func (r *reporter) fact(f live.Fact) {
	select {
	case r.queue <- report{fact: f}:
	default:
		if r.lost.Add(1) == 1 {
			r.log.Warn("facts are lost: the control plane does not take them as fast as they happen", "queue", cap(r.queue))
		}
	}
}

// closed tells that a session is over and waits until the control plane knows, or ctx ends.
func (r *reporter) closed(ctx context.Context, c live.SessionClosed) {
	r.wait(ctx, report{closed: &c, done: make(chan struct{})})
}

// flush waits until everything queued so far was sent, or ctx ends.
func (r *reporter) flush(ctx context.Context) { r.wait(ctx, report{done: make(chan struct{})}) }

func (r *reporter) wait(ctx context.Context, p report) {
	select {
	case r.queue <- p:
	case <-ctx.Done():
		return
	}
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}

// run sends until ctx ends.
func (r *reporter) run(ctx context.Context) {
	for {
		select {
		case p := <-r.queue:
			r.send(ctx, p)
			if p.done != nil {
				close(p.done)
			}
		case <-ctx.Done():
			r.lost.Add(uint64(len(r.queue)))
			return
		}
	}
}

// send tries until it is done or there is no point in trying again.
func (r *reporter) send(ctx context.Context, p report) {
	if p.closed == nil && p.fact.Name == "" {
		return
	}
	pause := firstRetry
	for tries := 1; ; tries++ {
		err := r.try(ctx, p)
		var refused *bus.RemoteError
		if err == nil || ctx.Err() != nil {
			return
		}
		if errors.As(err, &refused) && tries >= refusals {
			r.log.Warn("the control plane does not take the end of a session", "stage_id", p.closed.Stage, "error", err)
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

func (r *reporter) try(ctx context.Context, p report) error {
	ctx, cancel := context.WithTimeout(ctx, tellBus)
	defer cancel()
	if p.closed != nil {
		_, err := bus.Ask[struct{}](ctx, r.bus, bus.SessionClosed, p.closed)
		return err
	}
	return bus.Tell(ctx, r.bus, bus.Fact, p.fact)
}
