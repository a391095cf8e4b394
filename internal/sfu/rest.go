package sfu

import (
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// wakeGrace is how long a track that was woken may take to bring something before it counts as dead: a round trip, the
// start of an encoder, and what a phone needs on top.
const wakeGrace = 4 * time.Second

// rest is whether an up-track's sender was told that nobody wants it.
type rest struct {
	wake  atomic.Pointer[func()] // not nil: it sleeps
	woken atomic.Int64           // media.Time plus one; 0 for never

	stalled atomic.Bool // somebody knows that it has stopped
}

func (r *rest) quiet(now media.Time) bool {
	if r.wake.Load() != nil {
		return true
	}
	woken := r.woken.Load()
	return woken != 0 && now-media.Time(woken-1) < wakeGrace
}

// Stall says that the track has stopped, or has not, for who knows sooner than Alive does.
func (u *UpTrack) Stall(stalled bool) { u.rest.stalled.Store(stalled) }

// Sleep says that the track's sender was told to stop, because nobody wants it. It still counts as alive. wake is called
// once when it is wanted again, from the goroutine that wants it, and must not block.
func (u *UpTrack) Sleep(wake func()) { u.rest.wake.Store(&wake) }

// Asleep says whether the track sleeps.
func (u *UpTrack) Asleep() bool { return u.rest.wake.Load() != nil }

// Wake ends the sleep of a track, and says whether it slept.
func (u *UpTrack) Wake() bool {
	wake := u.rest.wake.Swap(nil)
	if wake == nil {
		return false
	}
	u.rest.woken.Store(int64(u.room.engine.now()) + 1)
	(*wake)()
	return true
}

// Viewers returns how many down-tracks, of any room, show the track or wait to, pauses aside.
func (u *UpTrack) Viewers() int {
	n := 0
	for i := range u.shares {
		n += int(u.shares[i].viewers.Load())
	}
	return n
}

// Resting says whether nothing need be expected of the track now: it sleeps, or was woken a moment ago.
func (u *UpTrack) Resting(now media.Time) bool { return u.rest.quiet(now) }

// wanted wakes the track for a viewer that may see it.
func (u *UpTrack) wanted(d *DownTrack) {
	if u == nil || !u.Asleep() {
		return
	}
	if paused, _ := d.inbox.wants(); !paused {
		u.Wake()
	}
}
