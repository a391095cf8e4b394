package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Target is whom events are told, as it is kept.
type Target struct {
	Name        string
	Declared    bool   // by the configuration, which then has Settings and Secrets
	Settings    string // JSON; the store does not know what it says
	Secrets     string // encrypted; the store does not know how
	Position    int64  // it has been told of the events up to this number
	OffWhy      string // why it is told no more, "" while it is
	Delivered   int64  // events
	Failed      int64  // attempts
	Dropped     int64  // events that were forgotten before they could be told
	LastError   string
	LastErrorAt time.Time
	DeliveredAt time.Time // last
	CreatedAt   time.Time
}

const targetColumns = `name, declared, settings, secrets, position, off_why, delivered, failed, dropped,
	last_error, last_error_at, delivered_at, created_at`

// PutTarget adds a target. It returns false if there is one of the name.
func (t *Tx) PutTarget(ctx context.Context, it Target) (bool, error) {
	n, err := affected(t.sql.ExecContext(ctx, `INSERT INTO targets (`+targetColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (name) DO NOTHING`,
		it.Name, truth(it.Declared), it.Settings, it.Secrets, it.Position, it.OffWhy, it.Delivered, it.Failed, it.Dropped,
		it.LastError, toMicros(it.LastErrorAt), toMicros(it.DeliveredAt), toMicros(it.CreatedAt)))
	if err != nil {
		return false, fmt.Errorf("add target %s: %w", it.Name, err)
	}
	return n == 1, nil
}

// UpdateTarget writes a target's settings and secrets anew, or returns ErrNotFound.
func (t *Tx) UpdateTarget(ctx context.Context, it Target) error {
	return t.one(ctx, it.Name, `UPDATE targets SET declared = $2, settings = $3, secrets = $4, off_why = $5 WHERE name = $1`,
		it.Name, truth(it.Declared), it.Settings, it.Secrets, it.OffWhy)
}

// MoveTarget sets the number of the event that a target has been told up to, or returns ErrNotFound.
func (t *Tx) MoveTarget(ctx context.Context, name string, position int64) error {
	return t.one(ctx, name, `UPDATE targets SET position = $2, off_why = '' WHERE name = $1`, name, position)
}

// Progress is what became of a target's events since it was last noted.
type Progress struct {
	From, To                   int64 // positions; To counts only if From is still the target's
	Delivered, Failed, Dropped int64
	LastError                  string // "" leaves what was noted
	LastErrorAt, DeliveredAt   time.Time
	OffWhy                     string // "" leaves it as it is
}

// NoteProgress writes what became of a target's events. It returns false if the target was moved meanwhile, or is
// gone: then its position stays.
func (t *Tx) NoteProgress(ctx context.Context, name string, p Progress) (bool, error) {
	// The casts tell PostgreSQL what a parameter is that is compared with a constant first.
	_, err := t.sql.ExecContext(ctx, `UPDATE targets SET delivered = delivered + $2, failed = failed + $3,
		dropped = dropped + $4, last_error = CASE WHEN CAST($5 AS TEXT) = '' THEN last_error ELSE CAST($5 AS TEXT) END,
		last_error_at = CASE WHEN CAST($5 AS TEXT) = '' THEN last_error_at ELSE CAST($6 AS BIGINT) END,
		delivered_at = CASE WHEN CAST($7 AS BIGINT) = 0 THEN delivered_at ELSE CAST($7 AS BIGINT) END,
		off_why = CASE WHEN CAST($8 AS TEXT) = '' THEN off_why ELSE CAST($8 AS TEXT) END WHERE name = $1`,
		name, p.Delivered, p.Failed, p.Dropped, p.LastError, toMicros(p.LastErrorAt), toMicros(p.DeliveredAt), p.OffWhy)
	if err != nil {
		return false, fmt.Errorf("note progress of target %s: %w", name, err)
	}
	n, err := affected(t.sql.ExecContext(ctx, `UPDATE targets SET position = $2 WHERE name = $1 AND position = $3`,
		name, p.To, p.From))
	if err != nil {
		return false, fmt.Errorf("move target %s: %w", name, err)
	}
	return n == 1, nil
}

// DeleteTarget removes a target, or returns ErrNotFound.
func (t *Tx) DeleteTarget(ctx context.Context, name string) error {
	return t.one(ctx, name, `DELETE FROM targets WHERE name = $1`, name)
}

func (t *Tx) one(ctx context.Context, name, statement string, args ...any) error {
	n, err := affected(t.sql.ExecContext(ctx, statement, args...))
	if err != nil {
		return fmt.Errorf("write target %s: %w", name, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// Target returns a target, or ErrNotFound.
func (t *Tx) Target(ctx context.Context, name string) (Target, error) {
	return scanTarget(t.sql.QueryRowContext(ctx, `SELECT `+targetColumns+` FROM targets WHERE name = $1`, name))
}

// Targets returns all targets by name.
func (t *Tx) Targets(ctx context.Context) ([]Target, error) {
	return collect(ctx, t, "targets", scanTarget, `SELECT `+targetColumns+` FROM targets ORDER BY name`)
}

func scanTarget(row scanner) (Target, error) {
	var it Target
	var errorAt, deliveredAt, created int64
	err := row.Scan(&it.Name, &it.Declared, &it.Settings, &it.Secrets, &it.Position, &it.OffWhy, &it.Delivered, &it.Failed,
		&it.Dropped, &it.LastError, &errorAt, &deliveredAt, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return it, ErrNotFound
	}
	if err != nil {
		return it, fmt.Errorf("read target: %w", err)
	}
	it.LastErrorAt, it.DeliveredAt, it.CreatedAt = fromMicros(errorAt), fromMicros(deliveredAt), fromMicros(created)
	return it, nil
}
