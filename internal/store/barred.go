package store

import (
	"context"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Bar keeps a participant from a stage until the time; an earlier bar is only made longer. The stage must
// exist.
func (t *Tx) Bar(ctx context.Context, stage live.StageID, who live.ParticipantID, until time.Time) error {
	_, err := t.sql.ExecContext(ctx, `INSERT INTO barred (stage, participant, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (stage, participant) DO UPDATE SET expires_at = excluded.expires_at
		WHERE excluded.expires_at > barred.expires_at`,
		string(stage), string(who), toMicros(until))
	if err != nil {
		return fmt.Errorf("bar participant: %w", err)
	}
	return nil
}

// Barred returns who is barred from a stage at the time, by id.
func (t *Tx) Barred(ctx context.Context, stage live.StageID, now time.Time) ([]live.ParticipantID, error) {
	rows, err := t.sql.QueryContext(ctx,
		`SELECT participant FROM barred WHERE stage = $1 AND expires_at > $2 ORDER BY participant`,
		string(stage), toMicros(now))
	if err != nil {
		return nil, fmt.Errorf("list barred: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []live.ParticipantID
	for rows.Next() {
		var id live.ParticipantID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list barred: %w", err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list barred: %w", err)
	}
	return all, nil
}

// CountBarred returns how many other participants are barred from a stage at the time.
func (t *Tx) CountBarred(ctx context.Context, stage live.StageID, but live.ParticipantID, now time.Time) (int, error) {
	var n int
	err := t.sql.QueryRowContext(ctx,
		`SELECT COUNT(*) FROM barred WHERE stage = $1 AND participant <> $2 AND expires_at > $3`,
		string(stage), string(but), toMicros(now)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count barred: %w", err)
	}
	return n, nil
}

// PruneBarred forgets bars that have expired, and returns how many those were.
func (t *Tx) PruneBarred(ctx context.Context, now time.Time) (int64, error) {
	n, err := affected(t.sql.ExecContext(ctx, `DELETE FROM barred WHERE expires_at <= $1`, toMicros(now)))
	if err != nil {
		return 0, fmt.Errorf("prune barred: %w", err)
	}
	return n, nil
}
