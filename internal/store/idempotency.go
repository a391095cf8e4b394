package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Idempotent says what a caller's token made.
type Idempotent struct {
	Home      live.Home
	Operation string
	Token     string
	Request   string // stands for the parameters of the call
	Resource  live.ARN
	MadeAt    time.Time
}

// Idempotent returns what the token made, or ErrNotFound.
func (t *Tx) Idempotent(ctx context.Context, home live.Home, operation, token string) (Idempotent, error) {
	i := Idempotent{Home: home, Operation: operation, Token: token}
	var resource string
	var made int64
	err := t.sql.QueryRowContext(ctx, `SELECT request, resource, made_at FROM idempotency
		WHERE account = $1 AND region = $2 AND operation = $3 AND token = $4`,
		home.Account, home.Region, operation, token).Scan(&i.Request, &resource, &made)
	if errors.Is(err, sql.ErrNoRows) {
		return i, ErrNotFound
	}
	if err != nil {
		return i, fmt.Errorf("read idempotency token: %w", err)
	}
	i.MadeAt = fromMicros(made)
	return i, i.Resource.UnmarshalText([]byte(resource))
}

// InsertIdempotent remembers what a token made, in place of what it may have made before.
func (t *Tx) InsertIdempotent(ctx context.Context, i Idempotent) error {
	_, err := t.sql.ExecContext(ctx, `INSERT INTO idempotency
		(account, region, operation, token, request, resource, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (account, region, operation, token) DO UPDATE
		SET request = excluded.request, resource = excluded.resource, made_at = excluded.made_at`,
		i.Home.Account, i.Home.Region, i.Operation, i.Token, i.Request, i.Resource.Text(), toMicros(i.MadeAt))
	if err != nil {
		return fmt.Errorf("insert idempotency token: %w", err)
	}
	return nil
}

// PruneIdempotent forgets tokens that are older than the time and whose resource is gone, and returns how many
// those were.
func (t *Tx) PruneIdempotent(ctx context.Context, before time.Time) (int64, error) {
	n, err := affected(t.sql.ExecContext(ctx, `DELETE FROM idempotency WHERE made_at <= $1 AND NOT EXISTS (
		SELECT 1 FROM resources WHERE idempotency.resource =
			'arn:aws:ivs:' || resources.region || ':' || resources.account || ':' || resources.type || '/' || resources.id)`,
		toMicros(before)))
	if err != nil {
		return 0, fmt.Errorf("prune idempotency tokens: %w", err)
	}
	return n, nil
}
