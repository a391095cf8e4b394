package rtc

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// maxDoorbells bounds the doorbells that hang at once.
const maxDoorbells = 64

// Doorbell is a pair of ICE credentials that no peer belongs to: whoever has them gets answers to connectivity
// checks, and so learns whether the transport can be reached, and nothing more.
type Doorbell struct {
	Username string // of checks, both halves
	Password string
}

// HangDoorbell makes a doorbell that answers for the time given. It returns Exhausted if there are too many.
func (t *Transport) HangDoorbell(lasts time.Duration) (Doorbell, error) {
	if t.doorbells.Add(1) > maxDoorbells {
		t.doorbells.Add(-1)
		return Doorbell{}, live.Errorf(live.Exhausted, "too many probes are under way; try again in a moment")
	}
	s := newSession(nil, sdp.Credentials{Ufrag: "doorbell"})
	t.byUfrag.put(s)
	time.AfterFunc(lasts, func() {
		t.byUfrag.remove(s)
		t.doorbells.Add(-1)
	})
	return Doorbell{Username: s.local.Ufrag + ":" + s.remote.Ufrag, Password: s.local.Pwd}, nil
}
