package roster

import (
	"maps"
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Mirror has a replica be as its source says. The first makes it; a later one for a replica that is not here any more
// does nothing. It returns ParticipantRevoked, QuotaExceeded, Conflict if someone of that id is here, or StageNotFound.
type Mirror struct {
	Replication string
	First       bool
	Stage       live.ARN // where it takes part
	Session     live.SessionID
	Participant Participant
	Media       MediaID // what it publishes here, "" while that is nothing
	Protocol    string  // by which that came to its own stage
}

// Unmirror takes a replica away.
type Unmirror struct {
	Replication string
	Participant live.ParticipantID
}

// replica is what makes a participant one.
type replica struct {
	id       string // of the replication
	stage    live.ARN
	session  live.SessionID
	protocol string // that others are told
	expected bool   // its source knows that it goes
}

func (c Mirror) do(r *Roster, now time.Time) error {
	p := r.participants[c.Participant.ID]
	if c.First {
		var err *live.Error
		if p, err = r.admitReplica(c, now); err != nil {
			return err
		}
	}
	if p == nil || p.replica == nil || p.replica.id != c.Replication {
		return nil // displaced; its source will know in a moment
	}
	before := p.view()
	p.UserID, p.Attributes = c.Participant.UserID, c.Participant.Attributes
	p.audioMuted, p.videoStopped = c.Participant.AudioMuted, c.Participant.VideoStopped
	p.replica.protocol = c.Participant.Protocol
	r.join(p, now)
	r.play(p, c, now)
	if after := p.view(); before.IsPublishing && after.IsPublishing && !before.equal(after) {
		r.announce(OpUpdate, p)
	}
	return nil
}

// admitReplica makes a replica. It keeps its place among the publishers until it goes.
func (r *Roster) admitReplica(c Mirror, now time.Time) (*participant, *live.Error) {
	id := c.Participant.ID
	if r.participants[id] != nil {
		return nil, live.Errorf(live.Conflict, "there is a participant %s on stage %s already", id, r.o.Stage)
	}
	if r.o.Publishers > 0 && r.offering >= r.o.Publishers {
		return nil, errFull("publishers", r.offering, r.o.Publishers, "quotas.publishers_per_stage")
	}
	p, err := r.admit(Identity{ID: id, UserID: c.Participant.UserID}, now)
	if err != nil {
		return nil, err
	}
	p.replica = &replica{id: c.Replication, stage: c.Stage, session: c.Session}
	r.offering++
	r.replicas++
	r.schedule(p)
	return p, nil
}

// play has a replica publish what its source does.
func (r *Roster) play(p *participant, c Mirror, now time.Time) {
	if c.Media == "" {
		r.unpublish(p, now)
		return
	}
	older := p.live
	if older != nil && older.id == c.Media {
		older.tracks, older.layers = c.Participant.Tracks, c.Participant.Layers
		return
	}
	m := &media{id: c.Media, owner: p, tracks: c.Participant.Tracks, layers: c.Participant.Layers, protocol: c.Protocol, connected: true}
	r.media[m.id] = m
	p.live = m
	r.emit(Route{Publisher: p.ID, To: m.id})
	if older != nil {
		delete(r.media, older.id)
		r.emit(EndMedia{Media: older.id})
		return
	}
	r.publishers = append(r.publishers, p)
	r.announce(OpJoin, p)
	r.report(live.PublishStarted, p, "", "", now)
}

func (c Unmirror) do(r *Roster, now time.Time) error {
	if p := r.participants[c.Participant]; p != nil && p.replica != nil && p.replica.id == c.Replication {
		p.replica.expected = true
		r.drop(p, "", "", now)
	}
	return nil
}

func (Mirror) late(r *Roster) error { return r.over }
func (Unmirror) late(*Roster) error { return nil }

// displace makes room for someone who takes part here itself under a replica's id.
func (r *Roster) displace(id live.ParticipantID, now time.Time) {
	if p := r.participants[id]; p != nil && p.replica != nil && !r.barred[id] {
		r.drop(p, "", "", now)
	}
}

// leaveReplica gives a replica's place back, and tells its source if that does not know.
func (r *Roster) leaveReplica(p *participant) {
	if p.replica == nil {
		return
	}
	r.offering--
	r.replicas--
	if !p.replica.expected {
		r.emit(Displaced{Replication: p.replica.id})
	}
}

// tellReplica marks a fact of a replica, or of a subscription to one.
func (r *Roster) tellReplica(f *live.Fact, p *participant) {
	if p.replica != nil {
		f.Replica, f.SourceStage, f.SourceSession = true, p.replica.stage, p.replica.session
		return
	}
	if q := r.participants[f.Remote]; q != nil && q.replica != nil {
		f.Replica = true
	}
}

// IsReplica reports whether a participant is shown here, and takes part elsewhere.
func (r *Roster) IsReplica(id live.ParticipantID) bool {
	p := r.participants[id]
	return p != nil && p.replica != nil
}

func (p Participant) equal(q Participant) bool {
	return p.UserID == q.UserID && p.IsPublishing == q.IsPublishing && p.AudioMuted == q.AudioMuted &&
		p.VideoStopped == q.VideoStopped && p.Protocol == q.Protocol &&
		slices.Equal(p.Tracks, q.Tracks) && slices.Equal(p.Layers, q.Layers) && maps.Equal(p.Attributes, q.Attributes)
}
