package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

const selectReplication = `SELECT id, participant, source_stage, source_session, destination_stage, destination_session,
	attributes, reconnect_window, state, started_at, ended_at FROM replications`

// InsertReplication adds a replication. A participant is shown on a stage once at a time: a second is an error.
func (t *Tx) InsertReplication(ctx context.Context, r live.Replication) error {
	attributes, err := encodeAttributes(r.Attributes)
	if err != nil {
		return err
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO replications (id, participant, source_stage, source_session,
		destination_stage, destination_session, attributes, reconnect_window, state, started_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.ID, string(r.Participant), r.SourceStage.Text(), string(r.SourceSession), r.DestinationStage.Text(),
		string(r.DestinationSession), attributes, r.ReconnectWindow.Microseconds(), string(r.State),
		toMicros(r.StartedAt), toMicros(r.EndedAt))
	if err != nil {
		return fmt.Errorf("insert replication: %w", err)
	}
	return nil
}

// ActiveReplication returns how a participant of source is shown on destination now, or ErrNotFound.
func (t *Tx) ActiveReplication(
	ctx context.Context, source, destination live.ARN, who live.ParticipantID,
) (live.Replication, error) {
	return scanReplication(t.sql.QueryRowContext(ctx, selectReplication+` WHERE source_stage = $1
		AND destination_stage = $2 AND participant = $3 AND state = $4`,
		source.Text(), destination.Text(), string(who), string(live.ReplicationActive)))
}

// CountReplications returns on how many stages a participant of source is shown now.
func (t *Tx) CountReplications(ctx context.Context, source live.ARN, who live.ParticipantID) (int, error) {
	var n int
	err := t.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM replications WHERE source_stage = $1 AND participant = $2
		AND state = $3`, source.Text(), string(who), string(live.ReplicationActive)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count replications: %w", err)
	}
	return n, nil
}

// Replication returns a replication, or ErrNotFound.
func (t *Tx) Replication(ctx context.Context, id string) (live.Replication, error) {
	return scanReplication(t.sql.QueryRowContext(ctx, selectReplication+` WHERE id = $1`, id))
}

// EndReplication ends a replication and tells whether it did: one that has ended keeps its end.
func (t *Tx) EndReplication(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := affected(t.sql.ExecContext(ctx, `UPDATE replications SET state = $1, ended_at = $2 WHERE id = $3 AND state = $4`,
		string(live.ReplicationStopped), toMicros(at), id, string(live.ReplicationActive)))
	if err != nil {
		return false, fmt.Errorf("end replication: %w", err)
	}
	return n > 0, nil
}

// ReplicationsLeftIn returns the replications that go on by their records, from or to a session of the node.
func (t *Tx) ReplicationsLeftIn(ctx context.Context, node live.NodeID) ([]live.Replication, error) {
	return t.replications(ctx, selectReplication+` WHERE state = $2 AND (
		source_session IN (SELECT id FROM sessions WHERE node = $1) OR
		destination_session IN (SELECT id FROM sessions WHERE node = $1)) ORDER BY id`,
		string(node), string(live.ReplicationActive))
}

// ActiveReplicationsOf returns the replications from and to a stage that go on; who "" means everyone's.
func (t *Tx) ActiveReplicationsOf(ctx context.Context, stage live.ARN, who live.ParticipantID) ([]live.Replication, error) {
	return t.replications(ctx, selectReplication+` WHERE (source_stage = $1 OR destination_stage = $1)
		AND (participant = $2 OR $2 = '') AND state = $3 ORDER BY id`,
		stage.Text(), string(who), string(live.ReplicationActive))
}

// Replications returns at most limit replications of a participant of source that come after the cursor, latest
// start first.
func (t *Tx) Replications(
	ctx context.Context, source live.ARN, who live.ParticipantID, after Cursor, limit int,
) ([]live.Replication, error) {
	return t.replications(ctx, selectReplication+` WHERE source_stage = $1 AND participant = $2
		AND (started_at, id) < ($3, $4) ORDER BY started_at DESC, id DESC LIMIT $5`,
		source.Text(), string(who), before(after), after.ID, limit)
}

func (t *Tx) replications(ctx context.Context, query string, args ...any) ([]live.Replication, error) {
	return collect(ctx, t, "replications", scanReplication, query, args...)
}

func scanReplication(from scanner) (live.Replication, error) {
	var r live.Replication
	var source, destination, attributes string
	var window, started, ended int64
	err := from.Scan(&r.ID, &r.Participant, &source, &r.SourceSession, &destination, &r.DestinationSession, &attributes,
		&window, &r.State, &started, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("read replication: %w", err)
	}
	r.ReconnectWindow = time.Duration(window) * time.Microsecond
	r.StartedAt, r.EndedAt = fromMicros(started), fromMicros(ended)
	err = errors.Join(json.Unmarshal([]byte(attributes), &r.Attributes),
		r.SourceStage.UnmarshalText([]byte(source)), r.DestinationStage.UnmarshalText([]byte(destination)))
	if err != nil {
		return r, fmt.Errorf("read replication %s: %w", r.ID, err)
	}
	return r, nil
}
