package host

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Socket is a participant's state socket as a session sees it. Calls come from one goroutine, in order, and must not
// block: a socket that can't keep up breaks off by itself.
type Socket interface {
	// Welcome sends the whole state.
	Welcome(w Welcome)
	// Replay sends the updates that were missed; w's state has no participants.
	Replay(w Welcome, missed []*Announcement)
	// Announce sends an update that all sockets of the stage get.
	Announce(a *Announcement)
	// Tell sends what was wrong with something other than a frame, such as a publication that was ended.
	Tell(code live.Reason, message string)
	// Exchanged tells that the participant goes on with another token.
	Exchanged(e roster.Exchanged)
	// Subscribed tells a viewer what it is sent of a publisher's picture.
	Subscribed(state SubscriptionState)
	// WantLayers tells a publisher which layers of its picture anybody wants; it need not send the others.
	WantLayers(list []WantedLayer)
	// Expel sends why the participation is over and closes. The channel is closed when that has been written, or never
	// will be.
	Expel(reason live.LeaveReason, message string) (told <-chan struct{})
	// Retire closes quietly: another connection of the same participation has taken its place.
	Retire()
}

// Welcome is what a socket is told first.
type Welcome struct {
	Stage           live.StageID
	Session         live.SessionID
	ReconnectWindow time.Duration
	State           roster.State
}

// Announcement is one update on its way to many sockets.
type Announcement struct {
	Stage  live.StageID
	Update *roster.Update

	once sync.Once
	text []byte
}

// Text returns what encode makes of the announcement; it is called once, however many sockets ask.
func (a *Announcement) Text(encode func(*Announcement) []byte) []byte {
	a.once.Do(func() { a.text = encode(a) })
	return a.text
}

func announcements(stage live.StageID, updates []*roster.Update) []*Announcement {
	list := make([]*Announcement, len(updates))
	for i, u := range updates {
		list[i] = &Announcement{Stage: stage, Update: u}
	}
	return list
}

// JoinRequest asks to come in by a state socket.
type JoinRequest struct {
	Token    string
	Topic    live.StageID // the stage that the client named beside its token
	Resume   string       // "" for a fresh join
	Since    uint64       // with HasSince: the last version the client has seen
	HasSince bool
	Client   live.Client
	Socket   Socket
}

// Participation is a socket's part in a session. Its methods may be called at once; after Leave, Lose, Expel or Retire they
// do nothing.
type Participation struct {
	s      *session
	socket roster.SocketID
	Who    live.ParticipantID
}

// Join verifies the token and brings its participant in. The socket is welcomed before Join returns or a moment later.
// Errors have the reasons of token.Verifier, StageNotFound, ParticipantRevoked, QuotaExceeded or NoCapacity.
func (h *Host) Join(ctx context.Context, r JoinRequest) (*Participation, error) {
	p, err := h.join(ctx, r)
	if err != nil {
		h.counts.joinsRefused.Add(1)
	}
	return p, err
}

func (h *Host) join(ctx context.Context, r JoinRequest) (*Participation, error) {
	span := tracing.From(ctx)
	verifying := span.Child("verify token")
	claims, err := h.Verify(r.Token)
	verifying.End()
	if live.ReasonOf(err) == live.TokenExpired && r.Resume != "" && h.lookup(claims.Topic) == nil {
		return nil, err // nothing to go on with, and no reason to open a session
	}
	if err != nil && (live.ReasonOf(err) != live.TokenExpired || r.Resume == "") {
		return nil, err
	}
	if claims.Topic != r.Topic {
		return nil, live.Refuse(live.Unauthorized, live.TokenInvalid, "the token is for another stage than %s", r.Topic)
	}
	if err == nil {
		err = h.admit(holder{stage: claims.Topic, id: claims.Participant})
	}
	if err != nil && r.Resume == "" {
		h.refused(live.ParticipantRefused, claims, "", err)
		return nil, err
	}
	id := roster.SocketID(h.sockets.Add(1))
	c := roster.Join{
		Identity: identity(claims), Socket: id, Key: secret(),
		Resume: r.Resume, Since: r.Since, HasSince: r.HasSince, Otherwise: err,
	}
	c.Client = r.Client
	span.Set("proscenium.stage_id", string(claims.Topic))
	span.Set("proscenium.participant_id", string(claims.Participant))
	granting := span.Child("grant")
	defer granting.End()
	var in *session
	err = h.with(ctx, claims.Topic, func(s *session) error {
		if err := s.fits(claims); err != nil {
			return err
		}
		in = s
		return s.arrive(c, r.Socket)
	})
	if err != nil {
		return nil, err
	}
	return &Participation{s: in, socket: id, Who: claims.Participant}, nil
}

// fits refuses tokens for a stage of the same id in another account or region.
func (s *session) fits(c live.Claims) error {
	if s.arn != "" && s.arn != c.Stage.String() {
		return live.Refuse(live.Unauthorized, live.TokenInvalid, "the token is for another stage than %s", s.stage)
	}
	return nil
}

// Ask has the state sent again.
func (p *Participation) Ask() { _ = p.s.do(roster.Ask{Socket: p.socket}) }

// SetMedia says what the participant has muted; nil leaves a part as it is.
func (p *Participation) SetMedia(audioMuted, videoStopped *bool) {
	_ = p.s.do(roster.SetMedia{Socket: p.socket, AudioMuted: audioMuted, VideoStopped: videoStopped})
}

// Leave ends the participation: its media sessions are closed.
func (p *Participation) Leave() {
	_ = p.s.do(roster.Leave{Socket: p.socket}, func() { p.s.forget(p.socket) })
}

// Lose says that the socket broke: the participant may come back within the reconnect window.
func (p *Participation) Lose() {
	_ = p.s.do(roster.Lose{Socket: p.socket}, func() { p.s.forget(p.socket) })
}

// secret returns 128 random bits as 22 characters that need no escaping in a URL.
func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
