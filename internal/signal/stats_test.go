package signal

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/host"
)

func TestStats_TellWhatAPlayerDropped(t *testing.T) {
	h := open(t, houseOptions{host: func(o *host.Options) { o.SampleEvery = 20 * time.Millisecond }})
	h.published("ada")
	bob := h.dial(h.token("bob"), "")
	bob.expect(typeState)
	h.viewing("bob", "ada")

	bob.send(`{"type":"STATS","payload":{"subscriptions":[{"participantId":"ada","framesDecoded":-1}]}}`)
	bob.expect(typeError) // and the socket stays
	bob.send(`{"type":"STATS","payload":{"subscriptions":[{"participantId":"ada","framesDecoded":75,"framesDropped":25},{"participantId":"eve","framesDecoded":1}]}}`)
	until(t, "the figures", func() bool {
		q := h.host.Quality()
		return q.DroppedFrames.Count == 1 && q.DroppedFrames.Max == .25 && q.Platforms[host.OtherPlatform].DroppedFrames.Count == 1
	})
	_, list, _ := h.host.Figures(stageOne)
	for _, p := range list {
		for _, s := range p.Subscriptions {
			if s.Player == nil || s.Player.Decoded != 75 || s.Player.Dropped != 25 || s.Player.DroppedRatio != .25 {
				t.Errorf("the player of %s is %+v", p.ID, s.Player)
			}
		}
	}
}

func TestJoin_ALibraryInABrowserNamesItself(t *testing.T) {
	h := open(t, houseOptions{})
	h.dial(h.token("ada"), "?sdk=web%200.1.0%3Cscript%3E").expect(typeState)
	until(t, "the fact", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, f := range h.facts {
			if f.Client.SDKVersion == "web 0.1.0script" {
				return true
			}
		}
		return false
	})
}
