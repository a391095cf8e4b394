package client

import (
	"maps"
	"slices"
)

// Info is what everybody on a stage may know of a participant.
type Info struct {
	ID           string            `json:"id"`
	UserID       string            `json:"userId"`
	Attributes   map[string]string `json:"attributes"`
	Publishing   bool              `json:"isPublishing"`
	AudioMuted   bool              `json:"audioMuted"`
	VideoStopped bool              `json:"videoStopped"`
	Tracks       []string          `json:"tracks,omitempty"`   // "audio", "video"
	Layers       []Layer           `json:"layers,omitempty"`   // of its picture, the lowest first; nil without simulcast
	Protocol     string            `json:"protocol,omitempty"` // how it publishes, where the server tells
}

func (i Info) equal(o Info) bool {
	return i.ID == o.ID && i.UserID == o.UserID && i.Publishing == o.Publishing &&
		i.AudioMuted == o.AudioMuted && i.VideoStopped == o.VideoStopped && i.Protocol == o.Protocol &&
		maps.Equal(i.Attributes, o.Attributes) && slices.Equal(i.Tracks, o.Tracks) && slices.Equal(i.Layers, o.Layers)
}

// Op says what happened to a participant.
type Op string

// What happens to participants: they begin to publish (or publish already when we join), change, stop. Of
// ourselves only Updated is told.
const (
	Joined  Op = "join"
	Updated Op = "update"
	Left    Op = "leave"
)

// Change is one thing that happened on the stage.
type Change struct {
	Op          Op
	Participant Info
}

// roster is the client's copy of the stage: who publishes, and itself.
type roster struct {
	self    string
	version uint64
	people  map[string]Info
}

// replace takes a whole state and returns what changed, sorted by participant.
func (r *roster) replace(version uint64, people []Info) []Change {
	var changes []Change
	next := make(map[string]Info, len(people))
	for _, p := range people {
		next[p.ID] = p
		switch before, known := r.people[p.ID]; {
		case !known && p.ID == r.self:
		case !known:
			changes = append(changes, Change{Joined, p})
		case !before.equal(p):
			changes = append(changes, Change{Updated, p})
		}
	}
	for id, p := range r.people {
		if _, stays := next[id]; !stays {
			changes = append(changes, Change{Left, p})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		switch {
		case a.Participant.ID < b.Participant.ID:
			return -1
		case a.Participant.ID > b.Participant.ID:
			return 1
		}
		return 0
	})
	r.version, r.people = version, next
	return changes
}

// apply takes the changes of a version. It returns false, and changes nothing, if a version is missing in between.
func (r *roster) apply(version uint64, changes []Change) (told []Change, ok bool) {
	if version <= r.version {
		return nil, true // already in the state we got in between
	}
	if version != r.version+1 {
		return nil, false
	}
	if r.people == nil {
		r.people = map[string]Info{}
	}
	r.version = version
	for _, c := range changes {
		before, known := r.people[c.Participant.ID]
		if c.Op == Left && c.Participant.ID == r.self { // we stopped publishing, and are still there
			c = Change{Updated, before}
			c.Participant.Publishing, c.Participant.Tracks = false, nil
		}
		switch {
		case c.Op == Left && known:
			delete(r.people, c.Participant.ID)
			told = append(told, Change{Left, before})
		case c.Op == Left:
		default:
			r.people[c.Participant.ID] = c.Participant
			if !known {
				told = append(told, Change{Joined, c.Participant})
			} else if !before.equal(c.Participant) {
				told = append(told, Change{Updated, c.Participant})
			}
		}
	}
	return told, true
}

func (r *roster) list() []Info {
	out := slices.Collect(maps.Values(r.people))
	slices.SortFunc(out, func(a, b Info) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}
