package host

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

const (
	// tendEvery is how often the layers of publications are looked at.
	tendEvery = 250 * time.Millisecond
	// tellLayersEvery is the least time between two announcements of a publication's layers: an encoder that
	// works its way up changes its picture's size several times in a few seconds.
	tellLayersEvery = time.Second
	// unwantedFor is how long nobody may want a layer before its sender is told to stop it. Starting again costs
	// a round trip and a key frame, so a viewer that comes back soon should find it running.
	unwantedFor = 5 * time.Second
	// A layer has stalled when the others have brought so many frames since its last, and it nothing for so long.
	// That is quicker than the second and a half after which it counts as dead.
	stalledFrames = 6
	stalledFor    = 400 * time.Millisecond
)

// layering is what is known of a publication's simulcast layers. It belongs to session.run, but for list.
type layering struct {
	list    atomic.Pointer[[]*sfu.UpTrack] // from the lowest up, as far as sizes are known; else as offered
	watch   map[*sfu.UpTrack]*layerWatch
	told    []roster.Layer
	toldAt  media.Time
	dynamic bool // its sender was told which layers are wanted
}

// layerWatch is what is remembered of one layer.
type layerWatch struct {
	frames, others uint64     // of the layer and of all others, when it last brought one
	idle           bool       // nobody wants it ...
	since          media.Time // ... since then
}

// WantedLayer tells a publisher whether anybody wants a layer of its picture.
type WantedLayer struct {
	RID    string
	Wanted bool
}

// layers returns the layers of a publication's picture from the lowest up, nil if it has none. What is returned is
// never changed. Any goroutine may call it.
func (m *mediaSession) layers() []*sfu.UpTrack {
	if list := m.layered.list.Load(); list != nil {
		return *list
	}
	return nil
}

// addLayer gives a publication a layer. Its first one is what viewers see until it is known which is best.
func (m *mediaSession) addLayer(up *sfu.UpTrack) (first bool) {
	list := append(slices.Clip(slices.Clone(m.layers())), up)
	m.layered.list.Store(&list)
	if m.layered.watch == nil {
		m.layered.watch = make(map[*sfu.UpTrack]*layerWatch)
	}
	m.layered.watch[up] = &layerWatch{}
	return len(list) == 1
}

// tend looks after the layers of everyone who publishes some, and says whether there is anyone.
func (s *session) tend(now media.Time) (some bool) {
	for _, f := range s.feeds {
		m := f.current
		if m == nil || m.layers() == nil {
			continue
		}
		some = true
		m.order()
		if o := m.offer(now); o.best != nil {
			m.up[media.Video].Store(o.best)
			for viewer := range f.viewers {
				viewer.showLayer(o)
			}
		}
		if m.of == nil { // a replica's layers are its source's matter
			s.askForLayers(m, now)
			s.tellLayers(m, now)
		}
	}
	return some
}

// order sorts the layers by the size of their picture. Those whose size is not known keep their places.
func (m *mediaSession) order() {
	list := slices.Clone(m.layers())
	var places []int
	var known []*sfu.UpTrack
	for i, up := range list {
		if area(up) > 0 {
			places, known = append(places, i), append(known, up)
		}
	}
	slices.SortStableFunc(known, func(a, b *sfu.UpTrack) int { return cmp.Compare(area(a), area(b)) })
	for i, place := range places {
		list[place] = known[i]
	}
	if !slices.Equal(list, m.layers()) {
		m.layered.list.Store(&list)
	}
}

func area(up *sfu.UpTrack) int {
	w, h := up.Size()
	return w * h
}

// layerOffer is what layers there are to choose from at a moment.
type layerOffer struct {
	best  *sfu.UpTrack // the highest that can be had, nil if there is none
	alive uint64       // a bit for each that can be had, the lowest layer's the lowest
}

// offer looks which layers can be had.
func (m *mediaSession) offer(now media.Time) (o layerOffer) {
	all := uint64(0)
	for _, up := range m.layers() {
		all += up.Stats().Frames
	}
	for i, up := range m.layers() {
		w, frames := m.layered.watch[up], up.Stats().Frames
		if frames != w.frames || up.Resting(now) {
			w.frames, w.others = frames, all-frames
		}
		if m.of == nil { // a replica sees what its source does
			up.Stall(all-frames-w.others >= stalledFrames && up.Idle(now) > stalledFor)
		}
		if up.Alive(now) {
			o.best = up
			o.alive |= 1 << i
		}
	}
	return o
}

