package store

import (
	"context"
	"fmt"
	"time"
)

// ServerKey returns the server's key of the name; the first to ask has it made and kept. All servers on one
// database get the same.
func (t *Tx) ServerKey(ctx context.Context, name string, now time.Time, generate func() (string, error)) (string, error) {
	const find = `SELECT COALESCE(MAX(secret), '') FROM server_keys WHERE name = $1`
	var secret string
	if err := t.sql.QueryRowContext(ctx, find, name).Scan(&secret); err != nil {
		return "", fmt.Errorf("read server key %s: %w", name, err)
	}
	if secret != "" {
		return secret, nil
	}
	fresh, err := generate()
	if err != nil {
		return "", fmt.Errorf("make server key %s: %w", name, err)
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO server_keys (name, secret, created_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO NOTHING`, name, fresh, toMicros(now))
	if err != nil {
		return "", fmt.Errorf("keep server key %s: %w", name, err)
	}
	// Read again: another server may have been first.
	if err := t.sql.QueryRowContext(ctx, find, name).Scan(&secret); err != nil {
		return "", fmt.Errorf("read server key %s: %w", name, err)
	}
	return secret, nil
}

// Lock makes everyone who takes the same name wait until this transaction ends.
func (t *Tx) Lock(ctx context.Context, name string) error {
	_, err := t.sql.ExecContext(ctx, `INSERT INTO locks (name, taken) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET taken = locks.taken + 1`, name)
	if err != nil {
		return fmt.Errorf("take lock %s: %w", name, err)
	}
	return nil
}
