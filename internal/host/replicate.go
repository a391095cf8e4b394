package host

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// link is a replication: from the session in which the participant takes part to the one in which it is shown, too.
type link struct {
	id       string
	from, to *session
	source   live.ARN
	who      live.ParticipantID
	begun    chan error // has what the destination said at first

	// Of from.run alone:
	of    *mediaSession // the publication that is shown, nil while there is none
	shown *mediaSession // what stands for it there
}

// links finds replications by id.
type links struct{ m sync.Map }

func (l *links) put(it *link)     { l.m.Store(it.id, it) }
func (l *links) remove(id string) { l.m.Delete(id) }
func (l *links) find(id string) *link {
	it, ok := l.m.Load(id)
	if !ok {
		return nil
	}
	return it.(*link)
}

// replicate obeys what the control plane says of a replication from this session.
func (s *session) replicate(c live.ReplicateParticipant) (live.ReplicationAnswer, error) {
	switch r := c.Replication; c.Order {
	case live.ReplicationStart:
		return s.startReplication(r), nil
	case live.ReplicationStop:
		s.stopReplication(r.ID)
		return live.ReplicationAnswer{}, nil
	case live.ReplicationAsk:
		s.mu.Lock()
		goes := s.roster != nil && s.roster.Replicates(r.ID)
		s.mu.Unlock()
		if l := s.h.links.find(r.ID); goes && l != nil {
			return live.ReplicationAnswer{Session: l.to.id}, nil
		}
		return live.ReplicationAnswer{}, nil
	}
	return live.ReplicationAnswer{}, errors.New("no order about a replication")
}

// startReplication shows a participant on another stage, whose session is opened for that if there is none, and returns
// when it is shown there or refused.
func (s *session) startReplication(r live.Replication) live.ReplicationAnswer {
	s.mu.Lock()
	here := s.roster != nil && s.id == r.SourceSession
	s.mu.Unlock()
	if !here {
		return refusedReplication(live.Errorf(live.NotFound, "session %s of stage %s is over", r.SourceSession, s.stage))
	}
	if err := s.h.mayReplicate(r); err != nil {
		return refusedReplication(err)
	}
	ctx, cancel := context.WithTimeout(s.h.ctx, s.h.o.OpenTimeout)
	defer cancel()
	var there *session
	err := s.h.with(ctx, live.StageID(r.DestinationStage.ID), func(to *session) error {
		if to.arn != "" && to.arn != r.DestinationStage.String() {
			return live.Errorf(live.NotFound, "there is no stage %s", r.DestinationStage)
		}
		there = to
		return s.linkTo(ctx, to, r)
	})
	if err != nil {
		return refusedReplication(err)
	}
	written, done := context.WithTimeout(s.h.ctx, startRecordTimeout)
	defer done()
	there.settle(written)
	s.h.reporter.flush(written)
	return live.ReplicationAnswer{Session: there.id}
}

// settle waits until the session has applied what it was asked so far, has ended, or ctx has.
func (s *session) settle(ctx context.Context) {
	applied := make(chan struct{})
	if !s.post(func() { close(applied) }) {
		return
	}
	select {
	case <-applied:
	case <-s.ended:
	case <-ctx.Done():
	}
}

// startRecordTimeout is how long the start of a replication waits for the records of the replica: whoever ordered it
// looks for them next, and has more patience than with other commands.
const startRecordTimeout = 2 * time.Second

func refusedReplication(err error) live.ReplicationAnswer {
	var told *live.Error
	if !errors.As(err, &told) {
		told = live.Errorf(live.Unavailable, "the host can't do it now")
	}
	return live.ReplicationAnswer{Refused: told}
}

// mayReplicate says whether the node takes one more participant that publishes.
func (h *Host) mayReplicate(r live.Replication) error {
	if err := h.admit(holder{stage: live.StageID(r.DestinationStage.ID), id: r.Participant}); err != nil {
		return err
	}
	if n := int(h.counts.publications.Load()); h.o.Publishers > 0 && n >= h.o.Publishers {
		return nodeFull("publishers", n, h.o.Publishers, "quotas.publishers")
	}
	return nil
}

