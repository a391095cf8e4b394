package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// OutEvent is an event that the outside is told.
type OutEvent struct {
	Seq   int64  // rises in the order of commits, from 1
	ID    string // a UUID
	Stage live.StageID
	At    time.Time
	Body  string // the JSON that is sent
}

// PutOut adds events in their order and gives them their numbers. Whoever adds waits for those who are adding:
// numbers become visible in their order.
func (t *Tx) PutOut(ctx context.Context, events []OutEvent) error {
	if len(events) == 0 {
		return nil
	}
	var last int64
	err := t.sql.QueryRowContext(ctx, `INSERT INTO counters (name, value) VALUES ('outbox', $1)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value`,
		int64(len(events))).Scan(&last)
	if err != nil {
		return fmt.Errorf("number events: %w", err)
	}
	first := last - int64(len(events)) + 1
	for i, e := range events {
		_, err := t.sql.ExecContext(ctx, `INSERT INTO outbox (seq, id, stage, at, body) VALUES ($1, $2, $3, $4, $5)`,
			first+int64(i), e.ID, string(e.Stage), toMicros(e.At), e.Body)
		if err != nil {
			return fmt.Errorf("insert event: %w", err)
		}
	}
	return nil
}

// Out returns at most limit events after seq, in their order.
func (t *Tx) Out(ctx context.Context, after int64, limit int) ([]OutEvent, error) {
	rows, err := t.sql.QueryContext(ctx, `SELECT seq, id, stage, at, body FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2`,
		after, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []OutEvent
	for rows.Next() {
		var e OutEvent
		var at int64
		if err := rows.Scan(&e.Seq, &e.ID, &e.Stage, &at, &e.Body); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		e.At = fromMicros(at)
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return all, nil
}

// OutRange returns the numbers of the first event that is kept and of the last that was added, 0 if there was
// none. First is last+1 if none is kept.
func (t *Tx) OutRange(ctx context.Context) (first, last int64, err error) {
	var kept sql.NullInt64
	err = t.sql.QueryRowContext(ctx, `SELECT value FROM counters WHERE name = 'outbox'`).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, fmt.Errorf("read outbox: %w", err)
	}
	if err := t.sql.QueryRowContext(ctx, `SELECT MIN(seq) FROM outbox`).Scan(&kept); err != nil {
		return 0, 0, fmt.Errorf("read outbox: %w", err)
	}
	if !kept.Valid {
		return last + 1, last, nil
	}
	return kept.Int64, last, nil
}

// OutBefore returns the number after which lie all events that happened at a time or later: those of a session
// follow each other, those of several may interleave by moments.
func (t *Tx) OutBefore(ctx context.Context, at time.Time) (int64, error) {
	var first sql.NullInt64
	err := t.sql.QueryRowContext(ctx, `SELECT MIN(seq) FROM outbox WHERE at >= $1`, at.UnixMicro()).Scan(&first)
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	if first.Valid {
		return first.Int64 - 1, nil
	}
	_, last, err := t.OutRange(ctx)
	return last, err
}

// PruneOut forgets at most limit events from before a time, and returns how many those were.
func (t *Tx) PruneOut(ctx context.Context, before time.Time, limit int) (int64, error) {
	n, err := affected(t.sql.ExecContext(ctx, `DELETE FROM outbox WHERE seq IN
		(SELECT seq FROM outbox WHERE at < $1 ORDER BY at LIMIT $2)`, before.UnixMicro(), limit))
	if err != nil {
		return 0, fmt.Errorf("prune outbox: %w", err)
	}
	return n, nil
}

// Reported returns how far the reports of a host's life have been written; 0 if none have.
func (t *Tx) Reported(ctx context.Context, node live.NodeID, boot string) (uint64, error) {
	var seq int64
	err := t.sql.QueryRowContext(ctx, `SELECT seq FROM reporters WHERE node = $1 AND boot = $2`, string(node), boot).Scan(&seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read reporter: %w", err)
	}
	return uint64(seq), nil
}

// PutReported notes how far the reports of a host's life have been written. Its earlier lives are forgotten.
func (t *Tx) PutReported(ctx context.Context, node live.NodeID, boot string, seq uint64) error {
	_, err := t.sql.ExecContext(ctx, `INSERT INTO reporters (node, boot, seq) VALUES ($1, $2, $3)
		ON CONFLICT (node) DO UPDATE SET boot = excluded.boot, seq = excluded.seq`, string(node), boot, int64(seq))
	if err != nil {
		return fmt.Errorf("write reporter: %w", err)
	}
	return nil
}

// PruneHistory forgets at most limit records of sessions that ended before a time: events, then participants,
// then the session; and of replications that did. It returns how many records those were; there may be more while it is limit.
func (t *Tx) PruneHistory(ctx context.Context, before time.Time, limit int) (int64, error) {
	ended := []any{before.UnixMicro(), limit}
	for _, statement := range []string{
		`DELETE FROM events WHERE (session, participant, at, id) IN (SELECT e.session, e.participant, e.at, e.id
			FROM sessions s JOIN events e ON e.session = s.id WHERE s.ended_at < $1 LIMIT $2)`,
		`DELETE FROM participants WHERE (session, id) IN (SELECT p.session, p.id
			FROM sessions s JOIN participants p ON p.session = s.id WHERE s.ended_at < $1 LIMIT $2)`,
		`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < $1 LIMIT $2)`,
		`DELETE FROM replications WHERE id IN (SELECT id FROM replications
			WHERE state <> 'ACTIVE' AND ended_at < $1 LIMIT $2)`,
	} {
		n, err := affected(t.sql.ExecContext(ctx, statement, ended...))
		if err != nil {
			return 0, fmt.Errorf("prune history: %w", err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// LeftIn returns the sessions of a node that have not ended, with those who are recorded as connected in them.
func (t *Tx) LeftIn(ctx context.Context, node live.NodeID) ([]live.Participant, error) {
	return collect(ctx, t, "who was left", scanParticipant, selectParticipant+` WHERE sessions.node = $1 AND sessions.ended_at IS NULL
		AND connected = 1 ORDER BY participants.session, joined_at`, string(node))
}
