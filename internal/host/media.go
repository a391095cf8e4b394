package host

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sfu"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// mediaSession is a publication or a subscription: the peer at the far end and its tracks here.
type mediaSession struct {
	id        roster.MediaID
	owner     holder
	s         *session
	publisher live.ParticipantID // whom it shows; "" for a publication
	peer      *rtc.Peer          // nil for a publisher inside the process
	tracks    []media.Track      // of a publication: what it may send
	release   func()             // gives back the place among the pending ones
	local     *LocalPublication  // of a publisher inside the process
	offered   time.Time          // when its client's offer came

	gone      atomic.Bool   // its peer has ended, perhaps before the roster knew of it
	connected atomic.Int64  // the media.Time since when its media may flow, 0 before
	span      *tracing.Span // of the request that began it, until its first media; nil: nobody traces
	sample    sample
	player    player // of a subscription
	platform  Platform

	of *mediaSession // of a replica's publication: the one that it stands for, whose tracks it shows

	ended    bool                         // of session.run alone, as is
	shownAs  map[*mediaSession]struct{}   // in other sessions
	layered  layering                     // of a publication
	steered  atomic.Bool                  // somebody chooses the layers of a subscription
	allot    *allotment                   // of a subscription: who does
	offering layerOffer                   // to the allotment, when it was told last; of session.run alone
	shown    atomic.Pointer[mediaSession] // the publication that a subscription shows; written by session.run alone
	// Written by session.run alone. Of layers it is the one that is shown to whoever has no wish:
	up   [kinds]atomic.Pointer[sfu.UpTrack]
	down [kinds]atomic.Pointer[sfu.DownTrack]
}

// kinds is how many media.Kinds there are, with one for none.
const kinds = int(media.Video) + 1

// feed is what a publisher's viewers are shown. It belongs to session.run.
type feed struct {
	current *mediaSession // nil while there is none
	viewers map[*mediaSession]struct{}
}

// registry finds media sessions by id.
type registry struct{ m sync.Map }

func (r *registry) put(m *mediaSession)      { r.m.Store(m.id, m) }
func (r *registry) remove(id roster.MediaID) { r.m.Delete(id) }
func (r *registry) find(id roster.MediaID) *mediaSession {
	m, ok := r.m.Load(id)
	if !ok {
		return nil
	}
	return m.(*mediaSession)
}

func (r *registry) each(f func(*mediaSession)) {
	r.m.Range(func(_, m any) bool {
		f(m.(*mediaSession))
		return true
	})
}

// onTrack takes a track of a publisher.
func (m *mediaSession) onTrack(source media.Source) media.Receiver {
	up := m.s.room.AddUp(source)
	if !m.s.post(func() { m.s.addUp(m, source.Track().Kind, up) }) {
		up.Close()
	}
	return up
}

// onState follows the peer's life.
func (m *mediaSession) onState(state rtc.State) {
	switch state {
	case rtc.Connected:
		m.release()
		_ = m.s.do(roster.Connected{Media: m.id}, func() { m.s.attach(m) }) // never refused
		m.joined()
	case rtc.Failed, rtc.Closed:
		m.release()
		m.gone.Store(true)
		if state == rtc.Failed {
			m.span.Fail("the media path did not come up, or was lost")
		}
		_ = m.s.do(roster.Ended{Media: m.id}) // never refused
	case rtc.New:
	}
}

// addUp gives a publication a track, and its viewers.
func (s *session) addUp(m *mediaSession, kind media.Kind, up *sfu.UpTrack) {
	if m.ended {
		m.closeUp(up)
		return
	}
	first := true
	if up.Track().RID != "" {
		s.tending.start()
		first = m.addLayer(up)
	}
	if first {
		if older := m.up[kind].Swap(up); older != nil {
			m.closeUp(older)
		}
	}
	for there := range m.shownAs {
		there.s.post(func() { there.s.addUp(there, kind, up) })
	}
	f := s.feeds[m.owner.id]
	if f == nil || f.current != m || !first {
		return
	}
	for viewer := range f.viewers {
		s.show(viewer, kind, up)
	}
}

// attach shows a viewer that is connected now what its publisher sends.
func (s *session) attach(m *mediaSession) {
	if m.publisher == "" || m.ended {
		return
	}
	f := s.feed(m.publisher)
	f.viewers[m] = struct{}{}
	if f.current != nil {
		s.showAll(m, f.current)
	}
	if m.allot != nil {
		m.allot.add(m)
	}
}

// route shows a publisher's viewers another publication.
func (s *session) route(e roster.Route) {
	m := s.h.media.find(e.To)
	if m == nil {
		return // it ended meanwhile; the roster will say what comes instead
	}
	f := s.feed(e.Publisher)
	f.current = m
	if m.layers() != nil {
		s.tending.start()
	}
	for viewer := range f.viewers {
		s.showAll(viewer, m)
	}
}

func (s *session) showAll(viewer, publication *mediaSession) {
	viewer.shown.Store(publication)
	for kind := range publication.up {
		if up := publication.up[kind].Load(); up != nil {
			s.show(viewer, media.Kind(kind), publication.running(up))
		}
	}
}

// show has a viewer get a track from now on.
func (s *session) show(viewer *mediaSession, kind media.Kind, up *sfu.UpTrack) {
	sink := viewer.peer.Sink(kind)
	if sink != nil && !sink.Plays(up.Track().Codec) {
		// The publisher has come back with another codec: the viewer has to negotiate anew.
		_ = s.do(roster.Ended{Media: viewer.id}) // never refused
		return
	}
	defer s.h.allocator.touch(viewer.allot)
	if down := viewer.down[kind].Load(); down != nil {
		down.Switch(up)
		return
	}
	if sink == nil {
		return
	}
	down := s.room.AddDown(up, sink)
	sink.SetFeedback(down)
	viewer.down[kind].Store(down)
}

// endMedia closes a media session and takes it out everywhere.
func (s *session) endMedia(id roster.MediaID) {
	m := s.h.media.find(id)
	if m == nil {
		return
	}
	s.h.media.remove(id)
	m.ended = true
	if m.allot != nil {
		m.allot.remove(m)
	}
	m.look(media.Now()) // a short one may have had its first media since the last sample
	m.span.End()
	m.release()
	publisher := m.publisher
	if publisher == "" {
		publisher = m.owner.id
	}
	if f := s.feeds[publisher]; f != nil {
		delete(f.viewers, m)
		if f.current == m {
			f.current = nil
		}
		if f.current == nil && len(f.viewers) == 0 {
			delete(s.feeds, publisher)
		}
	}
	for kind := range m.down {
		if down := m.down[kind].Load(); down != nil {
			down.Close()
		}
		if up := m.up[kind].Load(); up != nil {
			m.closeUp(up)
		}
	}
	for _, up := range m.layers() {
		m.closeUp(up)
	}
	if m.peer != nil {
		m.peer.Close()
	}
	if m.local != nil {
		close(m.local.done)
	}
}

// closeUp closes a track, unless it is only shown here.
func (m *mediaSession) closeUp(up *sfu.UpTrack) {
	if m.of == nil {
		up.Close()
	}
}

func (s *session) feed(id live.ParticipantID) *feed {
	f := s.feeds[id]
	if f == nil {
		f = &feed{viewers: make(map[*mediaSession]struct{})}
		s.feeds[id] = f
	}
	return f
}
