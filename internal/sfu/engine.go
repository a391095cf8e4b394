// Package sfu forwards packets from up-tracks to down-tracks: what one participant sends, to all that watch it.
//
// An UpTrack is a media.Receiver: the goroutine that reads a publisher's packets puts each into the track's one
// ring, asks again for what is missing, and wakes the workers. The Engine's workers walk what is new times
// their share of the viewers, one viewer after the other, so that a viewer's packets leave together; each owns
// a batch and hands it to the Sinks it writes to. A DownTrack belongs to one worker for life. Whoever else wants
// something of it (feedback from its viewer, Switch, Close) leaves a note in its inbox, so viewers share no lock
// and every call to a Sink comes from one goroutine.
//
// Engine.Run owns all goroutines: the workers, and those that repeat requests for key frames and for packets. Everything else is
// called by others and returns at once.
//
// Deliberately not here: who may watch whom (roster, host), encryption and addresses (rtc, packetio), HTTP, SQL
// and messages.
package sfu

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// Sink takes one outgoing track. Its methods are called by one worker, with the batch that worker owns; they
// neither block nor allocate, and do nothing while the far end can't be reached.
type Sink interface {
	// Write encrypts a packet into the batch. The payload is valid during the call only, and must not be
	// changed. An empty payload fills a number the viewer would otherwise wait for.
	Write(b *packetio.Batch, h media.Header, payload []byte)
	// WriteReport takes the publisher's sender report, its RTP time in the outgoing track's clock.
	WriteReport(r media.SenderReport)
}

// Options configure an Engine.
type Options struct {
	// Workers is how many goroutines spread packets; 0 means one for each processor Go uses.
	Workers int
	// NewBatch makes a worker's batch; nil means that the sinks need none.
	NewBatch func() *packetio.Batch
	// Hold is how long the begun frame of a picture waits for its rest, so that a viewer's packets of one frame
	// leave together. 0 means a millisecond; below 0 nothing waits. Sound never waits.
	Hold time.Duration
	// Now is the clock; nil means media.Now.
	Now func() media.Time
	Log *slog.Logger
}

// Engine spreads the packets of many rooms.
type Engine struct {
	log     *slog.Logger
	now     func() media.Time
	hold    time.Duration
	workers []*worker
	wishes  wishes
	retries retries
}

// NewEngine returns an engine. It spreads nothing until Run.
func NewEngine(o Options) *Engine {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Hold == 0 {
		o.Hold = time.Millisecond
	}
	if o.NewBatch == nil {
		o.NewBatch = func() *packetio.Batch { return nil }
	}
	if o.Now == nil {
		o.Now = media.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{log: o.Log, now: o.Now, hold: o.Hold, wishes: wishes{kick: make(chan struct{}, 1)}, retries: retries{kick: make(chan struct{}, 1)}}
	for i := range o.Workers {
		e.workers = append(e.workers, newWorker(i, o))
	}
	return e
}

// Run spreads until ctx ends and returns nil. It must be called once.
func (e *Engine) Run(ctx context.Context) error {
	e.log.InfoContext(ctx, "forwarding", "workers", len(e.workers))
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range e.workers {
		g.Go(func() error { return w.run(ctx) })
	}
	g.Go(func() error { return e.wishes.run(ctx, e.now) })
	g.Go(func() error { return e.retries.run(ctx, e.now) })
	return g.Wait()
}

// NewRoom returns an empty room.
func (e *Engine) NewRoom() *Room {
	return &Room{engine: e, ups: map[*UpTrack]struct{}{}, downs: map[*DownTrack]struct{}{}}
}

// idlest returns the worker with the least to do.
func (e *Engine) idlest() *worker {
	best := e.workers[0]
	for _, w := range e.workers[1:] {
		if w.weight.Load() < best.weight.Load() {
			best = w
		}
	}
	return best
}

// A worker's weight is the sum of its down-tracks': roughly the packets per second of each.
const (
	videoWeight = 4
	audioWeight = 1
)

func weightOf(k media.Kind) int64 {
	if k == media.Video {
		return videoWeight
	}
	return audioWeight
}

var _ interface {
	media.Receiver
} = (*UpTrack)(nil)

var _ media.Feedback = (*DownTrack)(nil)
