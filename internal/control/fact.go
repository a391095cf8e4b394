package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

const (
	// keptFacts is how many facts are remembered in memory: enough to see what happened just now.
	keptFacts = 1024
	// maxPending is how many facts wait to be written, at about 500 bytes each. More wait only while the
	// database is away.
	maxPending = 100_000
	// batch is how many facts one transaction writes.
	batch = 500
)

// facts remembers the last facts that hosts reported.
type facts struct {
	mu   sync.Mutex
	ring []live.Fact
	next int // where the next goes once the ring is full
}

func (f *facts) add(fact live.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ring) < keptFacts {
		f.ring = append(f.ring, fact)
		return
	}
	f.ring[f.next] = fact
	f.next = (f.next + 1) % keptFacts
}

// last returns what is remembered, oldest first.
func (f *facts) last() []live.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.ring[f.next:], f.ring[:f.next])
}

// noteFact takes a host's report of a participant.
func (c *core) noteFact(_ context.Context, fact live.Fact) (struct{}, error) {
	c.facts.add(fact)
	c.history.add(fact)
	c.log.Debug("fact", "name", fact.Name, "session_id", fact.Session, "participant_id", fact.Participant)
	return struct{}{}, nil
}

// history writes what hosts report into the records, many facts at once: those who wait for the bus do not wait
// for the disk. Facts are written in the order in which they came; what came before a read is seen by it.
type history struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{} // has a token when something waits

	mu      sync.Mutex
	waiting []live.Event // with what else the fact says in facts, at the same index
	facts   []live.Fact
	lastID  int64
	lost    uint64

	writing sync.Mutex // held by who writes, and never taken while mu is held
}

func newHistory(s *store.Store, log *slog.Logger, now func() time.Time) *history {
	return &history{store: s, log: log, now: now, wake: make(chan struct{}, 1)}
}

// add takes a fact, or drops it if too many wait.
func (h *history) add(f live.Fact) {
	id := h.nextID(h.now())
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.facts) >= maxPending {
		if h.lost++; h.lost == 1 {
			h.log.Error("facts are lost: they cannot be written as fast as they come", "waiting", len(h.facts))
		}
		return
	}
	h.facts = append(h.facts, f)
	h.waiting = append(h.waiting, live.Event{
		ID: id, Name: f.Name, Participant: f.Participant, Remote: f.Remote, ErrorCode: f.ErrorCode,
		At: f.At.UTC().Truncate(time.Microsecond),
	})
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// nextID returns the id of an event. Ids rise, so that events of one moment keep their order.
func (h *history) nextID(now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastID = max(h.lastID+1, now.UnixMicro())
	return fmt.Sprintf("%016x%s", h.lastID, live.NewSecretText(4)) // other servers count too
}

// flush writes what waits. What cannot be written because the database is away goes on waiting.
func (h *history) flush(ctx context.Context) {
	h.writing.Lock()
	defer h.writing.Unlock()
	for {
		h.mu.Lock()
		n := min(len(h.facts), batch)
		facts, events := h.facts[:n:n], h.waiting[:n:n]
		h.mu.Unlock()
		if n == 0 {
			return
		}
		if err := h.write(ctx, facts, events); err != nil {
			if ctx.Err() == nil {
				h.log.Warn("facts not written", "waiting", n, "error", err)
			}
			return
		}
		h.mu.Lock()
		h.facts, h.waiting = slices.Clone(h.facts[n:]), slices.Clone(h.waiting[n:])
		h.mu.Unlock()
	}
}

// write writes facts in one transaction. A fact that the database does not take must not keep those behind it
// waiting for ever: it is searched for by halves, and dropped.
func (h *history) write(ctx context.Context, facts []live.Fact, events []live.Event) error {
	err := h.store.Write(ctx, func(tx *store.Tx) error { return apply(ctx, tx, facts, events) })
	if err == nil || ctx.Err() != nil || h.store.Ping(ctx) != nil {
		return err
	}
	if n := len(facts); n > 1 {
		if err := h.write(ctx, facts[:n/2], events[:n/2]); err != nil {
			return err
		}
		return h.write(ctx, facts[n/2:], events[n/2:])
	}
	h.log.Error("fact cannot be kept", "name", facts[0].Name, "session_id", facts[0].Session, "error", err)
	return nil
}

// apply brings the records up to date with facts.
func apply(ctx context.Context, tx *store.Tx, facts []live.Fact, events []live.Event) error {
	sessions := map[live.SessionID]live.StageID{}
	for i, f := range facts {
		stage, known := sessions[f.Session]
		if !known {
			session, err := tx.Session(ctx, f.Session)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			stage = session.Stage
			sessions[f.Session] = stage
		}
		if stage == "" || stage != f.Stage {
			continue // no session of ours: there is nothing that it could be kept with
		}
		if err := applyOne(ctx, tx, f, events[i]); err != nil {
			return err
		}
	}
	return nil
}

func applyOne(ctx context.Context, tx *store.Tx, f live.Fact, e live.Event) error {
	if err := tx.InsertEvent(ctx, f.Stage, f.Session, e); err != nil {
		return err
	}
	p, err := tx.Participant(ctx, f.Stage, f.Session, f.Participant)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if f.Name == live.ParticipantRefused {
			return nil // who was not let in takes no part
		}
		p = live.Participant{
			ID: f.Participant, Stage: f.Stage, Session: f.Session, UserID: f.UserID, Protocol: live.ProtocolUnknown,
			Recording: live.RecordingDisabled, Replication: live.ReplicationNone, JoinedAt: e.At,
		}
	case err != nil:
		return err
	}
	if !follow(&p, f) && err == nil {
		return nil
	}
	return tx.PutParticipant(ctx, p)
}

// follow brings a participant up to date with a fact and tells whether that changed anything.
func follow(p *live.Participant, f live.Fact) bool {
	switch f.Name {
	case live.ParticipantJoined:
		p.Connected, p.UserID, p.Attributes = true, f.UserID, f.Attributes
	case live.ParticipantLeft:
		p.Connected = false
	case live.PublishStarted:
		p.Published = true
		if f.Protocol != "" {
			p.Protocol = f.Protocol
		}
	default:
		return false
	}
	return true
}