// running returns what a newcomer is shown until it gets what it is to see: a picture at once, though of a lower layer,
// if the one that it would be shown has to be woken first.
func (m *mediaSession) running(up *sfu.UpTrack) *sfu.UpTrack {
	if !up.Asleep() {
		return up
	}
	for _, lower := range slices.Backward(m.layers()) {
		if !lower.Asleep() && lower.Alive(media.Now()) {
			return lower
		}
	}
	return up
}

// showLayer has a viewer see the best layer, or tells whoever chooses for it what there is.
func (m *mediaSession) showLayer(o layerOffer) {
	down := m.down[media.Video].Load()
	if down == nil {
		return
	}
	if m.steered.Load() {
		if m.offering != o {
			m.offering = o
			m.s.h.allocator.touch(m.allot)
		}
		return
	}
	if _, next := down.Wants(); next != o.best {
		down.Prefer(o.best)
	}
}

// askForLayers tells a publisher which layers anybody wants, so that it need not send the others: a start at once, a
// stop after unwantedFor. One layer always goes on. A publisher without a socket is not told and sends them all.
func (s *session) askForLayers(m *mediaSession, now media.Time) {
	socket := s.socketOf(m)
	if socket == nil {
		m.wakeLayers()
		return
	}
	list := m.layers()
	nobody := !slices.ContainsFunc(list, func(up *sfu.UpTrack) bool { return up.Viewers() > 0 })
	changed := !m.layered.dynamic // the first time it is told of all: it may know of another publication's
	for i, up := range list {
		w := m.layered.watch[up]
		switch {
		case up.Viewers() > 0 || nobody && i == 0:
			w.idle = false
			up.Wake() // which tells the publisher
		case up.Asleep():
		case !w.idle:
			w.idle, w.since = true, now
		case now-w.since >= unwantedFor:
			up.Sleep(func() { s.wakeUp(m) })
			changed = true
		}
	}
	if changed {
		m.layered.dynamic = true
		socket.WantLayers(m.wantedLayers())
	}
}

// wakeUp tells a publisher that a layer is wanted again, as soon as the session comes to it. Layers that are woken at
// once are told of at once.
func (s *session) wakeUp(m *mediaSession) {
	s.post(func() {
		if socket := s.socketOf(m); socket != nil && !m.ended {
			for _, up := range m.layers() {
				if w := m.layered.watch[up]; !up.Asleep() {
					w.idle = false
				}
			}
			socket.WantLayers(m.wantedLayers())
		}
	})
}

func (m *mediaSession) wantedLayers() []WantedLayer {
	var list []WantedLayer
	for _, up := range m.layers() {
		list = append(list, WantedLayer{RID: up.Track().RID, Wanted: !up.Asleep()})
	}
	return list
}

// remindLayers tells a publisher that has come back which layers are wanted: it may have missed that.
func (s *session) remindLayers(socket Socket, e roster.State) {
	f := s.feeds[e.Participant]
	if f != nil && f.current != nil && f.current.layered.dynamic {
		socket.WantLayers(f.current.wantedLayers())
	}
}

// wakeLayers takes for granted that all layers come: nobody can be told otherwise.
func (m *mediaSession) wakeLayers() {
	for _, up := range m.layers() {
		up.Wake()
	}
}

// socketOf returns the connection of a publication's owner, nil if it has none.
func (s *session) socketOf(m *mediaSession) Socket {
	s.mu.Lock()
	id := s.roster.Socket(m.owner.id)
	s.mu.Unlock()
	return s.sockets[id]
}

// tellLayers tells everyone of changes in a publication's layers.
func (s *session) tellLayers(m *mediaSession, now media.Time) {
	if m.layered.toldAt != 0 && now-m.layered.toldAt < tellLayersEvery {
		return
	}
	list := make([]roster.Layer, 0, len(m.layers()))
	known := false
	for _, up := range m.layers() {
		w, h := up.Size()
		known = known || w > 0
		list = append(list, roster.Layer{RID: up.Track().RID, Width: w, Height: h, Active: up.Alive(now)})
	}
	if !known || slices.Equal(list, m.layered.told) {
		return
	}
	m.layered.told, m.layered.toldAt = list, now
	_ = s.do(roster.SetLayers{Media: m.id, Layers: list}) // never refused
}

// tending is the clock by which a session looks after layers. It runs while there are some.
type tending struct{ ticker *time.Ticker }

func (t *tending) start() {
	if t.ticker == nil {
		t.ticker = time.NewTicker(tendEvery)
	}
}

func (t *tending) stop() {
	if t.ticker != nil {
		t.ticker.Stop()
		t.ticker = nil
	}
}

func (t *tending) due() <-chan time.Time {
	if t.ticker == nil {
		return nil
	}
	return t.ticker.C
}
