package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// AccessKey is an access key as it is kept. Secret and Token are encrypted; the store does not know how.
type AccessKey struct {
	ID        string
	Name      string
	Secret    string
	Token     string // of its session, "" for a lasting key
	Policies  []string
	CreatedAt time.Time
	ExpiresAt time.Time // zero for a lasting key
}

// accessKeys is the lock that is taken by whoever changes access keys.
const accessKeys = "access-keys"

// PutAccessKey keeps a new access key.
func (t *Tx) PutAccessKey(ctx context.Context, k AccessKey) error {
	if err := t.Lock(ctx, accessKeys); err != nil {
		return err
	}
	policies, err := json.Marshal(k.Policies)
	if err != nil {
		return fmt.Errorf("keep access key %s: %w", k.ID, err)
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO access_keys (id, name, secret, token, policies, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		k.ID, k.Name, k.Secret, k.Token, string(policies), toMicros(k.CreatedAt), toMicros(k.ExpiresAt))
	if err != nil {
		return fmt.Errorf("keep access key %s: %w", k.ID, err)
	}
	return nil
}

// DeleteAccessKey removes an access key, or returns ErrNotFound.
func (t *Tx) DeleteAccessKey(ctx context.Context, id string) error {
	if err := t.Lock(ctx, accessKeys); err != nil {
		return err
	}
	result, err := t.sql.ExecContext(ctx, `DELETE FROM access_keys WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("remove access key %s: %w", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("remove access key %s: %w", id, ErrNotFound)
	}
	return nil
}

// AccessKeys returns all access keys, by name, and which state of them it is.
func (t *Tx) AccessKeys(ctx context.Context) (keys []AccessKey, revision int64, err error) {
	if revision, err = t.AccessKeysRevision(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := t.sql.QueryContext(ctx, `SELECT id, name, secret, token, policies, created_at, expires_at
		FROM access_keys ORDER BY name, id`)
	if err != nil {
		return nil, 0, fmt.Errorf("read access keys: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k AccessKey
		var policies string
		var created, expires int64
		if err := rows.Scan(&k.ID, &k.Name, &k.Secret, &k.Token, &policies, &created, &expires); err != nil {
			return nil, 0, fmt.Errorf("read access keys: %w", err)
		}
		if err := json.Unmarshal([]byte(policies), &k.Policies); err != nil {
			return nil, 0, fmt.Errorf("read access key %s: %w", k.ID, err)
		}
		k.CreatedAt, k.ExpiresAt = fromMicros(created), fromMicros(expires)
		keys = append(keys, k)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("read access keys: %w", err)
	}
	return keys, revision, nil
}

// AccessKeysRevision returns a number that is another after each change of the access keys.
func (t *Tx) AccessKeysRevision(ctx context.Context) (int64, error) {
	var n int64
	err := t.sql.QueryRowContext(ctx, `SELECT COALESCE(MAX(taken), 0) FROM locks WHERE name = $1`, accessKeys).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read revision of access keys: %w", err)
	}
	return n, nil
}
