package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

const selectSession = `SELECT id, stage, node, started_at, COALESCE(ended_at, 0) FROM sessions`

// InsertSession adds a session. A stage has one at most that has not ended: a second is an error.
func (t *Tx) InsertSession(ctx context.Context, s live.Session) error {
	_, err := t.sql.ExecContext(ctx, `INSERT INTO sessions (id, stage, node, started_at) VALUES ($1, $2, $3, $4)`,
		string(s.ID), string(s.Stage), string(s.Node), toMicros(s.StartedAt))
	if err != nil {
		return fmt.Errorf("insert session: %w", err)
	}
	return nil
}

// Session returns a session, or ErrNotFound.
func (t *Tx) Session(ctx context.Context, id live.SessionID) (live.Session, error) {
	return scanSession(t.sql.QueryRowContext(ctx, selectSession+` WHERE id = $1`, string(id)))
}

// ActiveSession returns the session of a stage that has not ended, or ErrNotFound.
func (t *Tx) ActiveSession(ctx context.Context, stage live.StageID) (live.Session, error) {
	return scanSession(t.sql.QueryRowContext(ctx, selectSession+` WHERE stage = $1 AND ended_at IS NULL`,
		string(stage)))
}

// EndSession ends a session of the stage; one that has ended keeps its end.
func (t *Tx) EndSession(ctx context.Context, stage live.StageID, id live.SessionID, at time.Time) error {
	_, err := t.sql.ExecContext(ctx,
		`UPDATE sessions SET ended_at = $1 WHERE id = $2 AND stage = $3 AND ended_at IS NULL`,
		toMicros(at), string(id), string(stage))
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// EndSessionsOfNode ends what a node left open, and returns how many that were.
func (t *Tx) EndSessionsOfNode(ctx context.Context, node live.NodeID, at time.Time) (int64, error) {
	n, err := affected(t.sql.ExecContext(ctx, `UPDATE sessions SET ended_at = $1 WHERE node = $2 AND ended_at IS NULL`,
		toMicros(at), string(node)))
	if err != nil {
		return 0, fmt.Errorf("end sessions of node: %w", err)
	}
	return n, nil
}

func scanSession(row scanner) (live.Session, error) {
	var s live.Session
	var started, ended int64
	err := row.Scan(&s.ID, &s.Stage, &s.Node, &started, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return live.Session{}, ErrNotFound
	}
	if err != nil {
		return live.Session{}, fmt.Errorf("read session: %w", err)
	}
	s.StartedAt, s.EndedAt = fromMicros(started), fromMicros(ended)
	return s, nil
}
