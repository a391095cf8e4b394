package roster

import (
	"maps"
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Replicate shows a publisher on another stage too, until it stops publishing for longer than the window (media-features.md
// section 9). It returns NotFound if the participant is not there, Conflict if it does not publish, and Invalid if it is
// shown here itself only.
type Replicate struct {
	ID          string // of the replication
	Participant live.ParticipantID
	Stage       live.ARN // where to
	Session     live.SessionID
	Attributes  map[string]string // over those of the participant
	Window      time.Duration
}

// StopReplicating ends a replication by the control plane's word, who therefore needs no report.
type StopReplicating struct{ ID string }

// EndReplication ends a replication that the other stage has given up.
type EndReplication struct{ ID string }

// replication is what this session knows of one: the participant may be gone, and come back.
type replication struct {
	Replicate
	deadline deadline // set while it waits for its participant
}

func (c Replicate) do(r *Roster, _ time.Time) error {
	p := r.participants[c.Participant]
	switch {
	case r.replications[c.ID] != nil:
		return nil
	case p == nil:
		return live.Errorf(live.NotFound, "participant %s is not on stage %s", c.Participant, r.o.Stage)
	case p.replica != nil:
		return live.Errorf(live.Invalid, "participant %s is a replica on stage %s: replicate it from its own stage", c.Participant, r.o.Stage)
	case p.live == nil:
		return live.Errorf(live.Conflict, "participant %s does not publish on stage %s now", c.Participant, r.o.Stage)
	}
	rep := &replication{Replicate: c}
	rep.deadline = deadline{wait: rep, pos: -1}
	r.replications[c.ID] = rep
	r.replicated[p.ID] = append(r.replicated[p.ID], rep)
	show := rep.show(p)
	show.First = true
	r.emit(show)
	return nil
}

func (c StopReplicating) do(r *Roster, _ time.Time) error {
	if rep := r.replications[c.ID]; rep != nil {
		r.forget(rep)
	}
	return nil
}

func (c EndReplication) do(r *Roster, now time.Time) error {
	if rep := r.replications[c.ID]; rep != nil {
		r.endReplication(rep, now)
	}
	return nil
}

// late: what it gets once the session is over, when all replications have ended.
func (Replicate) late(r *Roster) error     { return r.over }
func (StopReplicating) late(*Roster) error { return nil }
func (EndReplication) late(*Roster) error  { return nil }

// Replicates reports whether a replication goes on.
func (r *Roster) Replicates(id string) bool { return r.replications[id] != nil }

// show returns what is to be seen of p there.
func (rep *replication) show(p *participant) Show {
	s := Show{Replication: rep.ID, Participant: p.view()}
	if len(rep.Attributes) > 0 {
		merged := maps.Clone(p.Attributes)
		if merged == nil {
			merged = make(map[string]string, len(rep.Attributes))
		}
		maps.Copy(merged, rep.Attributes)
		s.Participant.Attributes = merged
	}
	if p.live != nil {
		s.Media, s.Protocol = p.live.id, p.live.protocol
	}
	return s
}

// mirror has the participant's replicas follow it. Who has stopped publishing may come back within the window.
func (r *Roster) mirror(p *participant, now time.Time) {
	if p.replica != nil { // of someone who was here before, and may have been shown elsewhere from here
		return
	}
	for _, rep := range slices.Clone(r.replicated[p.ID]) {
		switch {
		case p.live != nil:
			r.deadlines.set(&rep.deadline, time.Time{})
		case rep.Window == 0:
			r.endReplication(rep, now)
			continue
		default:
			r.deadlines.set(&rep.deadline, now.Add(rep.Window))
		}
		r.emit(rep.show(p))
	}
}

// endReplication ends a replication and reports that.
func (r *Roster) endReplication(rep *replication, now time.Time) {
	r.forget(rep)
	r.emit(Report{Fact: live.Fact{
		Name: live.ReplicationEnded, Stage: r.o.Stage, Session: r.o.Session, Participant: rep.Participant, At: now,
		Replication: rep.ID, DestinationStage: rep.Stage, DestinationSession: rep.Session,
	}})
}

func (r *Roster) forget(rep *replication) {
	r.deadlines.set(&rep.deadline, time.Time{})
	delete(r.replications, rep.ID)
	left := slices.DeleteFunc(r.replicated[rep.Participant], func(other *replication) bool { return other == rep })
	if r.replicated[rep.Participant] = left; len(left) == 0 {
		delete(r.replicated, rep.Participant)
	}
	r.emit(Hide{Replication: rep.ID})
}

func (r *Roster) endReplicationsOf(id live.ParticipantID, now time.Time) {
	for _, rep := range slices.Clone(r.replicated[id]) {
		r.endReplication(rep, now)
	}
}

func (r *Roster) endReplications(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(r.replicated)) {
		r.endReplicationsOf(id, now)
	}
}

// stayFor has an empty session wait for those who are shown elsewhere, as long as they may come back. It returns false
// if there are none.
func (r *Roster) stayFor() bool {
	var last time.Time
	for _, rep := range r.replications {
		if rep.deadline.at.After(last) {
			last = rep.deadline.at
		}
	}
	if last.IsZero() {
		return false
	}
	r.deadlines.set(&r.grace, last.Add(time.Millisecond)) // after the last of them has ended
	return true
}
