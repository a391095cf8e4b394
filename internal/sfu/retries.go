package sfu

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// retry is an up-track's part in retries.
type retry struct {
	place   place[UpTrack]
	pending atomic.Bool // retries see to it, or are about to
}

// retries ask publishers again for packets that are missing, once the time for it has come: without them, that would
// wait for the next packet of the track, and behind the last one of a burst there is none.
type retries struct {
	fresh  pile[UpTrack]
	kick   chan struct{}
	tracks []*UpTrack         // that miss something; of run alone
	ask    [maxMissing]uint16 // the same
}

// add has the track seen to until it misses nothing.
func (r *retries) add(u *UpTrack) {
	if !u.retry.pending.Swap(true) && r.fresh.put(&u.retry.place) {
		kick(r.kick)
	}
}

func (r *retries) run(ctx context.Context, now func() media.Time) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next, some := r.tick(now()); some {
			timer.Reset(max(next-now(), time.Millisecond))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-r.kick:
		}
	}
}

// tick asks for what is due, and returns when something will be next, if anything is missing.
func (r *retries) tick(now media.Time) (next media.Time, some bool) {
	r.fresh.each(func(u *UpTrack) { r.tracks = append(r.tracks, u) })
	kept := r.tracks[:0]
	for _, u := range r.tracks {
		u.requestMissing(now, 0, r.ask[:0])
		due, lacks := u.nextRetry()
		if !lacks || u.closed.Load() {
			u.retry.pending.Store(false)
			if u.lacks.Load() > 0 && !u.closed.Load() { // something was noted in between
				r.add(u)
			}
			continue
		}
		kept = append(kept, u)
		if !some || due < next {
			next, some = due, true
		}
	}
	clear(r.tracks[len(kept):])
	r.tracks = kept
	return next, some
}

// noteMissing remembers the numbers from first up to but without end for RequestPackets.
func (u *UpTrack) noteMissing(first, end media.Seq, now media.Time) {
	u.missingMu.Lock()
	gaveUp := 0
	if end-first > maxGap { // the sender began anew, or the line broke: nobody misses those numbers
		u.missing.n = 0
	} else {
		gaveUp = u.missing.note(first, end, now)
	}
	u.lacks.Store(int32(u.missing.n))
	u.missingMu.Unlock()
	u.gaveUp(gaveUp, now)
	u.room.engine.retries.add(u)
}

// came takes a number off the list of the missing, and says whether it was on it.
func (u *UpTrack) came(seq media.Seq) bool {
	if u.lacks.Load() == 0 {
		return false
	}
	u.missingMu.Lock()
	defer u.missingMu.Unlock()
	found := u.missing.came(seq)
	u.lacks.Store(int32(u.missing.n))
	return found
}

// tooLate says whether a packet was given up: viewers have gone on without it, and to some a picture has been sent
// that makes up for it.
func (u *UpTrack) tooLate(seq media.Seq) bool {
	if int64(seq) > u.givenUp.Load() {
		return false
	}
	u.missingMu.Lock()
	defer u.missingMu.Unlock()
	return !u.missing.has(seq)
}

// requestMissing asks for what is due. head is the highest number that came, 0 to go by time alone; ask is room for the
// numbers. It may be called from any goroutine.
func (u *UpTrack) requestMissing(now media.Time, head media.Seq, ask []uint16) {
	u.missingMu.Lock()
	ask, gaveUp := u.missing.due(now, head, ask)
	u.givenUp.Store(max(u.givenUp.Load(), int64(u.missing.givenUp)))
	u.lacks.Store(int32(u.missing.n))
	u.missingMu.Unlock()
	if len(ask) > 0 {
		u.stats.nacks.Add(uint64(len(ask)))
		u.source.RequestPackets(ask)
	}
	u.gaveUp(gaveUp, now)
}

// nextRetry returns when something missing is to be asked for or given up next, if anything is missing.
func (u *UpTrack) nextRetry() (media.Time, bool) {
	u.missingMu.Lock()
	defer u.missingMu.Unlock()
	return u.missing.next()
}

// gaveUp counts packets that won't come. Without them the picture stays broken up to the next key frame.
func (u *UpTrack) gaveUp(n int, now media.Time) {
	if n > 0 {
		u.stats.lost.Add(uint64(n))
		u.WantKeyFrame(now)
	}
}
