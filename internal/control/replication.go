package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Replications show participants of one stage on another.
type Replications struct{ *core }

const (
	// maxReconnect is how long a replication may wait for its participant.
	maxReconnect = 300 * time.Second
	// askTimeout is how long a stage's host may take to say who is there.
	askTimeout = 2 * time.Second
	// mostReplicas is the size of a page: this list alone goes up to 50.
	mostReplicas = 50
)

// Start shows a participant that publishes on the source also on the destination. It returns Invalid if both are
// the same stage, or the participant is a replica itself; NotFound if a stage does not exist or the participant is
// not there; Conflict if it does not publish now, or is on the destination already; and Exhausted if it is on all
// the stages it may be, or the destination has all the publishers it may have.
func (r *Replications) Start(ctx context.Context, q StartReplication) error {
	if err := r.checkStart(q); err != nil {
		return err
	}
	err := r.store.Read(ctx, func(tx *store.Tx) error {
		for _, stage := range []live.ARN{q.Source, q.Destination} {
			if _, err := tx.Stage(ctx, stage); err != nil {
				return noStage(err, stage)
			}
		}
		return r.allowed(ctx, tx, q)
	})
	if err != nil {
		return err
	}
	answer, err := r.ask(ctx, live.StageID(q.Source.ID), q.Participant)
	if err != nil {
		return err
	}
	switch {
	case answer.Session == "":
		return live.Errorf(live.NotFound, "participant %s is not on %s now", q.Participant, q.Source)
	case answer.Replica:
		return live.Errorf(live.Invalid, "participant %s of %s is a replica: replicate it from its own stage", q.Participant, q.Source)
	case !answer.Publishing:
		return live.Errorf(live.Conflict, "participant %s does not publish on %s now", q.Participant, q.Source)
	}
	fresh := live.Replication{
		ID: live.NewResourceID(), Participant: q.Participant, SourceStage: q.Source, SourceSession: answer.Session,
		DestinationStage: q.Destination, Attributes: maps.Clone(q.Attributes), ReconnectWindow: q.ReconnectWindow,
		State: live.ReplicationActive, StartedAt: r.moment(),
	}
	return r.begin(ctx, q, fresh)
}

func (r *Replications) checkStart(q StartReplication) error {
	if err := firstOf(r.stageARN(q.Source), r.stageARN(q.Destination)); err != nil {
		return err
	}
	switch {
	case q.Source == q.Destination:
		return live.Errorf(live.Invalid, "sourceStageArn and destinationStageArn are the same stage")
	case !q.Participant.Valid():
		return live.Errorf(live.Invalid, "participantId is not 1 to 64 letters, digits, - and _")
	case q.ReconnectWindow < 0 || q.ReconnectWindow > maxReconnect:
		return live.Errorf(live.Invalid, "reconnectWindowSeconds is %d, allowed are 0 to %d",
			int(q.ReconnectWindow.Seconds()), int(maxReconnect.Seconds()))
	}
	return checkAttributes(q.Attributes)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// allowed tells whether one more replication may begin.
func (r *Replications) allowed(ctx context.Context, tx *store.Tx, q StartReplication) error {
	_, err := tx.ActiveReplication(ctx, q.Source, q.Destination, q.Participant)
	switch {
	case err == nil:
		return live.Errorf(live.Conflict, "participant %s is shown on %s already", q.Participant, q.Destination)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	most := r.quotas.ReplicationsPerParticipant
	n, err := tx.CountReplications(ctx, q.Source, q.Participant)
	if err != nil {
		return err
	}
	if most > 0 && n >= most {
		return exhaustedSetting("replications of one participant", most, "quotas.replications_per_participant")
	}
	return nil
}

// ask asks the host of a stage for someone who may be there.
func (c *core) ask(ctx context.Context, stage live.StageID, who live.ParticipantID) (live.ParticipantAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := bus.Ask[live.ParticipantAnswer](ctx, c.bus, bus.AskParticipant(stage),
		live.AskParticipant{Stage: stage, Participant: who})
	if errors.Is(err, bus.ErrNobody) {
		return live.ParticipantAnswer{}, nil // nobody is on the stage
	}
	if err != nil {
		return answer, fmt.Errorf("ask the host of stage %s: %w", stage, err)
	}
	return answer, nil
}

// begin has the replicator show the participant, and records it.
func (r *Replications) begin(ctx context.Context, q StartReplication, fresh live.Replication) error {
	session, err := r.replicator.Start(ctx, fresh)
	if err != nil {
		return err
	}
	fresh.DestinationSession = session
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		// Both stages stay as long as this takes: their deletion ends what it finds.
		for _, stage := range sorted(q.Source, q.Destination) {
			if _, err := tx.LockStage(ctx, stage); err != nil {
				return noStage(err, stage)
			}
		}
		if err := r.allowed(ctx, tx, q); err != nil {
			return err
		}
		if err := tx.InsertReplication(ctx, fresh); err != nil {
			return err
		}
		return r.note(ctx, tx, fresh, live.ReplicationStarted, r.moment())
	})
	if err != nil {
		r.unshow(ctx, fresh)
		return err
	}
	r.tellAdded()
	return r.confirm(context.WithoutCancel(ctx), fresh)
}

