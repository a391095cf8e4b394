// Package roster decides who sends what to whom in one session of a stage: commands in, effects out.
//
// A Roster knows the participants of a session, what they publish and what they subscribe to. Do takes a
// command and the time and returns what must happen, in order: frames for sockets, media sessions to end, viewers to
// switch, facts to report. It holds the rules of the protocol (docs/signalling.md) and nothing else.
//
// There is deliberately no clock, no randomness, no I/O and no goroutine here: the host brings times, keys and
// identifiers, applies the effects, and serialises the calls. So every rule can be played as a script; see testdata.
package roster

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// SocketID names one connection of a state socket. 0 is none.
type SocketID uint64

// MediaID names one media session: a publication or a subscription.
type MediaID string

// Identity is what a token says of its participant.
type Identity struct {
	ID           live.ParticipantID
	UserID       string
	Attributes   map[string]string
	Capabilities live.Capabilities
	Client       live.Client
	Token        Token
}

// Token is what else a participant's token says. It is zero for participants inside the process, who have none.
type Token struct {
	SelfSigned          bool // by a customer's key
	EventsURL, WHIPURL  string
	IssuedAt, ExpiresAt time.Time
}

// Options are the rules that differ between stages and installations. A limit of 0 is none.
type Options struct {
	Stage           live.StageID
	Session         live.SessionID
	Barred          []live.ParticipantID
	Publishers      int           // participants that publish at once
	Subscribers     int           // participants that subscribe at once
	Participants    int           // participants at once
	MediaSessions   int           // media sessions of one participant at once
	ReconnectWindow time.Duration // how long a participant stays after its socket was lost
	Grace           time.Duration // how long an empty session waits for someone to come back
	MaxDuration     time.Duration // how long a participation may last; 0 is for ever
}

// Counts says how much is going on in a session.
type Counts struct {
	Participants  int
	Replicas      int // of the participants, those who take part elsewhere
	Publications  int // live ones
	Subscriptions int // asked for, whether connected or not
}

// Roster is the state of one session. It is not safe for concurrent use.
type Roster struct {
	o             Options
	version       uint64
	log           []*Update // the last updates, oldest first
	participants  map[live.ParticipantID]*participant
	sockets       map[SocketID]*participant
	media         map[MediaID]*media
	viewers       map[live.ParticipantID][]*media // subscriptions by publisher
	publishers    []*participant                  // with a live publication, in the order of their start
	offering      int                             // participants with a live or coming publication
	replicas      int                             // participants that take part elsewhere
	subscribers   int                             // participants with a subscription
	subscriptions int
	barred        map[live.ParticipantID]bool
	replications  map[string]*replication
	replicated    map[live.ParticipantID][]*replication // the same by participant, in the order of their start
	deadlines     deadlines
	grace         deadline    // set while nobody is there
	over          *live.Error // why the session takes no more commands
	out           []Effect
}

type participant struct {
	Identity
	exchanged    bool     // its token: an older one gives no right that this one does not
	replica      *replica // nil for who takes part itself
	joinedAt     time.Time
	joined       bool     // reported: by a socket, or by the first media session that came up
	socket       SocketID // 0 while there is none
	hadSocket    bool
	key          string // for resuming
	lostAt       time.Time
	audioMuted   bool
	videoStopped bool
	live         *media // the publication that viewers see
	coming       *media // one that is not connected yet
	subs         []*media
	gone         bool
	deadline     deadline
}

type media struct {
	id        MediaID
	owner     *participant
	publisher live.ParticipantID // whom it shows; "" for a publication
	at        int                // its place in viewers[publisher]
	tracks    []string
	layers    []Layer // of its picture, the lowest first; nil without
	protocol  string
	connected bool
}

// New returns the roster of a session that begins now, with nobody in it.
func New(o Options, now time.Time) *Roster {
	r := &Roster{
		o:            o,
		participants: make(map[live.ParticipantID]*participant),
		sockets:      make(map[SocketID]*participant),
		media:        make(map[MediaID]*media),
		viewers:      make(map[live.ParticipantID][]*media),
		barred:       make(map[live.ParticipantID]bool),
		replications: make(map[string]*replication),
		replicated:   make(map[live.ParticipantID][]*replication),
		grace:        deadline{pos: -1},
	}
	for _, id := range o.Barred {
		r.barred[id] = true
	}
	r.deadlines.set(&r.grace, now.Add(o.Grace))
	return r
}

// Do obeys a command and returns what must happen, in that order, even beside an error. The error, if any, is a
// *live.Error for whoever gave the command.
func (r *Roster) Do(c Command, now time.Time) ([]Effect, error) {
	var err error
	if r.over != nil {
		err = c.late(r)
	} else {
		err = c.do(r, now)
	}
	out := r.out
	r.out = nil
	return out, err
}

