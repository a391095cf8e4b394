package roster

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Command is something that a participant, its connections or the control plane ask for.
type Command interface {
	do(r *Roster, now time.Time) error
	late(r *Roster) error // what it gets once the session is over
}

// Join brings a participant in by a state socket. With the key of a participation that still lasts it goes on with
// that one; otherwise it takes over. It returns ParticipantRevoked, QuotaExceeded or StageNotFound.
type Join struct {
	Identity
	Socket    SocketID
	Key       string // unguessable; becomes the key of a new participation
	Resume    string // "" for a fresh join
	Since     uint64 // with HasSince: the last version the client has seen
	HasSince  bool
	Otherwise error // what a join that can't go on gets, for who may not join afresh; nil if it may
}

// Lose says that a socket broke: its participant may come back inside the reconnect window.
type Lose struct{ Socket SocketID }

// Leave ends the participation of a socket.
type Leave struct{ Socket SocketID }

// Ask has the state sent again.
type Ask struct{ Socket SocketID }

// SetMedia says what a participant has muted; nil leaves a part as it is.
type SetMedia struct {
	Socket       SocketID
	AudioMuted   *bool
	VideoStopped *bool
}

// Bar makes a participant leave, now and for good.
type Bar struct {
	Participant live.ParticipantID
	Message     string
}

// Close ends the session of a deleted stage.
type Close struct{}

// Drain ends the session because the server stops.
type Drain struct{}

// Tick does what is due.
type Tick struct{}

func (c Join) do(r *Roster, now time.Time) error {
	p := r.participants[c.ID]
	if r.barred[c.ID] {
		return errBarred(c.ID)
	}
	if p != nil && c.Resume != "" && c.Resume == p.key {
		r.resume(p, c)
		return nil
	}
	if c.Otherwise != nil {
		return c.Otherwise
	}
	r.displace(c.ID, now)
	if p != nil && p.hadSocket {
		r.drop(p, live.LeaveTokenReused, "the token was used by another connection", now)
	}
	p, err := r.admit(c.Identity, now)
	if err != nil {
		return r.refused(live.ParticipantRefused, c.Identity, "", err, now)
	}
	p.hadSocket, p.key = true, c.Key
	r.attach(p, c.Socket)
	r.join(p, now)
	r.emit(Welcome{Socket: c.Socket, State: r.state(p, false)})
	return nil
}

func (r *Roster) resume(p *participant, c Join) {
	if p.socket != 0 {
		delete(r.sockets, p.socket)
		r.emit(Retire{Socket: p.socket})
	}
	r.attach(p, c.Socket)
	if missed, ok := r.since(c.Since); c.HasSince && ok {
		r.emit(Replay{
			Socket:  c.Socket,
			State:   State{Version: c.Since, Participant: p.ID, Resume: p.key, Resumed: true},
			Updates: missed,
		})
		return
	}
	r.emit(Welcome{Socket: c.Socket, State: r.state(p, true)})
}

func (r *Roster) attach(p *participant, s SocketID) {
	p.socket, p.lostAt = s, time.Time{}
	r.sockets[s] = p
	r.schedule(p)
}

func (c Lose) do(r *Roster, now time.Time) error {
	p := r.sockets[c.Socket]
	if p == nil {
		return nil // retired or expelled before
	}
	delete(r.sockets, c.Socket)
	p.socket, p.lostAt = 0, now
	r.schedule(p)
	return nil
}

func (c Leave) do(r *Roster, now time.Time) error {
	if p := r.sockets[c.Socket]; p != nil {
		r.drop(p, "", "", now)
	}
	return nil
}

func (c Ask) do(r *Roster, _ time.Time) error {
	if p := r.sockets[c.Socket]; p != nil {
		r.emit(Welcome{Socket: c.Socket, State: r.state(p, true)})
	}
	return nil
}

func (c SetMedia) do(r *Roster, now time.Time) error {
	p := r.sockets[c.Socket]
	if p == nil {
		return nil
	}
	before := [2]bool{p.audioMuted, p.videoStopped}
	if c.AudioMuted != nil {
		p.audioMuted = *c.AudioMuted
	}
	if c.VideoStopped != nil {
		p.videoStopped = *c.VideoStopped
	}
	if p.live != nil && before != [2]bool{p.audioMuted, p.videoStopped} {
		r.announce(OpUpdate, p)
		r.mirror(p, now)
	}
	return nil
}

