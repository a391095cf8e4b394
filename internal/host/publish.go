package host

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sdp"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Offer is a client's side of a media session.
type Offer struct {
	SDP  []byte
	From netip.Addr // where the request came from, for limits; the zero Addr is one address like others

	Client live.Client // the program that sent it
}

// Answer is the server's side of it.
type Answer struct {
	ID   roster.MediaID // 128 random bits: names the session in URLs
	ETag string         // of the ICE session, without quotes
	SDP  []byte
}

// Publish sets up a publication. It replaces the participant's earlier one when it is connected. Errors have the reasons
// InvalidOffer, UnsupportedCodec, InsufficientCapabilities, ParticipantRevoked, StageNotFound, QuotaExceeded or NoCapacity.
func (h *Host) Publish(ctx context.Context, c live.Claims, o Offer) (Answer, error) {
	a, err := h.publish(ctx, c, o)
	if err != nil {
		h.counts.publishesRefused.Add(1)
	}
	return a, err
}

func (h *Host) publish(ctx context.Context, c live.Claims, o Offer) (Answer, error) {
	if !c.Capabilities.Publish {
		return Answer{}, h.incapable(c, roster.Publish{Identity: identity(c)})
	}
	who := identity(c)
	who.Client = o.Client
	return h.negotiate(ctx, c, "", o, func(s *session, offer *sdp.Offer, m *mediaSession, po rtc.PeerOptions) ([]byte, error) {
		if n := int(h.counts.publications.Load()); h.o.Publishers > 0 && n >= h.o.Publishers && s.publication(c.Participant) == nil {
			err := nodeFull("publishers", n, h.o.Publishers, "quotas.publishers")
			s.failed(c, live.PublishFailed, "", err)
			return nil, err
		}
		po.OnTrack = m.onTrack
		peer, answer, err := h.o.Transport.Publish(offer, po)
		if err != nil {
			s.failed(c, live.PublishFailed, "", err)
			return nil, err
		}
		m.peer, m.tracks = peer, peer.Tracks()
		return answer, h.enter(m, roster.Publish{Identity: who, Media: m.id, Tracks: names(m.tracks), Protocol: "WHIP"})
	})
}

// Subscribe sets up a subscription to a publisher of the same stage. Errors are those of Publish, and PublisherNotFound.
func (h *Host) Subscribe(ctx context.Context, c live.Claims, publisher live.ParticipantID, o Offer) (Answer, error) {
	a, err := h.subscribe(ctx, c, publisher, o)
	if err != nil {
		h.counts.subscribesRefused.Add(1)
	}
	return a, err
}

func (h *Host) subscribe(ctx context.Context, c live.Claims, publisher live.ParticipantID, o Offer) (Answer, error) {
	wish := roster.Subscribe{Identity: identity(c), Publisher: publisher}
	wish.Client = o.Client
	if !c.Capabilities.Subscribe {
		return Answer{}, h.incapable(c, wish)
	}
	if n := int(h.counts.subscriptions.Load()); h.o.Subscriptions > 0 && n >= h.o.Subscriptions {
		err := nodeFull("subscriptions", n, h.o.Subscriptions, "quotas.subscriptions")
		h.refused(live.SubscribeFailed, c, publisher, err)
		return Answer{}, err
	}
	return h.negotiate(ctx, c, publisher, o, func(s *session, offer *sdp.Offer, m *mediaSession, po rtc.PeerOptions) ([]byte, error) {
		wish.Media = m.id
		shown := s.publication(publisher)
		if shown == nil {
			return nil, s.absent(wish)
		}
		po.CNAME = string(publisher) // its tracks are to be played in sync
		m.allot = h.allocator.of(m.owner)
		po.Link = m.allot.link
		peer, answer, err := h.o.Transport.Subscribe(offer, shown.tracks, po)
		if err != nil {
			s.failed(c, live.SubscribeFailed, publisher, err)
			return nil, err
		}
		m.peer = peer
		return answer, h.enter(m, wish)
	})
}

