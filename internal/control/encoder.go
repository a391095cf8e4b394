package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Encoders are encoder configurations.
type Encoders struct{ *core }

func (e *Encoders) Create(ctx context.Context, r CreateEncoder) (live.Encoder, error) {
	return live.Encoder{}, notYet()
}

func (e *Encoders) Get(ctx context.Context, arn live.ARN) (live.Encoder, error) {
	return live.Encoder{}, notYet()
}
func (e *Encoders) Delete(ctx context.Context, arn live.ARN) error { return notYet() }
func (e *Encoders) List(ctx context.Context, p Page) (items []live.Encoder, next string, err error) {
	return nil, "", notYet()
}