func (c Bar) do(r *Roster, now time.Time) error {
	r.barred[c.Participant] = true
	r.endReplicationsOf(c.Participant, now) // it has nothing to come back to
	if p := r.participants[c.Participant]; p != nil {
		message := c.Message
		if message == "" {
			message = "the participant was disconnected"
		}
		r.drop(p, live.LeaveDisconnected, message, now)
	}
	return nil
}

func (Close) do(r *Roster, now time.Time) error {
	r.end(live.LeaveStageDeleted, "the stage was deleted", now)
	r.over = live.Refuse(live.NotFound, live.StageNotFound, "stage %s was deleted", r.o.Stage)
	return nil
}

func (Drain) do(r *Roster, now time.Time) error {
	r.end(live.LeaveServerDrained, "the server stops", now)
	r.over = &live.Error{
		Kind: live.Unavailable, Reason: live.NoCapacity,
		Message: "the server stops", RetryAfter: time.Second,
	}
	return nil
}

// end empties the session. Everyone is told before anyone's media ends, so that no client sees a stream break
// before it knows why; and nobody is told of the others' leaving.
func (r *Roster) end(reason live.LeaveReason, message string, now time.Time) {
	r.endReplications(now)
	everyone := sorted(r.participants)
	for _, p := range everyone {
		if p.socket != 0 {
			r.emit(Expel{Socket: p.socket, Reason: reason, Message: message})
			delete(r.sockets, p.socket)
			p.socket = 0
		}
	}
	for _, p := range everyone {
		r.drop(p, "", "", now)
	}
	r.emit(End{})
}

func (Tick) do(r *Roster, now time.Time) error {
	for {
		d, ok := r.deadlines.due(now)
		if !ok {
			return nil
		}
		if d.wait != nil {
			r.endReplication(d.wait, now) // the participant has not come back in time
			continue
		}
		p := d.who
		if p == nil {
			r.expire()
			return nil
		}
		if r.o.MaxDuration == 0 || now.Before(p.joinedAt.Add(r.o.MaxDuration)) {
			r.drop(p, "", "", now) // the reconnect window is over
			continue
		}
		if p.live != nil {
			r.report(live.PublishFailed, p, "", live.StreamDurationExceeded, now)
		}
		r.drop(p, live.LeaveDurationOver,
			"a participation may last "+r.o.MaxDuration.String()+"", now)
	}
}

// expire ends the session that has been empty for the grace, unless somebody shown elsewhere may still come back.
func (r *Roster) expire() {
	if r.stayFor() {
		return
	}
	r.over = &live.Error{
		Kind: live.Unavailable, Reason: live.NoCapacity,
		Message: "the session has ended, the next is about to begin", RetryAfter: time.Second,
	}
	r.emit(End{})
}

func (Exchange) late(r *Roster) error  { return r.over }
func (Reject) late(*Roster) error      { return nil }
func (Join) late(r *Roster) error      { return r.over }
func (Lose) late(*Roster) error        { return nil }
func (Leave) late(*Roster) error       { return nil }
func (Ask) late(*Roster) error         { return nil }
func (SetMedia) late(*Roster) error    { return nil }
func (Bar) late(*Roster) error         { return nil }
func (Close) late(*Roster) error       { return nil }
func (Drain) late(*Roster) error       { return nil }
func (Tick) late(*Roster) error        { return nil }
func (Publish) late(r *Roster) error   { return r.over }
func (Subscribe) late(r *Roster) error { return r.over }
func (Connected) late(*Roster) error   { return nil }
func (Ended) late(*Roster) error       { return nil }

func errBarred(id live.ParticipantID) *live.Error {
	return live.Refuse(live.Denied, live.ParticipantRevoked, "participant %s was disconnected and may not come back", id)
}

func errFull(what string, n, limit int, setting string) *live.Error {
	err := live.Refuse(live.Exhausted, live.QuotaExceeded, "the stage has %d %s, the limit is %d", n, what, limit)
	if setting != "" {
		err.Message += " (setting " + setting + ")"
	}
	err.RetryAfter = 5 * time.Second
	return err
}
