package host

import (
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// endLong ends the publications and subscriptions that have lasted as long as one may (media-features.md 10.1). Their
// participants stay, and may begin others.
func (h *Host) endLong(now media.Time) {
	h.media.each(func(m *mediaSession) {
		what, limit := "publication", h.o.Publishing
		setting := "limits.publish_duration"
		if m.publisher != "" {
			what, limit, setting = "subscription", h.o.Subscribing, "limits.subscribe_duration"
		}
		since := media.Time(m.connected.Load())
		if limit <= 0 || since == 0 || m.peer == nil || now-since < limit || m.gone.Load() { // what is in the process has no end
			return
		}
		h.log.Info("media session ended for its length", "stage_id", m.owner.stage, "participant_id", m.owner.id,
			"publisher_id", m.publisher)
		_ = m.s.do(roster.Cut{Media: m.id, Code: live.StreamDurationExceeded, Message: fmt.Sprintf(
			"the %s has lasted %s, the limit is %s (setting %s)", what, (now - since).Truncate(time.Second), limit, setting)})
	})
}