// negotiate does what publishing and subscribing share: limits, the offer, the session, and taking back what was begun.
func (h *Host) negotiate(ctx context.Context, c live.Claims, publisher live.ParticipantID, o Offer,
	connect func(*session, *sdp.Offer, *mediaSession, rtc.PeerOptions) ([]byte, error),
) (Answer, error) {
	offered, span := time.Now(), tracing.From(ctx)
	who, failed := holder{stage: c.Topic, id: c.Participant}, live.PublishFailed
	if publisher != "" {
		failed = live.SubscribeFailed
	}
	if err := h.admit(who); err != nil {
		h.refused(failed, c, publisher, err)
		return Answer{}, err
	}
	release, err := h.pending.reserve(who, o.From)
	if err != nil {
		h.refused(failed, c, publisher, err)
		return Answer{}, err
	}
	answering := span.Child("offer")
	defer answering.End()
	offer, err := sdp.ParseOffer(o.SDP)
	if err != nil {
		release()
		h.refused(failed, c, publisher, err)
		return Answer{}, err
	}
	var m *mediaSession
	var answer []byte
	err = h.with(ctx, c.Topic, func(s *session) error {
		if err := s.fits(c); err != nil {
			return err
		}
		m = &mediaSession{id: roster.MediaID(secret()), owner: who, s: s, publisher: publisher, release: release, offered: offered, platform: platformOf(o.Client)}
		m.traced(span)
		answer, err = connect(s, offer, m, rtc.PeerOptions{ID: string(m.id), OnState: m.onState})
		return err
	})
	if err != nil {
		release()
		return Answer{}, err
	}
	return Answer{ID: m.id, ETag: m.peer.ETag(), SDP: answer}, nil
}

// enter has the roster take a media session whose peer is waiting for its client, or closes the peer.
func (h *Host) enter(m *mediaSession, c roster.Command) error {
	h.media.put(m) // before the roster can say that it ended
	if err := m.s.do(c); err != nil {
		h.media.remove(m.id)
		m.peer.Close()
		return err
	}
	if m.gone.Load() { // the transport stopped before the roster knew
		_ = m.s.do(roster.Ended{Media: m.id})
	}
	return nil
}

// publication returns what the publisher's viewers are to be shown, nil if it offers nothing.
func (s *session) publication(id live.ParticipantID) *mediaSession {
	s.mu.Lock()
	shown := s.roster.Publication(id)
	s.mu.Unlock()
	if shown == "" {
		return nil
	}
	return s.h.media.find(shown)
}

// absent refuses a subscription to someone who was not publishing a moment ago.
func (s *session) absent(wish roster.Subscribe) error {
	if err := s.do(wish); err != nil {
		return err
	}
	// It began to publish in between, and ended: what was taken is given back.
	_ = s.do(roster.Ended{Media: wish.Media})
	return live.Refuse(live.NotFound, live.PublisherNotFound, "participant %s does not publish on stage %s", wish.Publisher, s.stage)
}

// incapable refuses what the token does not allow. The session learns of it if there is one; none is opened for that.
func (h *Host) incapable(c live.Claims, command roster.Command) error {
	if s := h.lookup(c.Topic); s != nil {
		select {
		case <-s.ready:
			if s.err == nil {
				return s.do(command)
			}
		default:
		}
	}
	return live.Refuse(live.Denied, live.InsufficientCapabilities, "the token does not allow this")
}

// refused reports what was refused before any session was asked. It is kept with the stage's session if there is one;
// none is opened for that. That the server drains is nobody's error.
func (h *Host) refused(name live.FactName, c live.Claims, remote live.ParticipantID, err error) {
	s := h.lookup(c.Topic)
	if s == nil || h.draining.Load() {
		return
	}
	select {
	case <-s.ready:
		if s.err == nil && s.fits(c) == nil && !s.barred(c.Participant) {
			s.failed(c, name, remote, err)
		}
	default:
	}
}

// barred reports whether a participant was thrown out: what it tries is not recorded.
func (s *session) barred(id live.ParticipantID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster != nil && s.roster.Barred(id)
}

// failed reports an offer that could not be answered.
func (s *session) failed(c live.Claims, name live.FactName, remote live.ParticipantID, err error) {
	code := live.Reason("INTERNAL_SERVER_EXCEPTION")
	switch live.ReasonOf(err) {
	case live.UnsupportedCodec:
		code = cmp.Or(live.EventCodeOf(err), live.InvalidVideoCodec)
	case live.InvalidOffer:
		code = live.InvalidInput
	case live.QuotaExceeded, live.NoCapacity:
		code = live.QuotaExceeded
	}
	s.h.reporter.fact(live.Fact{
		Name: name, Stage: s.stage, Session: s.id, Participant: c.Participant, Remote: remote,
		UserID: c.UserID, ErrorCode: code, At: time.Now(),
	})
}

func names(tracks []media.Track) []string {
	var list []string
	for _, kind := range []media.Kind{media.Audio, media.Video} {
		for _, t := range tracks {
			if t.Kind == kind {
				list = append(list, kind.String())
				break
			}
		}
	}
	return list
}

func nodeFull(what string, n, limit int, setting string) error {
	err := live.Refuse(live.Exhausted, live.QuotaExceeded, "there are %d %s, the limit is %d (setting %s)", n, what, limit, setting)
	err.RetryAfter = 5 * time.Second
	return err
}
