package roster

import "github.com/proscenium-live/proscenium/internal/live"

// Watching returns the subscription of a participant to a publisher, "" if there is none. Of several it is the newest.
func (r *Roster) Watching(who, publisher live.ParticipantID) MediaID {
	p := r.participants[who]
	if p == nil {
		return ""
	}
	for i := len(p.subs) - 1; i >= 0; i-- {
		if m := p.subs[i]; m.publisher == publisher {
			return m.id
		}
	}
	return ""
}
