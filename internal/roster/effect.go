package roster

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Effect is something that must happen. Effects are applied in the order they come.
type Effect interface{ effect() }

// Welcome sends a socket the whole state.
type Welcome struct {
	Socket SocketID
	State  State
}

// Replay sends a socket the updates it missed. State.Version is the last it has seen.
type Replay struct {
	Socket  SocketID
	State   State // without participants
	Updates []*Update
}

// Announce sends every socket of the session an update.
type Announce struct{ Update *Update }

// Expel tells a socket that its participation is over, and closes it.
type Expel struct {
	Socket  SocketID
	Reason  live.LeaveReason
	Message string
}

// Retire closes a socket whose place another connection of the same participation has taken.
type Retire struct{ Socket SocketID }

// EndMedia closes a media session.
type EndMedia struct{ Media MediaID }

// Route shows the publisher's viewers another of its publications from now on.
type Route struct {
	Publisher live.ParticipantID
	To        MediaID
}

// Exchanged tells a socket that its participant goes on with another token.
type Exchanged struct {
	Socket       SocketID
	Participant  Participant
	Capabilities live.Capabilities
	ExpiresAt    time.Time
}

// Show says what is to be seen of a participant on the stage it is replicated to.
type Show struct {
	Replication string
	First       bool
	Participant Participant // with the attributes that it has there
	Media       MediaID     // the publication to be shown, "" while there is none
	Protocol    string      // by which that came
}

// Hide says that a replication is over.
type Hide struct{ Replication string }

// Displaced says that this stage shows a replica no more, by no wish of its source's.
type Displaced struct{ Replication string }

// Report tells the control plane.
type Report struct{ Fact live.Fact }

// End says that the session is over. It is the last effect of a roster.
type End struct{}

func (Welcome) effect()   {}
func (Replay) effect()    {}
func (Announce) effect()  {}
func (Expel) effect()     {}
func (Retire) effect()    {}
func (EndMedia) effect()  {}
func (Route) effect()     {}
func (Exchanged) effect() {}
func (Show) effect()      {}
func (Hide) effect()      {}
func (Displaced) effect() {}
func (Report) effect()    {}
func (End) effect()       {}

// Participant is what others are told of a participant.
type Participant struct {
	ID           live.ParticipantID
	UserID       string
	Attributes   map[string]string // shared, not to be changed
	IsPublishing bool
	AudioMuted   bool
	VideoStopped bool
	Tracks       []string // "audio", "video"; shared, not to be changed
	Layers       []Layer  // of the picture, the lowest first; shared, not to be changed
	Protocol     string   // how a publisher without a state socket publishes, such as "WHIP"
}

// State is a snapshot for one participant: everyone who publishes, and itself.
type State struct {
	Version      uint64
	Participant  live.ParticipantID
	Resume       string
	Resumed      bool
	Participants []Participant
}

// Op says what an update does.
type Op string

// What can be announced of a participant.
const (
	OpJoin   Op = "join"   // began to publish
	OpUpdate Op = "update" // something changed
	OpLeave  Op = "leave"  // stopped publishing, or left
)

// Change is one participant's part of an update.
type Change struct {
	Op          Op
	Participant Participant
}

// Update is the step from one version of the stage to the next. It is shared between sockets and never changed.
type Update struct {
	Version uint64
	Changes []Change
}

// replayable is how many updates are kept for sockets that come back: enough for a reconnect window of a busy
// stage, and less to send than the state of a full one.
const replayable = 256

func (r *Roster) announce(op Op, p *participant) {
	r.version++
	u := &Update{Version: r.version, Changes: []Change{{Op: op, Participant: p.view()}}}
	if len(r.log) == replayable {
		copy(r.log, r.log[1:])
		r.log = r.log[:replayable-1]
	}
	r.log = append(r.log, u)
	r.emit(Announce{Update: u})
}

// since returns the updates after version, false if some of them are no longer kept.
func (r *Roster) since(version uint64) ([]*Update, bool) {
	if version > r.version || r.version-version > uint64(len(r.log)) {
		return nil, false
	}
	missed := r.log[len(r.log)-int(r.version-version):]
	return append([]*Update(nil), missed...), true
}

func (r *Roster) state(p *participant, resumed bool) State {
	s := State{Version: r.version, Participant: p.ID, Resume: p.key, Resumed: resumed}
	for _, q := range r.publishers {
		s.Participants = append(s.Participants, q.view())
	}
	if p.live == nil {
		s.Participants = append(s.Participants, p.view())
	}
	return s
}

// View returns everyone in the session, for an operator's eyes.
func (r *Roster) View() []Participant {
	all := make([]Participant, 0, len(r.participants))
	for _, p := range r.participants {
		all = append(all, p.view())
	}
	return all
}

func (p *participant) view() Participant {
	v := Participant{
		ID: p.ID, UserID: p.UserID, Attributes: p.Attributes,
		AudioMuted: p.audioMuted, VideoStopped: p.videoStopped,
	}
	if p.live != nil {
		v.IsPublishing, v.Tracks, v.Layers = true, p.live.tracks, p.live.layers
		switch {
		case p.replica != nil:
			v.Protocol = p.replica.protocol
		case !p.hadSocket:
			v.Protocol = p.live.protocol
		}
	}
	return v
}
