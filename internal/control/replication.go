package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Replications show participants of one stage on another.
type Replications struct{ *core }

func (r *Replications) Start(ctx context.Context, q StartReplication) error { return notYet() }
func (r *Replications) Stop(ctx context.Context, source, destination live.ARN, who live.ParticipantID) error {
	return notYet()
}

func (r *Replications) List(ctx context.Context, source live.ARN, who live.ParticipantID, p Page) (items []live.Replication, next string, err error) {
	return nil, "", notYet()
}
