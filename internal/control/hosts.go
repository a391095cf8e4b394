package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
)

// showTimeout is how long the host of the source may take to show a participant elsewhere, where a session may have to
// be opened first.
const showTimeout = 6 * time.Second

// hosts replicates by order to the hosts of the source stages.
type hosts struct{ *core }

// Start implements Replicator.
func (h hosts) Start(ctx context.Context, r live.Replication) (live.SessionID, error) {
	answer, err := h.order(ctx, live.ReplicationStart, r)
	switch {
	case errors.Is(err, bus.ErrNobody):
		return "", live.Errorf(live.NotFound, "nobody is on %s now", r.SourceStage)
	case err != nil:
		// It may have begun, and the answer been lost.
		h.unshow(ctx, r)
		return "", fmt.Errorf("show participant %s on %s: %w", r.Participant, r.DestinationStage, err)
	case answer.Refused != nil:
		return "", answer.Refused
	}
	return answer.Session, nil
}

// Stop implements Replicator. What a host does not hear at once it is told again.
func (h hosts) Stop(ctx context.Context, r live.Replication) error {
	h.orders.give(ctx, bus.ReplicateParticipant(live.StageID(r.SourceStage.ID)),
		live.ReplicateParticipant{Order: live.ReplicationStop, Replication: r})
	return nil
}

// Goes implements Replicator.
func (h hosts) Goes(ctx context.Context, r live.Replication) (bool, error) {
	answer, err := h.order(ctx, live.ReplicationAsk, r)
	if errors.Is(err, bus.ErrNobody) {
		return false, nil
	}
	return answer.Session != "", err
}

func (h hosts) order(ctx context.Context, what live.ReplicationOrder, r live.Replication) (live.ReplicationAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	return bus.Ask[live.ReplicationAnswer](ctx, h.bus, bus.ReplicateParticipant(live.StageID(r.SourceStage.ID)),
		live.ReplicateParticipant{Order: what, Replication: r})
}
