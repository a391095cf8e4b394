package roster

import (
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Layer is what others are told of one simulcast layer of a publication.
type Layer struct {
	RID           string
	Width, Height int  // 0 while they are not known
	Active        bool // can be had: it is being sent, or would be if somebody wanted it
}

// SetLayers says what layers a publication has, the lowest first.
type SetLayers struct {
	Media  MediaID
	Layers []Layer // not to be changed afterwards
}

func (c SetLayers) do(r *Roster, now time.Time) error {
	m := r.media[c.Media]
	if m == nil || slices.Equal(m.layers, c.Layers) {
		return nil
	}
	m.layers = c.Layers
	if m == m.owner.live {
		r.announce(OpUpdate, m.owner)
		r.mirror(m.owner, now)
	}
	return nil
}

func (SetLayers) late(*Roster) error { return nil }

// Socket returns the connection of a participant, 0 if it has none.
func (r *Roster) Socket(id live.ParticipantID) SocketID {
	if p := r.participants[id]; p != nil {
		return p.socket
	}
	return 0
}
