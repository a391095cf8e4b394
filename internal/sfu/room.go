package sfu

import (
	"sync"

	"github.com/proscenium-live/proscenium/internal/media"
)

// Room holds the tracks of one session, so that they can be closed together.
type Room struct {
	engine *Engine

	mu     sync.Mutex
	ups    map[*UpTrack]struct{}
	downs  map[*DownTrack]struct{}
	closed bool
}

// AddUp returns an up-track for what source brings. The caller hands it packets until it closes it.
func (r *Room) AddUp(source media.Source) *UpTrack {
	u := newUpTrack(r, source)
	r.mu.Lock()
	defer r.mu.Unlock()
	u.closed.Store(r.closed)
	r.ups[u] = struct{}{}
	return u
}

// AddDown returns a down-track that forwards up to sink: sound from the next packet on, pictures from the last
// key frame if it is at hand, else from the next, which is asked for. up may be nil, to be given by Switch.
// What is written while the sink's far end isn't connected is lost, so add the track when it is.
func (r *Room) AddDown(up *UpTrack, sink Sink) *DownTrack {
	kind := media.Video
	if up != nil {
		kind = up.track.Kind
	}
	d := newDownTrack(r, sink, kind)
	r.mu.Lock()
	r.downs[d] = struct{}{}
	closed := r.closed
	r.mu.Unlock()
	if closed {
		d.Close()
		return d
	}
	d.Switch(up)
	return d
}

// Close closes every track of the room. Tracks added afterwards carry nothing.
func (r *Room) Close() {
	r.mu.Lock()
	r.closed = true
	ups, downs := keys(r.ups), keys(r.downs)
	r.mu.Unlock()
	for _, u := range ups {
		u.Close()
	}
	for _, d := range downs {
		d.Close()
	}
}

// Tracks returns how many tracks go up and down.
func (r *Room) Tracks() (up, down int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ups), len(r.downs)
}

func (r *Room) dropUp(u *UpTrack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ups, u)
}

func (r *Room) dropDown(d *DownTrack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.downs, d)
}

func keys[T any](m map[*T]struct{}) []*T {
	list := make([]*T, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}
