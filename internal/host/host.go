// Package host does what the control plane allows: it runs the sessions of stages on this node (role media).
//
// A Host verifies tokens, asks the control plane once per session for the right to open it, and from then on decides
// by itself: the session's roster says what must happen, and the host does it with sockets (signal's), peers (rtc) and
// tracks (sfu). What happened is reported as facts. A session that is open goes on when the bus or the database are
// gone; only opening another needs them.
//
// Goroutines: one per session, which applies the roster's effects in order (session.run); one while a session is
// opened; one that reports; one that holds publications to the rules; Run's own, which samples figures. Run returns when all of them have ended.
//
// A participant that is replicated is in two sessions, each with its own roster and goroutine. They talk only by
// giving each other commands and calls (session.do, session.post), which wait for nothing but the other's lock, and
// never while holding their own: so A may show someone of B and B someone of A. The source says what is to be seen
// (roster.Show), the destination obeys (roster.Mirror) or says that it is over (roster.Displaced), and the tracks of the
// source's publication are handed on as they are: the destination's viewers are forwarded to from the same rings.
//
// Locks: Host.mu guards the map of sessions, session.mu a session's roster and the queue of its effects, keys.mu the
// customers' keys, sample.mu the figures of a media session, sampled.mu their sum. They are never held together, and nothing foreign is called under either. What session.run works on (sockets, feeds) belongs to it
// alone and has no lock.
//
// Deliberately not here: the wire (signal), records and quotas of the account (control), SQL.
package host

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sfu"
	"github.com/proscenium-live/proscenium/internal/token"
)

// Options say what a Host works with and within. A limit of 0 is none, unless a default is named.
type Options struct {
	Node      live.NodeID
	Bus       bus.Bus
	Verifier  *token.Verifier
	Transport *rtc.Transport
	Engine    *sfu.Engine
	Log       *slog.Logger // nil: slog.Default()

	ReconnectWindow time.Duration // how long a participant stays after its socket was lost
	SessionGrace    time.Duration // how long an empty session waits for the next join, at least 1 s
	MaxDuration     time.Duration // how long a participation may last; 0 means 24 h
	Publishing      time.Duration // how long a publication may last; setting limits.publish_duration
	Subscribing     time.Duration // how long a subscription may last; setting limits.subscribe_duration
	OpenTimeout     time.Duration // how long the control plane may take to answer; 0 means 5 s
	StopTimeout     time.Duration // how long Run may take to take leave of everyone; 0 means 5 s

	PublishersPerStage  int // setting quotas.publishers_per_stage
	SubscribersPerStage int // setting quotas.subscribers_per_stage
	Publishers          int // on this node; setting quotas.publishers
	Subscriptions       int // on this node; setting quotas.subscriptions
	MaxParticipants     int // on this node; setting max_participants

	Rules Rules // for what publications send

	MediaSessions     int // of one participant; 0 means 64
	PendingPerToken   int // media sessions of one participant that are not connected yet; 0 means 32
	PendingPerAddress int // the same of one address; 0 means 1024
	FactQueue         int // facts that wait to be written, at about 500 bytes each; 0 means 65536

	Adaptation Adaptation // to what viewers' lines bear

	SampleEvery time.Duration // how old figures may be; 0 means 2 s

	// Joined hears how long a client's media session took from its offer to a step; nil: nobody does. It must
	// not block.
	Joined func(JoinStep, time.Duration)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Joined == nil {
		o.Joined = func(JoinStep, time.Duration) {}
	}
	// A session is empty when it has just been opened: the join that it was opened for has to fit in.
	o.SessionGrace = max(o.SessionGrace, time.Second)
	o.MaxDuration = cmp.Or(o.MaxDuration, 24*time.Hour)
	o.OpenTimeout = cmp.Or(o.OpenTimeout, 5*time.Second)
	o.StopTimeout = cmp.Or(o.StopTimeout, 5*time.Second)
	o.MediaSessions = cmp.Or(o.MediaSessions, 64)
	o.PendingPerToken = cmp.Or(o.PendingPerToken, 32)
	o.PendingPerAddress = cmp.Or(o.PendingPerAddress, 1024)
	o.FactQueue = cmp.Or(o.FactQueue, 65536)
	o.SampleEvery = cmp.Or(o.SampleEvery, 2*time.Second)
	return o
}

