package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// Options adjust a participation. The zero value works.
type Options struct {
	// OnChange is told of participants that begin to publish, change and stop, of this one too. Calls come one
	// after another, in the order of things, beginning with those who publish already. It must not call Leave (start a goroutine for that).
	OnChange func(Change)
	// OnSubscription is told what the server sends of a publisher's picture, when that changes. The same rules hold.
	OnSubscription func(SubscriptionState)
	// OnConnection is told when the state socket is lost (false) and is there again (true).
	OnConnection func(connected bool)
	// EventsURL and WHIPURL replace what the token says.
	EventsURL, WHIPURL string
	// HTTP makes the requests. Its CheckRedirect is not used: redirects of WHIP are followed with the token.
	HTTP *http.Client
	// ReconnectWindow bounds the time for which the socket is tried again. Default 30 s.
	ReconnectWindow time.Duration
	// Settings may change pion's engine before a peer connection is made of it.
	Settings func(*webrtc.SettingEngine)
	// Log takes what happens. Default: nothing.
	Log *slog.Logger
}

// Participant is one participation in a stage. Its methods may be called from any goroutine.
type Participant struct {
	o      Options
	http   *http.Client
	socket *socket

	left     context.Context // done when the participation is over
	end      context.CancelCauseFunc
	sessions sync.WaitGroup // goroutines of media sessions

	exchanging chan struct{} // has a token while a participant token is exchanged

	mu       sync.Mutex // guards what follows
	token    string
	claims   Claims
	exchange *exchange // on its way, if any
	roster   roster
	session  string
	resume   string
	media    map[*mediaSession]struct{}
	closed   bool

	publication *Publication // the latest
}

// Join opens the state socket of the token's stage and returns when the server has let the participant in.
// ctx bounds the joining only. It returns a *JoinError if the server refuses.
func Join(ctx context.Context, token string, o Options) (*Participant, error) {
	p, err := prepare(token, o)
	if err != nil {
		return nil, err
	}
	p.socket = newSocket(p)
	if err := p.socket.open(ctx); err != nil {
		p.end(err)
		return nil, err
	}
	go p.socket.run()
	return p, nil
}

// Attach returns a participant without a state socket: it may publish and subscribe, as players do that speak
// only WHIP and WHEP, and knows nothing of the others.
func Attach(token string, o Options) (*Participant, error) { return prepare(token, o) }

func prepare(token string, o Options) (*Participant, error) {
	claims, err := ParseToken(token)
	if err != nil {
		return nil, err
	}
	if o.EventsURL == "" {
		o.EventsURL = claims.EventsURL
	}
	if o.WHIPURL == "" {
		o.WHIPURL = claims.WHIPURL
	}
	if _, err := checkURL("events URL", o.EventsURL, "ws", "wss"); err != nil {
		return nil, err
	}
	if _, err := checkURL("WHIP URL", o.WHIPURL, "http", "https"); err != nil {
		return nil, err
	}
	if o.ReconnectWindow == 0 {
		o.ReconnectWindow = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Participant{token: token, claims: claims, o: o, media: map[*mediaSession]struct{}{}, exchanging: make(chan struct{}, 1)}
	p.http = exchangeClient(o.HTTP)
	p.roster.self = claims.Participant
	p.left, p.end = context.WithCancelCause(context.Background())
	return p, nil
}

// ID returns the participant's id.
func (p *Participant) ID() string { return p.Claims().Participant }

// Claims returns what the token in force says.
func (p *Participant) Claims() Claims {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claims
}

// Session returns the id of the stage's session, "" if it is not known.
func (p *Participant) Session() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session
}

// Participants returns who publishes on the stage, and this participant, sorted by id.
func (p *Participant) Participants() []Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster.list()
}

// Lookup returns what is known of a participant.
func (p *Participant) Lookup(id string) (Info, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.roster.people[id]
	return i, ok
}

// Done is closed when the participation is over.
func (p *Participant) Done() <-chan struct{} { return p.left.Done() }

// Err returns nil while the participation lasts, then why it ended: ErrLeft, a *LeftError, a *JoinError
// (a reconnect was refused) or ErrLost.
func (p *Participant) Err() error { return context.Cause(p.left) }

// SetMuted tells the stage that this participant's sound is muted and its picture stopped, or not. It does not
// touch the tracks: what is not to be heard must not be written.
func (p *Participant) SetMuted(ctx context.Context, audioMuted, videoStopped bool) error {
	if p.socket == nil {
		return errors.New("a participant without a state socket cannot tell that it is muted")
	}
	return p.socket.send(ctx, "SET_MEDIA_STATE", map[string]bool{
		"audioMuted": audioMuted, "videoStopped": videoStopped,
	})
}

// Leave ends media sessions and the participation, and waits until all goroutines have ended. ctx bounds the
// good-byes to the server, not the end itself. Calling it again waits and returns nil.
func (p *Participant) Leave(ctx context.Context) error {
	var err error
	if p.left.Err() == nil {
		err = p.closeMedia(ctx)
		if p.socket != nil {
			err = errors.Join(err, p.socket.leave(ctx))
		}
		p.end(ErrLeft)
	}
	p.dropMedia()
	if p.socket != nil {
		<-p.socket.ended
	}
	p.sessions.Wait()
	p.http.CloseIdleConnections()
	if err != nil && !errors.Is(err, ErrLeft) {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// over ends the participation from inside: by the server's word or for lack of a connection.
func (p *Participant) over(cause error) {
	p.end(cause)
	p.dropMedia()
}

// took records a state from the server and tells what changed. It returns true if we had a participation and the
// server knows nothing of it any more.
func (p *Participant) took(s *statePayload) (forgotten bool) {
	p.mu.Lock()
	again := p.resume != ""
	p.session, p.resume = s.SessionID, s.Resume
	changes := p.roster.replace(s.Version, s.Participants)
	p.mu.Unlock()
	p.tell(changes)
	return again && !s.Resumed
}

// updated records a delta. It returns false if a fresh state is needed.
func (p *Participant) updated(u *updatePayload) bool {
	changes := make([]Change, len(u.Changes))
	for i, c := range u.Changes {
		changes[i] = Change(c)
	}
	p.mu.Lock()
	told, ok := p.roster.apply(u.Version, changes)
	p.mu.Unlock()
	p.tell(told)
	return ok
}

func (p *Participant) tell(changes []Change) {
	if p.o.OnChange == nil {
		return
	}
	for _, c := range changes {
		p.o.OnChange(c)
	}
}

func (p *Participant) resumeKey() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resume
}
