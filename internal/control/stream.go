package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Streams are broadcasts that are on.
type Streams struct{ *core }

func (s *Streams) Get(ctx context.Context, channel live.ARN) (live.Stream, error) {
	return live.Stream{}, notYet()
}

func (s *Streams) List(ctx context.Context, health string, p Page) (items []live.Stream, next string, err error) {
	return nil, "", notYet()
}
func (s *Streams) Stop(ctx context.Context, channel live.ARN) error { return notYet() }
func (s *Streams) PutMetadata(ctx context.Context, channel live.ARN, text string) error {
	return notYet()
}
