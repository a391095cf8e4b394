package host

import (
	"cmp"
	"slices"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// Stats are a node's figures at one moment. Those from Refused on only grow.
type Stats struct {
	Sessions      int
	Participants  int
	Sockets       int
	Publishers    int // publishing now
	Subscriptions int // asked for, connected or not
	Pending       int // media sessions that are not connected yet

	JoinsRefused      uint64
	PublishesRefused  uint64
	SubscribesRefused uint64
	Facts             int    // that wait to be reported; goes up and down
	FactsLost         uint64 // not reported, because the queue was full or the host stopped
}

// Stats returns the figures.
func (h *Host) Stats() Stats {
	h.mu.Lock()
	sessions := len(h.sessions)
	h.mu.Unlock()
	return Stats{
		Sessions:          sessions,
		Participants:      int(h.counts.participants.Load()),
		Sockets:           int(h.counts.sockets.Load()),
		Publishers:        int(h.counts.publications.Load()),
		Subscriptions:     int(h.counts.subscriptions.Load()),
		Pending:           h.pending.count(),
		JoinsRefused:      h.counts.joinsRefused.Load(),
		PublishesRefused:  h.counts.publishesRefused.Load(),
		SubscribesRefused: h.counts.subscribesRefused.Load(),
		Facts:             h.reporter.waiting(),
		FactsLost:         h.reporter.lost.Load(),
	}
}

// SessionView is one session as an operator may see it.
type SessionView struct {
	Stage        live.StageID
	Session      live.SessionID
	Participants []roster.Participant // by id
}

// Sessions returns what is going on on this node, by stage.
func (h *Host) Sessions() []SessionView {
	h.mu.Lock()
	sessions := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		sessions = append(sessions, s)
	}
	h.mu.Unlock()
	views := make([]SessionView, 0, len(sessions))
	for _, s := range sessions {
		s.mu.Lock()
		if s.roster != nil {
			views = append(views, SessionView{Stage: s.stage, Session: s.id, Participants: s.roster.View()})
		}
		s.mu.Unlock()
	}
	for _, v := range views {
		slices.SortFunc(v.Participants, func(a, b roster.Participant) int { return cmp.Compare(a.ID, b.ID) })
	}
	slices.SortFunc(views, func(a, b SessionView) int { return cmp.Compare(a.Stage, b.Stage) })
	return views
}
