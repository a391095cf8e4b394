package store

import (
	"context"
	"fmt"
	"time"
)

// Condition is what a look at a database says of it.
type Condition struct {
	Schema int64     // version; 0 if it has none yet
	Known  int64     // the newest version that this build knows
	Clock  time.Time // of PostgreSQL; zero with SQLite, which has no other clock than ours
}

// Condition looks at the database and changes nothing.
func (s *Store) Condition(ctx context.Context) (Condition, error) {
	c := Condition{Known: int64(len(shipped()))}
	if err := s.Ping(ctx); err != nil {
		return c, err
	}
	if s.group == nil {
		if err := s.reader.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&c.Clock); err != nil {
			return c, fmt.Errorf("read the database's clock: %w", err)
		}
	}
	has := `SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_versions'`
	if s.group == nil {
		has = `SELECT COUNT(to_regclass('schema_versions'))`
	}
	tables := 0
	if err := s.reader.QueryRowContext(ctx, has).Scan(&tables); err != nil {
		return c, fmt.Errorf("look for the schema: %w", err)
	}
	if tables == 0 {
		return c, nil
	}
	err := s.reader.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_versions`).Scan(&c.Schema)
	if err != nil {
		return c, fmt.Errorf("read schema version: %w", err)
	}
	return c, nil
}
