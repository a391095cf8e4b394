package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// StreamKeys let encoders broadcast to channels.
type StreamKeys struct{ *core }

func (k *StreamKeys) Create(ctx context.Context, channel live.ARN, tags live.Tags) (live.StreamKey, error) {
	return live.StreamKey{}, notYet()
}

func (k *StreamKeys) Get(ctx context.Context, arn live.ARN) (live.StreamKey, error) {
	return live.StreamKey{}, notYet()
}

func (k *StreamKeys) BatchGet(ctx context.Context, arns []live.ARN) ([]live.StreamKey, []BatchError, error) {
	return nil, nil, notYet()
}
func (k *StreamKeys) Delete(ctx context.Context, arn live.ARN) error { return notYet() }
func (k *StreamKeys) List(ctx context.Context, channel live.ARN, p Page) (items []live.StreamKey, next string, err error) {
	return nil, "", notYet()
}
