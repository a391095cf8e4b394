package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Compositions are pictures made of stages.
type Compositions struct{ *core }

func (c *Compositions) Start(ctx context.Context, r StartComposition) (live.Composition, error) {
	return live.Composition{}, notYet()
}

func (c *Compositions) Get(ctx context.Context, arn live.ARN) (live.Composition, error) {
	return live.Composition{}, notYet()
}
func (c *Compositions) Stop(ctx context.Context, arn live.ARN) error { return notYet() }
func (c *Compositions) List(ctx context.Context, f CompositionFilter, p Page) (items []live.Composition, next string, err error) {
	return nil, "", notYet()
}
