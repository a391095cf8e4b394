package control

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// keptFacts is how many facts are remembered in memory: enough to see what happened just now.
const keptFacts = 1024

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

// maxReports bounds what one message may bring.
const maxReports = 10_000

// takeReports writes what a host reports, and answers when it is written: until then the host keeps it.
func (c *core) takeReports(ctx context.Context, r live.Reports) (struct{}, error) {
	if r.Node == "" || r.Boot == "" || r.First == 0 || len(r.Facts) > maxReports {
		return struct{}{}, errors.New("no reports of a host")
	}
	if err := c.write(ctx, r); err != nil {
		c.log.Warn("facts not written", "node_id", r.Node, "waiting", len(r.Facts), "error", err)
		return struct{}{}, errors.New("the records cannot be reached")
	}
	for _, fact := range r.Facts {
		c.facts.add(fact)
		c.log.Debug("fact", "name", fact.Name, "session_id", fact.Session, "participant_id", fact.Participant)
	}
	return struct{}{}, nil
}

// write writes reports in one transaction. A fact that the database does not take must not keep those behind it
// waiting for ever: it is searched for by halves, and dropped.
func (c *core) write(ctx context.Context, r live.Reports) error {
	err := c.store.Write(ctx, func(tx *store.Tx) error { return c.take(ctx, tx, r) })
	if err == nil {
		c.tellAdded()
		return nil
	}
	if ctx.Err() != nil || !c.writable(ctx) {
		return err
	}
	if n := len(r.Facts); n == 1 {
		// It may have been the database all the same, which is back already.
		for range doubts {
			if err = c.store.Write(ctx, func(tx *store.Tx) error { return c.take(ctx, tx, r) }); err == nil {
				c.tellAdded()
				return nil
			}
			if ctx.Err() != nil || !c.writable(ctx) {
				return err
			}
		}
	} else {
		first, second := r, r
		first.Facts, second.Facts, second.First = r.Facts[:n/2], r.Facts[n/2:], r.First+uint64(n/2)
		if err := c.write(ctx, first); err != nil {
			return err
		}
		return c.write(ctx, second)
	}
	c.log.Error("fact cannot be kept", "name", r.Facts[0].Name, "session_id", r.Facts[0].Session, "error", err)
	return nil
}

// writable tells whether the database takes anything at all: one that is full can still be read.
func (c *core) writable(ctx context.Context) bool {
	return c.store.Write(ctx, func(tx *store.Tx) error { return tx.Lock(ctx, "facts") }) == nil
}

// doubts is how often a fact must be refused by a database that takes others before it is given up.
const doubts = 3

// take brings the records up to date with those of the facts that are new.
func (c *core) take(ctx context.Context, tx *store.Tx, r live.Reports) error {
	// The lock orders us and another server that was sent the same.
	if err := tx.Lock(ctx, "reports of "+string(r.Node)); err != nil {
		return err
	}
	had, err := tx.Reported(ctx, r.Node, r.Boot)
	if err != nil {
		return err
	}
	after := r.First + uint64(len(r.Facts))
	if had+1 >= after {
		return nil
	}
	fresh := r.Facts
	if had >= r.First {
		fresh = fresh[had+1-r.First:]
	}
	return firstOf(c.apply(ctx, tx, fresh), tx.PutReported(ctx, r.Node, r.Boot, after-1))
}

// apply brings the records up to date with facts, and puts the events of them into the outbox.
func (c *core) apply(ctx context.Context, tx *store.Tx, facts []live.Fact) error {
	sessions := map[live.SessionID]live.StageID{}
	var out []store.OutEvent
	for _, f := range facts {
		// Hundreds at once are written in one go, which on one processor would keep packets waiting for milliseconds.
		runtime.Gosched()
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
		if f.Name == live.ReplicationEnded {
			told, err := c.endedByItself(ctx, tx, f)
			if err != nil {
				return err
			}
			out = append(out, told...)
			continue
		}
		p, e, err := c.applyOne(ctx, tx, f)
		if err != nil {
			return err
		}
		if told, ok := c.tell(p, e); ok {
			out = append(out, told)
		}
	}
	return tx.PutOut(ctx, out)
}

// applyOne keeps a fact as an event of its participant, and brings the participant up to date.
func (c *core) applyOne(ctx context.Context, tx *store.Tx, f live.Fact) (live.Participant, live.Event, error) {
	e := live.Event{
		ID: c.history.nextID(c.now()), Name: f.Name, Participant: f.Participant, Remote: f.Remote, ErrorCode: f.ErrorCode,
		At: f.At.UTC().Truncate(time.Microsecond), Replica: f.Replica, PreviousToken: f.PreviousToken, NewToken: f.NewToken,
	}
	if err := tx.InsertEvent(ctx, f.Stage, f.Session, e); err != nil {
		return live.Participant{}, e, err
	}
	p, err := tx.Participant(ctx, f.Stage, f.Session, f.Participant)
	fresh := errors.Is(err, store.ErrNotFound)
	if fresh {
		p = newParticipant(f.Participant, f.Stage, f.Session, e.At)
		p.UserID = f.UserID
	} else if err != nil {
		return p, e, err
	}
	if !follow(&p, f) {
		return p, e, nil // who was not let in takes no part
	}
	if err := tx.PutParticipant(ctx, p); err != nil || f.Name != live.TokenExchanged {
		return p, e, err
	}
	return p, e, c.replicasFollow(ctx, tx, p)
}

// newParticipant returns the record of someone of whom nothing is known yet.
func newParticipant(id live.ParticipantID, stage live.StageID, session live.SessionID, at time.Time) live.Participant {
	return live.Participant{
		ID: id, Stage: stage, Session: session, Protocol: live.ProtocolUnknown,
		Recording: live.RecordingDisabled, Replication: live.ReplicationNone, JoinedAt: at,
	}
}

// follow brings a participant up to date with a fact and tells whether that changed anything.
func follow(p *live.Participant, f live.Fact) bool {
	switch f.Name {
	case live.ParticipantJoined:
		p.Connected, p.UserID, p.Attributes = true, f.UserID, f.Attributes
		if f.Client != (live.Client{}) {
			p.Client = f.Client
		}
		side(p, f)
	case live.ParticipantLeft:
		p.Connected = false
		if p.Replication == live.ReplicationReplica {
			p.ReplicationState = live.ReplicationStopped
		}
	case live.TokenExchanged:
		p.UserID = f.UserID
		if f.NewToken != nil {
			p.Attributes = f.NewToken.Attributes
		}
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

// side notes whether who joined is a replica. An id may be both in turn.
func side(p *live.Participant, f live.Fact) {
	switch {
	case f.SourceSession != "":
		p.Replication, p.ReplicationState = live.ReplicationReplica, live.ReplicationActive
		p.SourceStage, p.SourceSession = f.SourceStage, f.SourceSession
	case p.Replication == live.ReplicationReplica:
		p.Replication, p.ReplicationState = live.ReplicationNone, ""
		p.SourceStage, p.SourceSession = live.ARN{}, ""
	}
}

// history gives events their ids.
type history struct {
	mu     sync.Mutex
	lastID int64
}

// nextID returns the id of an event. Ids rise, so that events of one moment keep their order.
func (h *history) nextID(now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastID = max(h.lastID+1, now.UnixMicro())
	return fmt.Sprintf("%016x%s", h.lastID, live.NewSecretText(4)) // other servers count too
}