// confirm ends a replication that had ended by itself before it was recorded: nobody would tell of that any more.
func (r *Replications) confirm(ctx context.Context, fresh live.Replication) error {
	goes, err := r.replicator.Goes(ctx, fresh)
	if err != nil {
		r.log.Warn("replication not confirmed", "participant_id", fresh.Participant, "error", err)
		return nil
	}
	if goes {
		return nil
	}
	return r.endNow(ctx, fresh)
}

func sorted(a, b live.ARN) []live.ARN {
	if a.String() > b.String() {
		a, b = b, a
	}
	return []live.ARN{a, b}
}

// unshow has the replicator end what it shows.
func (c *core) unshow(ctx context.Context, r live.Replication) {
	if err := c.replicator.Stop(context.WithoutCancel(ctx), r); err != nil {
		c.log.Error("replication not ended", "participant_id", r.Participant, "stage", r.DestinationStage.String(), "error", err)
	}
}

// Stop ends a replication, or returns NotFound if there is none.
func (r *Replications) Stop(ctx context.Context, source, destination live.ARN, who live.ParticipantID) error {
	if err := firstOf(r.stageARN(source), r.stageARN(destination)); err != nil {
		return err
	}
	var ended live.Replication
	err := r.store.Write(ctx, func(tx *store.Tx) (err error) {
		ended, err = tx.ActiveReplication(ctx, source, destination, who)
		if errors.Is(err, store.ErrNotFound) {
			return live.Errorf(live.NotFound, "participant %s of %s is not shown on %s", who, source, destination)
		}
		if err != nil {
			return err
		}
		_, err = r.end(ctx, tx, ended, r.moment())
		return err
	})
	if err != nil {
		return err
	}
	r.tellAdded()
	r.unshow(ctx, ended)
	return nil
}

// List returns a page of where a participant of the source is and was shown, latest start first.
func (r *Replications) List(
	ctx context.Context, source live.ARN, who live.ParticipantID, p Page,
) (items []live.Replication, next string, err error) {
	if err := r.stageARN(source); err != nil {
		return nil, "", err
	}
	name := fmt.Sprintf("replications/%s/%s", source, who)
	return paged(r.core, name, p, sizes{usual: mostReplicas, most: mostReplicas},
		func(it *live.Replication) store.Cursor { return store.Cursor{At: it.StartedAt, ID: it.ID} },
		func(after store.Cursor, n int) (items []live.Replication, err error) {
			err = r.store.Read(ctx, func(tx *store.Tx) error {
				items, err = tx.Replications(ctx, source, who, after, n)
				return err
			})
			return items, err
		})
}
