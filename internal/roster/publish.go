package roster

import (
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Publish offers a publication. Viewers may ask for it at once; it is announced when it is Connected, and replaces
// the participant's publication then. One that was still coming gives way at once.
// It returns InsufficientCapabilities, ParticipantRevoked, QuotaExceeded or StageNotFound.
type Publish struct {
	Identity
	Media    MediaID
	Tracks   []string
	Protocol string // what others are told as long as the participant has no socket
}

// Subscribe asks for a publisher's media. It returns InsufficientCapabilities, ParticipantRevoked, QuotaExceeded,
// PublisherNotFound or StageNotFound.
type Subscribe struct {
	Identity
	Media     MediaID
	Publisher live.ParticipantID
}

// Connected says that a media session's path is up.
type Connected struct{ Media MediaID }

// Ended says that a media session is over: its owner or its path ended it.
type Ended struct{ Media MediaID }

func (c Publish) do(r *Roster, now time.Time) error {
	if !r.capabilities(c.Identity).Publish {
		return r.refused(live.PublishFailed, c.Identity, "", errIncapable("publish"), now)
	}
	r.displace(c.ID, now)
	p, err := r.admit(c.Identity, now)
	if err != nil {
		return r.refused(live.PublishFailed, c.Identity, "", err, now)
	}
	if p.current() == nil && r.o.Publishers > 0 && r.offering >= r.o.Publishers {
		r.settle(p, now)
		err := errFull("publishers", r.offering, r.o.Publishers, "quotas.publishers_per_stage")
		return r.refused(live.PublishFailed, c.Identity, "", err, now)
	}
	m := &media{id: c.Media, owner: p, tracks: c.Tracks, protocol: c.Protocol}
	r.media[m.id] = m
	older := p.coming
	if p.current() == nil {
		r.offering++
	}
	p.coming = m
	if p.live == nil {
		r.emit(Route{Publisher: p.ID, To: m.id})
	}
	if older != nil {
		delete(r.media, older.id)
		r.emit(EndMedia{Media: older.id})
	}
	return nil
}

func (c Subscribe) do(r *Roster, now time.Time) error {
	if !r.capabilities(c.Identity).Subscribe {
		return r.refused(live.SubscribeFailed, c.Identity, c.Publisher, errIncapable("subscribe"), now)
	}
	if r.barred[c.ID] {
		return r.refused(live.SubscribeFailed, c.Identity, c.Publisher, errBarred(c.ID), now)
	}
	r.displace(c.ID, now)
	publisher := r.participants[c.Publisher]
	if publisher == nil || publisher.current() == nil {
		err := live.Refuse(live.NotFound, live.PublisherNotFound, "participant %s does not publish on stage %s", c.Publisher, r.o.Stage)
		return r.refused(live.SubscribeFailed, c.Identity, c.Publisher, err, now)
	}
	p, err := r.admit(c.Identity, now)
	if err != nil {
		return r.refused(live.SubscribeFailed, c.Identity, c.Publisher, err, now)
	}
	if err := r.mayView(p); err != nil {
		r.settle(p, now)
		return r.refused(live.SubscribeFailed, c.Identity, c.Publisher, err, now)
	}
	m := &media{id: c.Media, owner: p, publisher: c.Publisher, at: len(r.viewers[c.Publisher])}
	r.media[m.id] = m
	r.viewers[c.Publisher] = append(r.viewers[c.Publisher], m)
	if len(p.subs) == 0 {
		r.subscribers++
	}
	p.subs = append(p.subs, m)
	r.subscriptions++
	return nil
}

func (r *Roster) mayView(p *participant) *live.Error {
	if len(p.subs) == 0 && r.o.Subscribers > 0 && r.subscribers >= r.o.Subscribers {
		return errFull("subscribers", r.subscribers, r.o.Subscribers, "quotas.subscribers_per_stage")
	}
	if n := p.sessions(); r.o.MediaSessions > 0 && n >= r.o.MediaSessions {
		err := live.Refuse(live.Exhausted, live.QuotaExceeded,
			"the participant has %d media sessions, the limit is %d (setting max_media_sessions)", n, r.o.MediaSessions)
		err.RetryAfter = 5 * time.Second
		return err
	}
	return nil
}

func (c Connected) do(r *Roster, now time.Time) error {
	m := r.media[c.Media]
	if m == nil || m.connected {
		return nil
	}
	m.connected = true
	p := m.owner
	r.join(p, now)
	if m.publisher != "" {
		r.report(live.SubscribeStarted, p, m.publisher, "", now)
		return nil
	}
	older := p.live
	p.live, p.coming = m, nil
	if older == nil {
		r.publishers = append(r.publishers, p)
		r.announce(OpJoin, p)
		r.report(live.PublishStarted, p, "", "", now)
		r.mirror(p, now)
		return nil
	}
	delete(r.media, older.id)
	r.emit(Route{Publisher: p.ID, To: m.id})
	r.emit(EndMedia{Media: older.id})
	if !slices.Equal(older.tracks, m.tracks) {
		r.announce(OpUpdate, p)
	}
	r.mirror(p, now)
	return nil
}

func (c Ended) do(r *Roster, now time.Time) error {
	m := r.media[c.Media]
	if m == nil {
		return nil
	}
	p := m.owner
	r.emit(EndMedia{Media: m.id})
	switch {
	case m.publisher != "":
		r.unsubscribe(m, now)
	case m == p.live && p.coming != nil:
		r.silence(p, now)
		r.emit(Route{Publisher: p.ID, To: p.coming.id})
	case m == p.coming && p.live != nil:
		p.coming = nil
		delete(r.media, m.id)
	default:
		r.unpublishQuietly(p, now)
	}
	r.settle(p, now)
	return nil
}

// silence takes the live publication away and tells everyone.
func (r *Roster) silence(p *participant, now time.Time) {
	delete(r.media, p.live.id)
	p.live = nil
	r.publishers = slices.DeleteFunc(r.publishers, func(q *participant) bool { return q == p })
	r.announce(OpLeave, p)
	r.report(live.PublishStopped, p, "", "", now)
}

// unpublish ends all that the participant publishes, and the sessions of its viewers.
func (r *Roster) unpublish(p *participant, now time.Time) {
	for _, m := range []*media{p.live, p.coming} {
		if m != nil {
			r.emit(EndMedia{Media: m.id})
		}
	}
	r.unpublishQuietly(p, now)
}

// unpublishQuietly is unpublish for publications whose own end has been told.
func (r *Roster) unpublishQuietly(p *participant, now time.Time) {
	if p.current() == nil {
		return
	}
	if p.coming != nil {
		delete(r.media, p.coming.id)
		p.coming = nil
	}
	if p.live != nil {
		r.silence(p, now)
	}
	if p.replica == nil { // which keeps its place until it goes
		r.offering--
	}
	viewers := r.viewers[p.ID]
	for len(viewers) > 0 {
		m := viewers[len(viewers)-1]
		r.emit(EndMedia{Media: m.id})
		r.unsubscribe(m, now)
		r.settle(m.owner, now)
		viewers = r.viewers[p.ID]
	}
	r.mirror(p, now)
}

// unsubscribe forgets a subscription.
func (r *Roster) unsubscribe(m *media, now time.Time) {
	delete(r.media, m.id)
	r.subscriptions--
	p := m.owner
	p.subs = slices.DeleteFunc(p.subs, func(q *media) bool { return q == m })
	if len(p.subs) == 0 {
		r.subscribers--
	}
	viewers := r.viewers[m.publisher]
	last := viewers[len(viewers)-1]
	viewers[m.at], last.at = last, m.at
	viewers[len(viewers)-1] = nil
	viewers = viewers[:len(viewers)-1]
	if r.viewers[m.publisher] = viewers; len(viewers) == 0 {
		delete(r.viewers, m.publisher)
	}
	if m.connected {
		r.report(live.SubscribeStopped, p, m.publisher, "", now)
	}
}

func errIncapable(what string) *live.Error {
	return live.Refuse(live.Denied, live.InsufficientCapabilities, "the token does not allow to %s", what)
}
