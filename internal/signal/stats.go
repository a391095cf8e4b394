package signal

import (
	"encoding/json"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
)

// maxStats is how many subscriptions one STATS frame may tell of.
const maxStats = 100

// readStats reads what a player says it played (docs/signalling.md 1.5).
func readStats(payload []byte) ([]host.Played, error) {
	var p *struct {
		Subscriptions []struct {
			ParticipantID live.ParticipantID `json:"participantId"`
			FramesDecoded uint64             `json:"framesDecoded"`
			FramesDropped uint64             `json:"framesDropped"`
		} `json:"subscriptions"`
	}
	if err := json.Unmarshal(payload, &p); err != nil || p == nil {
		return nil, live.Errorf(live.Invalid, "the payload of %s is not an object with subscriptions of participantId, framesDecoded and framesDropped, the latter whole numbers from 0", typeStats)
	}
	if n := len(p.Subscriptions); n > maxStats {
		return nil, live.Errorf(live.Invalid, "%s tells of %d subscriptions, the limit is %d", typeStats, n, maxStats)
	}
	list := make([]host.Played, 0, len(p.Subscriptions))
	for _, s := range p.Subscriptions {
		list = append(list, host.Played{Publisher: s.ParticipantID, Decoded: s.FramesDecoded, Dropped: s.FramesDropped})
	}
	return list, nil
}