// linkTo begins a replication to an open session and waits for what that says.
func (s *session) linkTo(ctx context.Context, to *session, r live.Replication) error {
	l := &link{id: r.ID, from: s, to: to, source: r.SourceStage, who: r.Participant, begun: make(chan error, 1)}
	s.h.links.put(l)
	err := s.do(roster.Replicate{
		ID: r.ID, Participant: r.Participant, Stage: r.DestinationStage, Session: to.id,
		Attributes: r.Attributes, Window: r.ReconnectWindow,
	})
	if err != nil {
		s.h.links.remove(r.ID)
		return err
	}
	select {
	case err = <-l.begun:
	case <-s.ended:
		err = live.Errorf(live.NotFound, "session %s of stage %s is over", s.id, s.stage)
	case <-ctx.Done():
		err = unavailable("showing the participant took too long")
	}
	if err != nil {
		s.stopReplication(r.ID)
	}
	return err
}

// stopReplication ends a replication, and returns when the other session has seen to it, or after a moment.
func (s *session) stopReplication(id string) {
	l := s.h.links.find(id)
	if l == nil || l.from != s {
		return
	}
	ctx, cancel := context.WithTimeout(s.h.ctx, tellTimeout)
	defer cancel()
	_ = s.do(roster.StopReplicating{ID: id}) // never refused
	s.settle(ctx)
	l.to.settle(ctx)
	s.recorded()
}

// showThere has the destination show what its source now says of the participant.
func (s *session) showThere(e roster.Show) {
	l := s.h.links.find(e.Replication)
	if l == nil {
		return
	}
	of, shown := l.of, l.shown
	switch {
	case e.Media == "":
		of, shown = nil, nil
	case of == nil || of.id != e.Media:
		if of = s.h.media.find(e.Media); of == nil {
			return // it ended meanwhile; the roster will say what comes instead
		}
		shown = l.standIn(of)
		s.h.media.put(shown) // before the roster there can say that it ended
	}
	c := roster.Mirror{
		Replication: l.id, First: e.First, Stage: l.source, Session: s.id, Participant: e.Participant, Protocol: e.Protocol,
	}
	var attach []func()
	if shown != nil {
		c.Media = shown.id
		if shown != l.shown {
			attach = append(attach, handOver(l.to, of, shown))
		}
	}
	err := l.to.do(c, attach...)
	if e.First {
		l.begun <- err
	}
	if err != nil {
		if shown != nil && shown != l.shown {
			s.h.media.remove(shown.id)
		}
		if !e.First { // its session is over; of one that never began nobody is told
			_ = s.do(roster.EndReplication{ID: l.id})
		}
		return
	}
	l.turnTo(of, shown)
}

// standIn returns what stands for a publication in the session it is shown in.
func (l *link) standIn(of *mediaSession) *mediaSession {
	m := &mediaSession{
		id: roster.MediaID(secret()), owner: holder{stage: l.to.stage, id: l.who}, s: l.to, release: func() {},
		of: of, tracks: of.tracks,
	}
	m.connected.Store(int64(max(media.Now(), 1)))
	return m
}

// turnTo remembers what is shown from now on, so that it gets the tracks that are yet to come.
func (l *link) turnTo(of, shown *mediaSession) {
	if shown == l.shown {
		return
	}
	if l.of != nil {
		delete(l.of.shownAs, l.shown)
	}
	if of != nil {
		if of.shownAs == nil {
			of.shownAs = make(map[*mediaSession]struct{})
		}
		of.shownAs[shown] = struct{}{}
	}
	l.of, l.shown = of, shown
}

// handOver returns the call that gives a session the tracks that a publication has by now.
func handOver(to *session, of, shown *mediaSession) func() {
	ups := of.ups()
	return func() {
		for _, up := range ups {
			to.addUp(shown, up.Track().Kind, up)
		}
	}
}

// hideThere has the destination show a participant no more.
func (s *session) hideThere(id string) {
	l := s.h.links.find(id)
	if l == nil {
		return
	}
	l.turnTo(nil, nil)
	s.h.links.remove(id)
	_ = l.to.do(roster.Unmirror{Replication: id, Participant: l.who}) // never refused
}

// giveUp tells the source of a replica that it is shown here no more.
func (s *session) giveUp(id string) {
	if l := s.h.links.find(id); l != nil {
		_ = l.from.do(roster.EndReplication{ID: id}) // never refused
	}
}
