package host

import (
	"context"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// with calls f with the open session of a stage, and again with the next one if the session ended under it. The next
// can only be asked for when the control plane knows of the end, so without one there is no waiting for ever.
func (h *Host) with(ctx context.Context, stage live.StageID, f func(*session) error) error {
	patience := time.NewTimer(h.o.OpenTimeout)
	defer patience.Stop()
	for {
		s, err := h.session(ctx, stage)
		if err != nil {
			return err
		}
		if err = f(s); err == nil || !s.passed(err) {
			return err
		}
		select {
		case <-s.closed:
		case <-ctx.Done():
			return err
		case <-patience.C:
			return unavailable("the control plane can't be reached")
		}
	}
}

// passed reports whether err only says that the session is over while the stage may have another.
func (s *session) passed(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster.Over() && live.ReasonOf(err) == live.NoCapacity && !s.h.draining.Load()
}

// lookup returns the stage's session on this node, open or not, nil if there is none.
func (h *Host) lookup(stage live.StageID) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[stage]
}

// session returns the open session of a stage; the first to ask has it opened.
func (h *Host) session(ctx context.Context, stage live.StageID) (*session, error) {
	h.mu.Lock()
	s := h.sessions[stage]
	if s == nil {
		if h.stopped {
			h.mu.Unlock()
			return nil, unavailable("the server stops")
		}
		s = newSession(h, stage)
		h.sessions[stage] = s
		h.wg.Add(1)
		go func() {
			defer h.wg.Done()
			s.live()
		}()
	}
	h.mu.Unlock()
	select {
	case <-s.ready:
		return s, s.err
	case <-ctx.Done():
		return nil, unavailable("opening the stage took too long")
	}
}

// live is a session's whole life: listen for commands, ask for the session, run it, tell that it is over.
func (s *session) live() {
	defer func() {
		s.h.forget(s)
		close(s.closed)
	}()
	// Commands are listened for before the grant is asked for: a participant barred in between is either in the
	// grant's list or in a command, never lost.
	stop, err := s.listen()
	if err == nil {
		defer stop()
		err = s.open()
	}
	if err != nil {
		s.err = err
		close(s.ended)
		s.h.forget(s) // who comes after the refusal asks anew
		close(s.ready)
		return
	}
	close(s.ready)
	s.h.log.Info("session opened", "stage_id", s.stage, "session_id", s.id)
	s.run()
	s.room.Close()
	close(s.ended)
	s.h.reporter.closed(s.h.ctx, live.SessionClosed{Stage: s.stage, Session: s.id, Node: s.h.o.Node, At: time.Now()})
	s.h.log.Info("session closed", "stage_id", s.stage, "session_id", s.id)
}

// forget takes a session out of the map; the stage's next one stays.
func (h *Host) forget(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.stage] == s {
		delete(h.sessions, s.stage)
	}
}

// listen subscribes to the commands for the stage.
func (s *session) listen() (stop func(), err error) {
	var subs []bus.Subscription
	stop = func() {
		for _, sub := range subs {
			_ = sub.Close()
		}
	}
	for subject, obey := range map[string]bus.Handler{
		bus.DisconnectParticipant(s.stage): bus.Serve(func(_ context.Context, c live.DisconnectParticipant) (struct{}, error) {
			return struct{}{}, s.obey(roster.Bar{Participant: c.Participant, Message: c.Message})
		}),
		bus.CloseStage(s.stage): bus.Serve(func(_ context.Context, _ live.CloseStage) (struct{}, error) {
			return struct{}{}, s.obey(roster.Close{})
		}),
		bus.AskParticipant(s.stage): bus.Serve(func(_ context.Context, a live.AskParticipant) (live.ParticipantAnswer, error) {
			return s.answer(a.Participant), nil
		}),
		bus.ReplicateParticipant(s.stage): bus.Serve(func(_ context.Context, c live.ReplicateParticipant) (live.ReplicationAnswer, error) {
			return s.replicate(c)
		}),
	} {
		sub, err := s.h.o.Bus.Subscribe(subject, "", obey)
		if err != nil {
			stop()
			s.h.log.Warn("commands for a stage can't be listened for", "stage_id", s.stage, "error", err)
			return nil, unavailable("the control plane can't be reached")
		}
		subs = append(subs, sub)
	}
	return stop, nil
}

// answer tells the control plane of someone who may be here.
func (s *session) answer(id live.ParticipantID) live.ParticipantAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster == nil {
		return live.ParticipantAnswer{} // nobody is in yet
	}
	p, here := s.roster.Find(id)
	if !here {
		return live.ParticipantAnswer{}
	}
	return live.ParticipantAnswer{
		Session: s.id, Publishing: p.IsPublishing, Replica: s.roster.IsReplica(id), Attributes: p.Attributes,
	}
}

// open asks the control plane for the session and sets it up.
func (s *session) open() error {
	ctx, cancel := context.WithTimeout(s.h.ctx, s.h.o.OpenTimeout)
	defer cancel()
	grant, err := bus.Ask[live.SessionGrant](ctx, s.h.o.Bus, bus.OpenSession, live.OpenSession{Stage: s.stage, Node: s.h.o.Node})
	if err != nil {
		s.h.log.Warn("the control plane did not answer", "stage_id", s.stage, "error", err)
		return unavailable("the control plane can't be reached")
	}
	if grant.Refused != "" {
		return refusal(grant)
	}
	s.id, s.arn, s.room = grant.Session, grant.Stage, s.h.o.Engine.NewRoom()
	o := s.h.o
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster = roster.New(roster.Options{
		Stage: s.stage, Session: s.id, Barred: grant.Barred,
		Publishers: o.PublishersPerStage, Subscribers: o.SubscribersPerStage, MediaSessions: o.MediaSessions,
		ReconnectWindow: o.ReconnectWindow, Grace: o.SessionGrace, MaxDuration: o.MaxDuration,
	}, now)
	for _, c := range s.early {
		effects, _ := s.roster.Do(c, now) // nobody is there to whom a refusal could be told
		for _, e := range effects {
			s.queue = append(s.queue, step{effect: e})
		}
	}
	s.early = nil
	return nil
}

func refusal(g live.SessionGrant) error {
	e := live.Refuse(live.Unavailable, g.Refused, "%s", g.Message)
	switch g.Refused {
	case live.StageNotFound:
		e.Kind = live.NotFound
	case live.QuotaExceeded:
		e.Kind, e.RetryAfter = live.Exhausted, 5*time.Second
	default:
		e.RetryAfter = 2 * time.Second
	}
	if e.Message == "" {
		e.Message = "the control plane refused to open the stage: " + string(g.Refused)
	}
	return e
}

func unavailable(message string) *live.Error {
	return &live.Error{Kind: live.Unavailable, Message: message, RetryAfter: 2 * time.Second}
}
