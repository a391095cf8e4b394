package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// note adds an event of the source's participant, and what is told of it.
func (c *core) note(ctx context.Context, tx *store.Tx, r live.Replication, name live.FactName, at time.Time) error {
	told, err := c.record(ctx, tx, r, name, at)
	if err != nil {
		return err
	}
	return tx.PutOut(ctx, []store.OutEvent{told})
}

// record adds an event of the source's participant, and returns what is to be told of it.
func (c *core) record(
	ctx context.Context, tx *store.Tx, r live.Replication, name live.FactName, at time.Time,
) (told store.OutEvent, err error) {
	stage := live.StageID(r.SourceStage.ID)
	p, err := tx.Participant(ctx, stage, r.SourceSession, r.Participant)
	if errors.Is(err, store.ErrNotFound) { // its first fact is still on the way
		p = newParticipant(r.Participant, stage, r.SourceSession, at)
	} else if err != nil {
		return told, err
	}
	active, err := tx.CountReplications(ctx, r.SourceStage, r.Participant)
	if err != nil {
		return told, err
	}
	last, err := tx.Events(ctx, stage, r.SourceSession, r.Participant, store.Cursor{}, 1)
	if err != nil {
		return told, err
	}
	if len(last) > 0 && !at.After(last[0].At) { // another clock's, or this one's before it was set back
		at = last[0].At.Add(time.Microsecond)
	}
	p.Replication, p.ReplicationState = live.ReplicationSource, live.ReplicationStopped
	if active > 0 {
		p.ReplicationState = live.ReplicationActive
	}
	e := live.Event{
		ID: c.history.nextID(c.now()), Name: name, Participant: r.Participant, At: at,
		DestinationStage: r.DestinationStage, DestinationSession: r.DestinationSession,
	}
	if err := firstOf(tx.PutParticipant(ctx, p), tx.InsertEvent(ctx, stage, r.SourceSession, e)); err != nil {
		return told, err
	}
	told, _ = c.tell(p, e)
	return told, nil
}

// end ends a replication and tells whether it had not ended before.
func (c *core) end(ctx context.Context, tx *store.Tx, r live.Replication, at time.Time) (bool, error) {
	fresh, err := tx.EndReplication(ctx, r.ID, at)
	if err != nil || !fresh {
		return false, err
	}
	return true, c.note(ctx, tx, r, live.ReplicationEnded, at)
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
		if _, err := c.end(ctx, tx, r, c.moment()); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// endNow ends a replication that its host does not show any more.
func (c *core) endNow(ctx context.Context, r live.Replication) error {
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		_, err := c.end(ctx, tx, r, c.moment())
		return err
	})
	c.tellAdded()
	return err
}

// endedByItself takes a host's word that a replication is over, and returns what is to be told of that.
func (c *core) endedByItself(ctx context.Context, tx *store.Tx, f live.Fact) ([]store.OutEvent, error) {
	r, err := tx.Replication(ctx, f.Replication)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // it is not recorded yet: whoever does that asks the host afterwards
	}
	if err != nil {
		return nil, err
	}
	at := f.At.UTC().Truncate(time.Microsecond)
	fresh, err := tx.EndReplication(ctx, r.ID, at)
	if err != nil || !fresh {
		return nil, err
	}
	told, err := c.record(ctx, tx, r, live.ReplicationEnded, at)
	return []store.OutEvent{told}, err
}

// replicasFollow has the records of someone's replicas say what its own says now.
func (c *core) replicasFollow(ctx context.Context, tx *store.Tx, p live.Participant) error {
	all, err := tx.ActiveReplicationsOf(ctx, c.home.ARN(live.TypeStage, string(p.Stage)), p.ID)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.SourceSession != p.Session {
			continue // it comes from elsewhere
		}
		replica, err := tx.Participant(ctx, live.StageID(r.DestinationStage.ID), r.DestinationSession, p.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && replica.Replication != live.ReplicationReplica {
			continue
		}
		if err != nil {
			return err
		}
		replica.UserID, replica.Attributes = p.UserID, merged(p.Attributes, r.Attributes)
		if err := tx.PutParticipant(ctx, replica); err != nil {
			return err
		}
	}
	return nil
}

func merged(own, over map[string]string) map[string]string {
	all := make(map[string]string, len(own)+len(over))
	maps.Copy(all, own)
	maps.Copy(all, over)
	return all
}

// endLeftReplications ends what an earlier life of this node showed: it has gone with it.
func (c *core) endLeftReplications(ctx context.Context) error {
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		left, err := tx.ReplicationsLeftIn(ctx, c.node)
		if err != nil {
			return err
		}
		for _, r := range left {
			if _, err := c.end(ctx, tx, r, c.moment()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end replications left over: %w", err)
	}
	return nil
}