// Next returns when Tick has something to do, false if never.
func (r *Roster) Next() (time.Time, bool) { return r.deadlines.next() }

// Over reports whether the session has ended: it takes no more commands.
func (r *Roster) Over() bool { return r.over != nil }

// Counts returns how many participants, live publications and subscriptions there are.
func (r *Roster) Counts() Counts {
	return Counts{Participants: len(r.participants), Replicas: r.replicas, Publications: len(r.publishers), Subscriptions: r.subscriptions}
}

// Has reports whether the participant is in the session.
func (r *Roster) Has(id live.ParticipantID) bool { return r.participants[id] != nil }

// Barred reports whether the participant was disconnected and may not come back.
func (r *Roster) Barred(id live.ParticipantID) bool { return r.barred[id] }

// Find returns what others are told of a participant, false if it is not in the session.
func (r *Roster) Find(id live.ParticipantID) (Participant, bool) {
	p := r.participants[id]
	if p == nil {
		return Participant{}, false
	}
	return p.view(), true
}

// Publication returns the media session that shows the participant to its viewers, "" if it offers nothing.
func (r *Roster) Publication(id live.ParticipantID) MediaID {
	p := r.participants[id]
	if p == nil {
		return ""
	}
	if m := p.current(); m != nil {
		return m.id
	}
	return ""
}

func (r *Roster) emit(e Effect) { r.out = append(r.out, e) }

func (r *Roster) report(name live.FactName, p *participant, remote live.ParticipantID, code live.Reason, now time.Time) {
	f := live.Fact{
		Name: name, Stage: r.o.Stage, Session: r.o.Session, Participant: p.ID, Remote: remote,
		UserID: p.UserID, ErrorCode: code, At: now,
	}
	r.tellReplica(&f, p)
	switch {
	case name == live.ParticipantJoined:
		f.Attributes, f.Client = p.Attributes, p.Client
	case name == live.PublishStarted && p.live != nil:
		f.Protocol = p.live.protocol
	}
	r.emit(Report{Fact: f})
}

// refused reports a refusal and returns it. A barred participant's tries are not reported: there is no documented
// code for them, and whoever was thrown out could fill the records.
func (r *Roster) refused(name live.FactName, who Identity, remote live.ParticipantID, err *live.Error, now time.Time) error {
	if err.Reason != live.ParticipantRevoked {
		r.report(name, &participant{Identity: who}, remote, err.Reason, now)
	}
	return err
}

// current is the publication that viewers are to be shown: the live one, else the coming one.
func (p *participant) current() *media {
	if p.live != nil {
		return p.live
	}
	return p.coming
}

func (p *participant) sessions() int {
	n := len(p.subs)
	if p.live != nil {
		n++
	}
	if p.coming != nil {
		n++
	}
	return n
}

// admit returns the participant of the identity, made if there is none.
func (r *Roster) admit(who Identity, now time.Time) (*participant, *live.Error) {
	if r.barred[who.ID] {
		return nil, errBarred(who.ID)
	}
	if p := r.participants[who.ID]; p != nil {
		return p, nil
	}
	if n := len(r.participants); r.o.Participants > 0 && n >= r.o.Participants {
		return nil, errFull("participants", n, r.o.Participants, "")
	}
	p := &participant{Identity: who, joinedAt: now}
	p.deadline = deadline{who: p, pos: -1}
	r.participants[who.ID] = p
	r.schedule(p)
	r.deadlines.set(&r.grace, time.Time{})
	return p, nil
}

func (r *Roster) join(p *participant, now time.Time) {
	if !p.joined {
		p.joined = true
		r.report(live.ParticipantJoined, p, "", "", now)
	}
}

// drop removes a participant with all it has. A reason is told to its socket; "" tells nothing.
func (r *Roster) drop(p *participant, reason live.LeaveReason, message string, now time.Time) {
	if p.gone {
		return
	}
	p.gone = true
	if p.socket != 0 {
		delete(r.sockets, p.socket)
		if reason != "" {
			r.emit(Expel{Socket: p.socket, Reason: reason, Message: message})
		}
		p.socket = 0
	}
	for len(p.subs) > 0 {
		m := p.subs[len(p.subs)-1]
		r.emit(EndMedia{Media: m.id})
		r.unsubscribe(m, now)
	}
	r.unpublish(p, now)
	r.leaveReplica(p)
	delete(r.participants, p.ID)
	r.schedule(p)
	if p.joined {
		r.report(live.ParticipantLeft, p, "", "", now)
	}
	if len(r.participants) == 0 {
		r.deadlines.set(&r.grace, now.Add(r.o.Grace))
	}
}

// settle drops a participant that has neither a socket, nor a claim to come back, nor a media session.
func (r *Roster) settle(p *participant, now time.Time) {
	if !p.gone && !p.hadSocket && p.replica == nil && p.sessions() == 0 {
		r.drop(p, "", "", now)
	}
}
