package host

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// held returns a media session of the holder of the claims. Those of others do not exist for it: SessionNotFound.
func (h *Host) held(c live.Claims, id roster.MediaID) (*mediaSession, error) {
	m := h.media.find(id)
	if m == nil || m.peer == nil || m.owner != (holder{stage: c.Topic, id: c.Participant}) || m.s.fits(c) != nil {
		return nil, live.Refuse(live.NotFound, live.SessionNotFound, "there is no such session, or it is over")
	}
	return m, nil
}

// Hangup closes a media session and returns when it is closed. It returns SessionNotFound if the holder of the claims
// has no such session.
func (h *Host) Hangup(ctx context.Context, c live.Claims, id roster.MediaID) error {
	m, err := h.held(c, id)
	if err != nil {
		return err
	}
	applied := make(chan struct{})
	_ = m.s.do(roster.Ended{Media: id}, func() { close(applied) }) // never refused
	select {
	case <-applied:
	case <-m.s.ended:
	case <-ctx.Done():
	}
	return nil
}

// Patch takes a trickle-ice-sdpfrag (RFC 8840) for a media session. It returns nil if nothing is to be answered, the
// fragment that answers an ICE restart otherwise, and the tag of the ICE session after it. Errors have the reasons
// SessionNotFound and InvalidOffer.
func (h *Host) Patch(c live.Claims, id roster.MediaID, frag []byte) (answer []byte, etag string, err error) {
	m, err := h.held(c, id)
	if err != nil {
		return nil, "", err
	}
	answer, err = m.peer.Patch(frag)
	return answer, m.peer.ETag(), err
}

// ETag returns the tag of a media session's ICE session, or SessionNotFound.
func (h *Host) ETag(c live.Claims, id roster.MediaID) (string, error) {
	m, err := h.held(c, id)
	if err != nil {
		return "", err
	}
	return m.peer.ETag(), nil
}
