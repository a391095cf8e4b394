package signal

import (
	"encoding/json"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
)

// The frames about what a viewer is sent.
const (
	typeSetSubscription   = "SET_SUBSCRIPTION"
	typeSubscriptionState = "SUBSCRIPTION_STATE"
)

const (
	// anyLayer leaves the choice to the server.
	anyLayer = "auto"
	// maxRID is longer than any rid that is accepted from a publisher (RFC 8851 section 10 allows 255).
	maxRID = 255
	// maxEdge is more pixels than any screen has.
	maxEdge = 65535
	// maxParticipantID is longer than any participant's id.
	maxParticipantID = 128
)

type subscriptionState struct {
	ParticipantID live.ParticipantID `json:"participantId"`
	Layer         string             `json:"layer"`
	Paused        bool               `json:"paused"`
	Reason        string             `json:"reason"`
}

func encodeSubscription(s host.SubscriptionState) []byte {
	return encode(typeSubscriptionState, subscriptionState{
		ParticipantID: s.Publisher, Layer: s.Layer, Paused: s.Paused, Reason: string(s.Reason),
	})
}

// readWish reads what a viewer wants (docs/signalling.md 1.5). The error names the member that is wrong.
func readWish(payload []byte) (w host.Wish, err error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil || members == nil {
		return w, live.Errorf(live.Invalid, "the payload of %s is not an object", typeSetSubscription)
	}
	var id string
	for _, read := range []func() error{
		func() error { return member(members, "participantId", "a text", &id) },
		func() error { return optional(members, "layer", "a text", &w.Layer) },
		func() error { return optional(members, "maxWidth", "a whole number", &w.MaxWidth) },
		func() error { return optional(members, "maxHeight", "a whole number", &w.MaxHeight) },
		func() error { return optional(members, "audio", "true or false", &w.Audio) },
		func() error { return optional(members, "video", "true or false", &w.Video) },
	} {
		if err := read(); err != nil {
			return w, err
		}
	}
	switch {
	case id == "" || len(id) > maxParticipantID:
		return w, live.Errorf(live.Invalid, "participantId of %s is not a participant's id", typeSetSubscription)
	case w.Layer != nil && (*w.Layer == "" || len(*w.Layer) > maxRID):
		return w, live.Errorf(live.Invalid, "layer of %s is neither %q nor the rid of a layer", typeSetSubscription, anyLayer)
	case !isEdge(w.MaxWidth) || !isEdge(w.MaxHeight):
		return w, live.Errorf(live.Invalid, "maxWidth and maxHeight of %s are numbers of pixels, from 0 (any) to %d", typeSetSubscription, maxEdge)
	}
	if w.Layer != nil && *w.Layer == anyLayer {
		*w.Layer = ""
	}
	w.Publisher = live.ParticipantID(id)
	return w, nil
}

func isEdge(n *int) bool { return n == nil || *n >= 0 && *n <= maxEdge }

// member reads a member of a payload. What isn't there stays as it is.
func member[T any](members map[string]json.RawMessage, name, kind string, to *T) error {
	if raw, ok := members[name]; ok && json.Unmarshal(raw, to) != nil {
		return live.Errorf(live.Invalid, "%s of %s is not %s", name, typeSetSubscription, kind)
	}
	return nil
}

// optional is member for what may be absent, or null.
func optional[T any](members map[string]json.RawMessage, name, kind string, to **T) error {
	return member(members, name, kind, to)
}
