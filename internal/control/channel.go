package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Channels are where compositions go.
type Channels struct{ *core }

func (c *Channels) Create(ctx context.Context, r CreateChannel) (live.Channel, live.StreamKey, error) {
	return live.Channel{}, live.StreamKey{}, notYet()
}

func (c *Channels) Get(ctx context.Context, arn live.ARN) (live.Channel, error) {
	return live.Channel{}, notYet()
}

func (c *Channels) BatchGet(ctx context.Context, arns []live.ARN) ([]live.Channel, []BatchError, error) {
	return nil, nil, notYet()
}

func (c *Channels) Update(ctx context.Context, r UpdateChannel) (live.Channel, error) {
	return live.Channel{}, notYet()
}
func (c *Channels) Delete(ctx context.Context, arn live.ARN) error { return notYet() }
func (c *Channels) List(ctx context.Context, f ChannelFilter, p Page) (items []live.Channel, next string, err error) {
	return nil, "", notYet()
}
