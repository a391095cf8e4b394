package roster

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Cut ends a publication, or a subscription, that breaks a rule: its owner is told why, viewers only that it has
// ended.
type Cut struct {
	Media   MediaID
	Code    live.Reason // for the event, in the words of the contract
	Message string      // what was wrong, the limit and the setting
}

// Tell says to a socket's client what was wrong with something other than its last frame.
type Tell struct {
	Socket  SocketID
	Code    live.Reason
	Message string
}

func (Tell) effect() {}

func (c Cut) do(r *Roster, now time.Time) error {
	m := r.media[c.Media]
	if m == nil {
		return nil
	}
	p := m.owner
	if m.publisher == "" {
		r.report(live.PublishFailed, p, "", c.Code, now)
	} else {
		r.report(live.SubscribeFailed, p, m.publisher, c.Code, now)
	}
	if p.socket != 0 {
		r.emit(Tell{Socket: p.socket, Code: c.Code, Message: c.Message})
	}
	return Ended{Media: c.Media}.do(r, now)
}

func (Cut) late(*Roster) error { return nil }
