package sfu

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// keyFrameEvery is the least time between two key-frame requests to a publisher, however many viewers ask.
const keyFrameEvery = time.Second

// wish is the viewers' wish for a key frame of one up-track. It stands until one comes.
type wish struct {
	stands atomic.Bool
	asked  atomic.Int64 // media.Time of the last request, plus one; 0 for never
	place  place[UpTrack]
	listed bool // by wishes.run
}

// due returns when the next request may be sent.
func (w *wish) due() media.Time {
	asked := w.asked.Load()
	if asked == 0 {
		return 0
	}
	return media.Time(asked-1) + keyFrameEvery
}

// take says whether a request may be sent now, and if so counts it as sent.
func (w *wish) take(now media.Time) bool {
	asked := w.asked.Load()
	if asked != 0 && now < media.Time(asked-1)+keyFrameEvery {
		return false
	}
	return w.asked.CompareAndSwap(asked, int64(now)+1)
}

// wishes repeats the requests of the tracks whose wish stands, once the time for it has come.
type wishes struct {
	fresh  pile[UpTrack]
	kick   chan struct{}
	tracks []*UpTrack // whose wish stands; of run alone
}

// add has the track's wish seen to.
func (w *wishes) add(u *UpTrack) {
	if w.fresh.put(&u.wish.place) {
		kick(w.kick)
	}
}

func (w *wishes) run(ctx context.Context, now func() media.Time) error {
	timer := time.NewTimer(keyFrameEvery)
	defer timer.Stop()
	for {
		if next, stands := w.tick(now()); stands {
			timer.Reset(max(next-now(), time.Millisecond))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-w.kick:
		}
	}
}

// tick sends the requests that are due, and returns when the next one will be, if a wish stands.
func (w *wishes) tick(now media.Time) (next media.Time, stands bool) {
	w.fresh.each(func(u *UpTrack) {
		if !u.wish.listed {
			u.wish.listed = true
			w.tracks = append(w.tracks, u)
		}
	})
	kept := w.tracks[:0]
	for _, u := range w.tracks {
		if !u.wish.stands.Load() || u.closed.Load() {
			u.wish.listed = false
			continue
		}
		kept = append(kept, u)
		u.ask(now)
		if due := u.wish.due(); !stands || due < next {
			next, stands = due, true
		}
	}
	clear(w.tracks[len(kept):])
	w.tracks = kept
	return next, stands
}

// kick wakes whoever waits on the channel, which holds one.
func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
