package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Storages are storage configurations.
type Storages struct{ *core }

func (s *Storages) Create(ctx context.Context, r CreateStorage) (live.Storage, error) {
	return live.Storage{}, notYet()
}

func (s *Storages) Get(ctx context.Context, arn live.ARN) (live.Storage, error) {
	return live.Storage{}, notYet()
}
func (s *Storages) Delete(ctx context.Context, arn live.ARN) error { return notYet() }
func (s *Storages) List(ctx context.Context, p Page) (items []live.Storage, next string, err error) {
	return nil, "", notYet()
}
