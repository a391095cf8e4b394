package control

import (
	"context"
	"slices"
	"sync"

	"github.com/proscenium-live/proscenium/internal/live"
)

// keptFacts is how many facts are remembered: enough to see what happened just now.
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

// noteFact takes a host's report of a participant.
func (c *core) noteFact(_ context.Context, fact live.Fact) (struct{}, error) {
	c.facts.add(fact)
	c.log.Debug("fact", "name", fact.Name, "session_id", fact.Session, "participant_id", fact.Participant)
	return struct{}{}, nil
}
