package sfu

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/ring"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// bunch is how many packets of a track a worker takes at a time to all its viewers. A viewer's packets of one
// bunch leave as one segmented datagram.
const bunch = 64

// worker spreads packets to its share of the viewers. All of them and the batch are its goroutine's own.
type worker struct {
	index int
	batch *packetio.Batch
	now   func() media.Time
	wake  chan struct{}

	shares pile[share]     // with something to spread
	downs  pile[DownTrack] // with something in the inbox
	weight atomic.Int64

	seqs    [bunch]media.Seq
	held    [bunch]*ring.Packet
	replays []*DownTrack // under way
	notes   notes        // of the down-track being served
	room    [media.MaxPacket]byte
	oldest  media.Time // arrival of the oldest packet of this turn, -1 for none
	sent    tally
	stats   workerCounters
}

// tally is what a worker has written in a turn, or a viewer in a part of it.
type tally struct{ packets, bytes uint64 }

func newWorker(index int, o Options) *worker {
	return &worker{index: index, batch: o.NewBatch(), now: o.Now, wake: make(chan struct{}, 1)}
}

func (w *worker) run(ctx context.Context) error {
	pause := time.NewTimer(replayPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-pause.C:
		}
		w.turn(w.now())
		if len(w.replays) > 0 {
			pause.Reset(replayPause)
		}
	}
}

// spreadSoon has what is new in the share spread.
func (w *worker) spreadSoon(s *share) {
	if w.shares.put(&s.place) {
		kick(w.wake)
	}
}

// serveSoon has the down-track's inbox read.
func (w *worker) serveSoon(d *DownTrack) {
	if w.downs.put(&d.place) {
		kick(w.wake)
	}
}

// turn does everything there is to do, and sends.
func (w *worker) turn(now media.Time) {
	w.oldest, w.sent = -1, tally{}
	w.downs.each(func(d *DownTrack) { d.serve(now) })
	w.shares.each(func(s *share) { s.spread(now) })
	w.replay(now)
	if w.batch != nil {
		w.batch.Flush()
	}
	if w.sent.packets == 0 {
		return
	}
	w.stats.turns.Add(1)
	w.stats.packets.Add(w.sent.packets)
	w.stats.bytes.Add(w.sent.bytes)
	if w.oldest >= 0 {
		w.stats.observe(w.now() - w.oldest)
	}
}
