package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Ingests are ingest configurations.
type Ingests struct{ *core }

func (i *Ingests) Create(ctx context.Context, r CreateIngest) (live.Ingest, error) {
	return live.Ingest{}, notYet()
}

func (i *Ingests) Get(ctx context.Context, arn live.ARN) (live.Ingest, error) {
	return live.Ingest{}, notYet()
}

func (i *Ingests) Update(ctx context.Context, r UpdateIngest) (live.Ingest, error) {
	return live.Ingest{}, notYet()
}
func (i *Ingests) Delete(ctx context.Context, arn live.ARN, force bool) error { return notYet() }
func (i *Ingests) List(ctx context.Context, f IngestFilter, p Page) (items []live.Ingest, next string, err error) {
	return nil, "", notYet()
}
