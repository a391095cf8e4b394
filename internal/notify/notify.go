// Package notify tells the outside what happened: webhooks, EventBridge, SQS, NATS, the standard output, and whoever
// follows the stream of events.
//
// Events come out of the store's outbox, where control put them with the fact that they tell of. Each target has a
// position in it and is told what lies behind, the events of one stage one after another; what fails is tried again
// until it is too old to be kept. So nothing is lost with this process, and no target waits for another.
//
// Goroutines: Run owns one per target and one that listens for news; while a target is told the events of several
// stages, up to eight more. A stream belongs to its request. Lock: Service.mu guards the map of targets, target.mu
// what a target was doing last; nothing foreign is called under either.
//
// Deliberately not here: what is told of a fact (control), who may ask (admin), and how secrets are encrypted (access).
package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Options say what a Service works with. Store and Master are needed.
type Options struct {
	Store  *store.Store
	Master access.MasterKey // encrypts the secrets of targets
	Home   live.Home        // stands in events that test a target
	// Added has a token when there may be new events; they are looked for every Poll as well.
	Added <-chan struct{}
	// Declared are targets of the configuration: they cannot be removed while they stand there.
	Declared []Settings
	// AllowPrivate are networks that targets may be in although the internet does not reach them.
	AllowPrivate []netip.Prefix
	Keep         time.Duration // how long events are kept; 0 is 7 days
	Stdout       io.Writer     // for targets of the kind stdout; nil discards
	Log          *slog.Logger  // nil: slog.Default()
	Now          func() time.Time

	Poll                  time.Duration // 0 is a second
	Attempt               time.Duration // for one attempt; 0 is 15 s
	FirstRetry, LastRetry time.Duration // 0 is 1 s and 5 min
}

func (o Options) withDefaults() Options {
	o.Keep, o.Poll = cmp.Or(o.Keep, 7*24*time.Hour), cmp.Or(o.Poll, time.Second)
	o.Attempt = cmp.Or(o.Attempt, 15*time.Second)
	o.FirstRetry, o.LastRetry = cmp.Or(o.FirstRetry, time.Second), cmp.Or(o.LastRetry, 5*time.Minute)
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// maxTargets bounds how many there may be.
const maxTargets = 100

// Service tells targets. Its methods may be called at once.
type Service struct {
	o      Options
	bell   bell
	stdout sync.Mutex // held by who writes to Options.Stdout

	ctx    context.Context // of what runs; ends with Run
	cancel context.CancelFunc
	wg     sync.WaitGroup

	streams    chan struct{} // has a place for each stream
	endStreams context.CancelFunc
	streaming  context.Context

	mu      sync.Mutex
	running bool
	targets map[string]*target
}

// Open loads the targets that there are, and declares those of the configuration. Run must be called to have them
// told.
func Open(ctx context.Context, o Options) (*Service, error) {
	s := &Service{o: o.withDefaults(), targets: map[string]*target{}, streams: make(chan struct{}, maxStreams)}
	s.bell.init()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.streaming, s.endStreams = context.WithCancel(s.ctx)
	if err := errors.Join(s.declare(ctx), s.load(ctx)); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

// declare writes the targets of the configuration down, and forgets those that stand there no more.
func (s *Service) declare(ctx context.Context) error {
	declared := map[string]bool{}
	for i := range s.o.Declared {
		it := &s.o.Declared[i]
		if err := s.check(it); err != nil {
			return fmt.Errorf("events.targets: target %q: %w", it.Name, err)
		}
		if declared[it.Name] {
			return fmt.Errorf("events.targets: there are two targets %q", it.Name)
		}
		declared[it.Name] = true
	}
	return s.o.Store.Write(ctx, func(tx *store.Tx) error {
		all, err := tx.Targets(ctx)
		if err != nil {
			return err
		}
		for _, it := range all {
			switch {
			case it.Declared && !declared[it.Name]:
				if err := tx.DeleteTarget(ctx, it.Name); err != nil {
					return err
				}
			case !it.Declared && declared[it.Name]:
				return fmt.Errorf("events.targets: there is a target %q already: remove it with `proscenium targets remove`", it.Name)
			}
		}
		_, last, err := tx.OutRange(ctx)
		if err != nil {
			return err
		}
		for name := range declared { // one that is there keeps its position
			row := store.Target{Name: name, Declared: true, Position: last, CreatedAt: s.o.Now()}
			if _, err := tx.PutTarget(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// load makes a target of each that is kept.
func (s *Service) load(ctx context.Context) error {
	var rows []store.Target
	err := s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Targets(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		settings, err := s.settingsOf(row)
		if err != nil { // it is of no use to anyone, but the others are
			s.o.Log.Error("target not usable", "target", row.Name, "error", err)
			settings = Settings{Name: row.Name, Kind: "unusable"}
		}
		t, err := s.newTarget(settings)
		if err != nil {
			s.o.Log.Error("target not usable", "target", row.Name, "error", err)
			continue
		}
		s.targets[row.Name] = t
	}
	return nil
}

// Run tells the targets until ctx ends, and returns nil.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = true
	for _, t := range s.targets {
		s.start(t)
	}
	s.mu.Unlock()
	poll := time.NewTicker(s.o.Poll)
	defer poll.Stop()
	for ctx.Err() == nil {
		select {
		case <-s.o.Added:
		case <-poll.C:
		case <-ctx.Done():
		}
		s.bell.ring()
	}
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

// start has a target told from now on. Service.mu is held.
func (s *Service) start(t *target) {
	ctx, cancel := context.WithCancel(s.ctx)
	t.stop, t.ended = cancel, make(chan struct{})
	s.wg.Go(func() {
		defer close(t.ended)
		t.run(ctx)
	})
}

// CloseStreams ends all streams, and those that are asked for afterwards.
func (s *Service) CloseStreams() { s.endStreams() }

// Close ends what Run would have ended, when it is not called.
func (s *Service) Close() error {
	s.cancel()
	s.wg.Wait()
	return nil
}

// bell tells many that there is news.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *bell) init() { b.ch = make(chan struct{}) }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}

// next returns a channel that is closed by the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}
