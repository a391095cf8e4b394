package host

import "github.com/proscenium-live/proscenium/internal/live"

// Standing says whether a participant is in a session on this node, and whether it was thrown out of the one that is
// open.
func (h *Host) Standing(stage live.StageID, id live.ParticipantID) (there, barred bool) {
	s := h.lookup(stage)
	if s == nil {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster != nil && s.roster.Has(id), s.roster != nil && s.roster.Barred(id)
}
