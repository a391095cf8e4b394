// Package control decides: every rule of the control plane. It owns the records of all resources and of what
// happened on stages, writes them through store, tells the hosts of stages over the bus what has been decided,
// and answers what the hosts ask.
//
// Open subscribes to the control subjects of bus/subjects.go, so that hosts are served from then on. Run owns
// the one goroutine of the package: it tells hosts again what they did not hear, and forgets what has expired.
//
// AWS shapes and exceptions are deliberately not here (api has them), nor is anything that carries media: what
// composes, replicates and broadcasts stands behind the interfaces of compositor.go.
package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/token"
)

// Options say what the control plane works with. Store, Bus, Node, Region, Account and Endpoints are needed.
type Options struct {
	Store *store.Store
	Bus   bus.Bus
	// Node is this server: sessions that an earlier life of it left open are ended by Open.
	Node live.NodeID
	// Region and Account appear in every ARN.
	Region  string
	Account string
	// Endpoints are written into stages and tokens. Clients may keep them for 14 days.
	Endpoints live.Endpoints
	// Quotas are what one account may have; the zero value is OpenQuotas.
	Quotas Quotas
	// Buckets says where recordings can go; nil has no bucket.
	Buckets Buckets
	// Compositor and Broadcasts do what needs media; each nil refuses it, and says so.
	Compositor Compositor
	Broadcasts Broadcasts
	// Replicator shows participants on other stages; nil asks the hosts of the stages to.
	Replicator Replicator
	// Log gets what went wrong and was coped with; nil discards.
	Log *slog.Logger
	// History is how long what happened in a session can be read after its end, Events how long the events of it
	// are kept for the outside; 0 means 60 and 7 days.
	History, Events time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is the control plane of one account in one region. Its methods may be called at once.
type Service struct {
	Stages       *Stages
	Tokens       *Tokens
	Participants *Participants
	Tags         *Tags

	PublicKeys   *PublicKeys
	Sessions     *Sessions
	Replications *Replications
	Compositions *Compositions
	Encoders     *Encoders
	Storages     *Storages
	Ingests      *Ingests

	Channels   *Channels
	StreamKeys *StreamKeys
	Streams    *Streams

	core *core
	subs []bus.Subscription
}

// core is what the parts of the service share.
type core struct {
	store     *store.Store
	bus       bus.Bus
	node      live.NodeID
	home      live.Home
	endpoints live.Endpoints
	quotas    Quotas
	log       *slog.Logger
	now       func() time.Time

	buckets    Buckets
	compositor Compositor
	replicator Replicator
	broadcasts Broadcasts

	minter   *token.Minter
	verifier *token.Verifier
	pages    *pages
	orders   *orders
	facts    facts
	added    chan struct{} // has a token when there are new events

	keepHistory, keepEvents time.Duration
	history                 history
}

// Open loads or makes the server's keys, ends the sessions that this node left open, and begins to answer the
// hosts.
func Open(ctx context.Context, o Options) (*Service, error) {
	c, err := newCore(o)
	if err != nil {
		return nil, err
	}
	if err := c.loadKeys(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(c.endLeftReplications(ctx), c.takeLeave(ctx), c.endLeftSessions(ctx), c.failLeftCompositions(ctx)); err != nil {
		return nil, err
	}
	s := &Service{
		Stages: &Stages{c}, Tokens: &Tokens{c}, Participants: &Participants{c}, Tags: &Tags{c},
		PublicKeys: &PublicKeys{c}, Sessions: &Sessions{c}, Replications: &Replications{c},
		Compositions: &Compositions{c}, Encoders: &Encoders{c}, Storages: &Storages{c}, Ingests: &Ingests{c},
		Channels: &Channels{c}, StreamKeys: &StreamKeys{c}, Streams: &Streams{c},
		core: c,
	}
	if err := s.subscribe(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func newCore(o Options) (*core, error) {
	if o.Store == nil || o.Bus == nil || o.Node == "" || o.Region == "" || o.Account == "" {
		return nil, errors.New("open control: Store, Bus, Node, Region and Account are needed")
	}
	c := &core{
		store: o.Store, bus: o.Bus, node: o.Node, home: live.Home{Region: o.Region, Account: o.Account},
		endpoints: o.Endpoints, quotas: o.Quotas.orOpen(), log: o.Log, now: o.Now,
		keepHistory: cmp.Or(o.History, defaultHistory), keepEvents: cmp.Or(o.Events, defaultEvents),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.orders, c.added = newOrders(c.bus, c.log), make(chan struct{}, 1)
	c.buckets, c.compositor = or[Buckets](o.Buckets, noBuckets{}), or[Compositor](o.Compositor, noCompositor{})
	c.replicator = or[Replicator](o.Replicator, hosts{c})
	c.broadcasts = or[Broadcasts](o.Broadcasts, noBroadcasts{})
	return c, nil
}

// or returns what is given, or else what stands for it.
func or[T any](given, otherwise T) T {
	if any(given) == nil {
		return otherwise
	}
	return given
}

// subscribe begins to answer the hosts.
func (s *Service) subscribe() error {
	c := s.core
	for subject, serve := range map[string]bus.Handler{
		bus.OpenSession:   bus.Serve(c.openSession),
		bus.SessionClosed: bus.Serve(c.closeSession),
		bus.Facts:         bus.Serve(c.takeReports),
		bus.AskKey:        bus.Serve(c.answerKey),
	} {
		sub, err := c.bus.Subscribe(subject, bus.ControlGroup, serve)
		if err != nil {
			return fmt.Errorf("serve %s: %w", subject, err)
		}
		s.subs = append(s.subs, sub)
	}
	return nil
}

// Verifier returns what tells this server's tokens from others. It does not change.
func (s *Service) Verifier() *token.Verifier { return s.core.verifier }

// LastFacts returns the last facts that hosts reported to this server, oldest first, at most 1,024. They are
// forgotten when the server ends.
func (s *Service) LastFacts() []live.Fact { return s.core.facts.last() }

// pruneEvery is how often what has expired is forgotten. It does no harm, only takes room.
const pruneEvery = time.Hour

// pruneFirst is when it is forgotten for the first time: not while a server that has just begun has better to do.
const pruneFirst = time.Minute

// Run repeats orders that a host has not acknowledged and forgets what has expired,
// until ctx ends. Then it closes the service and returns nil.
func (s *Service) Run(ctx context.Context) error {
	prune := time.NewTimer(pruneFirst)
	defer prune.Stop()
	repeat := time.NewTicker(orderPause)
	defer repeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.Close()
		case <-prune.C:
			s.core.prune(ctx)
			prune.Reset(pruneEvery)
		case <-repeat.C:
			s.core.orders.repeat(ctx)
		}
	}
}

// Close stops answering the hosts. Answers under way are waited for.
func (s *Service) Close() error {
	var errs []error
	for _, sub := range s.subs {
		errs = append(errs, sub.Close())
	}
	return errors.Join(errs...)
}

func (c *core) prune(ctx context.Context) {
	now := c.now()
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		_, bars := tx.PruneBarred(ctx, now)
		// A composition is kept after it is shown no more, for as long as its token stands for it.
		_, records := tx.PruneRecords(ctx, now.Add(-idempotentFor))
		if err := firstOf(bars, records); err != nil {
			return err
		}
		_, err := tx.PruneIdempotent(ctx, now.Add(-idempotentFor))
		return err
	})
	if err = errors.Join(err, c.pruneHistory(ctx, now)); err != nil && ctx.Err() == nil {
		c.log.Warn("what has expired is not forgotten", "error", err)
	}
}