// Host runs the sessions on this node. Its methods may be called at once.
type Host struct {
	o         Options
	log       *slog.Logger
	reporter  *reporter
	keys      *keys
	verifier  *token.Verifier
	pending   pending
	media     registry
	allocator allocator
	links     links
	counts    counts
	sockets   atomic.Uint64 // the last SocketID given out
	sampled   sampled

	ctx    context.Context // ends when the host has stopped
	cancel context.CancelFunc
	wg     sync.WaitGroup // sessions and their openings

	draining atomic.Bool

	mu       sync.Mutex
	sessions map[live.StageID]*session
	stopped  bool
}

// counts are what a session changes and everyone may read.
type counts struct {
	participants, replicas, publications, subscriptions, sockets atomic.Int64

	joinsRefused, publishesRefused, subscribesRefused atomic.Uint64
}

// sampled is what the last sample said.
type sampled struct {
	mu      sync.Mutex
	quality Quality
}

// Open returns a host that takes participants at once. Run must be called to have it report.
func Open(o Options) *Host {
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{
		o:        o,
		log:      o.Log,
		reporter: newReporter(o),
		ctx:      ctx,
		cancel:   cancel,
		keys:     newKeys(o.Bus, o.Log),
		sessions: make(map[live.StageID]*session),
	}
	h.verifier = o.Verifier.WithKeys(h.keys)
	h.allocator.init(h)
	h.pending.init(o.PendingPerToken, o.PendingPerAddress)
	return h
}

// Run reports until ctx ends, then takes leave of everyone and ends all sessions, within Options.StopTimeout.
func (h *Host) Run(ctx context.Context) error {
	told := make(chan struct{})
	go func() {
		defer close(told)
		h.reporter.run(h.ctx)
	}()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		h.keepRules(ctx)
	}()
	allocated := make(chan struct{})
	go func() {
		defer close(allocated)
		h.allocator.run(ctx)
	}()
	h.sampleOften(ctx)
	h.stop()
	<-told
	<-kept
	<-allocated
	return nil
}

// stop ends every session, waits for that and for the last facts, and gives up on both after StopTimeout.
func (h *Host) stop() {
	h.draining.Store(true)
	h.mu.Lock()
	h.stopped = true
	sessions := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		sessions = append(sessions, s)
	}
	h.mu.Unlock()

	late := time.AfterFunc(h.o.StopTimeout, h.cancel)
	defer late.Stop()
	for _, s := range sessions {
		s.drain(h.ctx)
	}
	h.wg.Wait()
	h.reporter.flush(h.ctx)
	h.keys.close()
	h.cancel()
}

// Drain refuses newcomers from now on and waits until nobody is left or ctx ends. Who is there may stay until Run ends.
func (h *Host) Drain(ctx context.Context) error {
	h.draining.Store(true)
	// Nothing tells of the last leave, and draining is rare: looking twice a second is quick enough.
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for h.counts.participants.Load() > h.counts.replicas.Load() { // a replica goes with its source, which may be away
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
	return nil
}

// Draining reports whether newcomers are refused.
func (h *Host) Draining() bool { return h.draining.Load() }

// admit refuses newcomers when the host drains or has all the participants it may have. Who is in may do more.
func (h *Host) admit(who holder) error {
	if h.draining.Load() {
		return &live.Error{
			Kind: live.Unavailable, Reason: live.NoCapacity, RetryAfter: 2 * time.Second,
			Message: "the server is about to stop and takes nobody new",
		}
	}
	n := int(h.counts.participants.Load())
	if h.o.MaxParticipants == 0 || n < h.o.MaxParticipants || h.has(who) {
		return nil
	}
	return nodeFull("participants on the server", n, h.o.MaxParticipants, "max_participants")
}

// has reports whether the participant is in an open session.
func (h *Host) has(who holder) bool {
	s := h.lookup(who.stage)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster != nil && s.roster.Has(who.id)
}

// Verify returns the claims of a token that may join. Errors are those of token.Verifier, and Unavailable if a
// customer's key cannot be looked up now.
func (h *Host) Verify(raw string) (live.Claims, error) {
	return h.verifier.Verify(raw, time.Now())
}

// VerifyHolder is Verify for someone who goes on with what it has: an expired token is good enough.
func (h *Host) VerifyHolder(raw string) (live.Claims, error) {
	claims, err := h.Verify(raw)
	if live.ReasonOf(err) == live.TokenExpired && claims.Participant != "" {
		err = nil
	}
	return claims, err
}

func identity(c live.Claims) roster.Identity {
	return roster.Identity{
		ID: c.Participant, UserID: c.UserID, Attributes: c.Attributes, Capabilities: c.Capabilities,
		Token: roster.Token{
			SelfSigned: c.SelfSigned, EventsURL: c.EventsURL, WHIPURL: c.WHIPURL, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt,
		},
	}
}
