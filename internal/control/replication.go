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
// the same stage; NotFound if one does not exist or the participant does not publish there now; Conflict if it
// is shown on the destination already; and Exhausted if it is on all the stages it may be, or the server cannot
// show it on another.
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
	if !answer.Publishing {
		return live.Errorf(live.NotFound, "participant %s does not publish on %s now", q.Participant, q.Source)
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
		return r.note(ctx, tx, fresh, live.ReplicationStarted)
	})
	if err != nil {
		r.unshow(ctx, fresh)
	}
	return err
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

// note adds an event of the source's participant, and what is told of it.
func (c *core) note(ctx context.Context, tx *store.Tx, r live.Replication, name live.FactName) error {
	stage := live.StageID(r.SourceStage.ID)
	p, err := tx.Participant(ctx, stage, r.SourceSession, r.Participant)
	if errors.Is(err, store.ErrNotFound) {
		return nil // its first fact is still on the way
	}
	if err != nil {
		return err
	}
	active, err := tx.CountReplications(ctx, r.SourceStage, r.Participant)
	if err != nil {
		return err
	}
	p.Replication, p.ReplicationState = live.ReplicationSource, live.ReplicationStopped
	if active > 0 {
		p.ReplicationState = live.ReplicationActive
	}
	if err := tx.PutParticipant(ctx, p); err != nil {
		return err
	}
	return tx.InsertEvent(ctx, stage, r.SourceSession, live.Event{
		ID: c.history.nextID(c.now()), Name: name, Participant: r.Participant, At: c.moment(),
		DestinationStage: r.DestinationStage, DestinationSession: r.DestinationSession,
	})
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
		return r.end(ctx, tx, ended)
	})
	if err != nil {
		return err
	}
	r.unshow(ctx, ended)
	return nil
}

func (c *core) end(ctx context.Context, tx *store.Tx, r live.Replication) error {
	if err := tx.EndReplication(ctx, r.ID, c.moment()); err != nil {
		return err
	}
	return c.note(ctx, tx, r, live.ReplicationEnded)
}

// endReplicationsOf ends everything shown from and on a stage, or only who's, and returns it.
func (c *core) endReplicationsOf(
	ctx context.Context, tx *store.Tx, stage live.ARN, who live.ParticipantID,
) ([]live.Replication, error) {
	found, err := tx.ActiveReplicationsOf(ctx, stage, who)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if err := c.end(ctx, tx, r); err != nil {
			return nil, err
		}
	}
	return found, nil
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
