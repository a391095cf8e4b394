package client

import (
	"context"
	"errors"
)

// Wish is what a participant wants of a publisher's media. The zero Wish is the best there is.
type Wish struct {
	// Layer is the rid of the highest layer; "" leaves the choice to the server.
	Layer string
	// MaxWidth and MaxHeight are the size in which the picture is shown; 0 is any.
	MaxWidth, MaxHeight int
	// NoAudio and NoVideo leave the sound or the picture out.
	NoAudio, NoVideo bool
}

// SubscriptionState is what the server sends of a publisher's picture.
type SubscriptionState struct {
	Publisher string `json:"participantId"`
	Layer     string `json:"layer"`  // "" if it sends no layers, or nothing is sent
	Paused    bool   `json:"paused"` // no picture is sent
	Reason    string `json:"reason"` // why not the best: "bandwidth" or "preference"
}

// Want says what this participant wants of a publisher, watched or not yet. It replaces what was wanted before.
func (p *Participant) Want(ctx context.Context, publisher string, w Wish) error {
	if p.socket == nil {
		return errors.New("a participant without a state socket cannot tell what it wants")
	}
	layer := w.Layer
	if layer == "" {
		layer = "auto"
	}
	return p.socket.send(ctx, "SET_SUBSCRIPTION", map[string]any{
		"participantId": publisher, "layer": layer, "maxWidth": w.MaxWidth, "maxHeight": w.MaxHeight,
		"audio": !w.NoAudio, "video": !w.NoVideo,
	})
}
