package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The migrations, in the order of their numbers. A file that has been released is never edited. Each must work
// with the code before and after it, because in a cluster both run for a while: add columns with defaults and
// new tables; drop what the release before no longer reads.
//
//go:embed migrations/*.sql
var files embed.FS

// migration is one step of the schema.
type migration struct {
	version int64
	name    string
	sql     string
}

// shipped returns the migrations of this build.
func shipped() []migration {
	all, err := parseMigrations(files)
	if err != nil {
		panic("store: " + err.Error()) // the files are part of the binary
	}
	return all
}

// parseMigrations reads migrations/NNNN_name.sql. Numbers count up from 1 without a gap.
func parseMigrations(from fs.FS) ([]migration, error) {
	names, err := fs.Glob(from, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]migration, 0, len(names))
	for i, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i)+1 {
			return nil, fmt.Errorf("migration %s: expected number %d", path, i+1)
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version: version, name: name, sql: string(text)})
	}
	return all, nil
}

// migrate applies what has not been applied, each in a transaction of its own, one server at a time. There is
// no way back: it refuses a schema newer than this build, which may hold what this build would misread. Only a
// server that is running already goes on with one.
func (s *Store) migrate(ctx context.Context, all []migration) error {
	if err := s.alone(ctx, createVersions); err != nil {
		return fmt.Errorf("prepare schema: %w", err)
	}
	if err := s.alone(ctx, func(ctx context.Context, tx querier) error { return refuseNewer(ctx, tx, all) }); err != nil {
		return err
	}
	for _, m := range all {
		done := false
		err := s.alone(ctx, func(ctx context.Context, tx querier) error {
			var err error
			done, err = apply(ctx, tx, m)
			return err
		})
		if err != nil {
			return fmt.Errorf("migrate schema to %s: %w", m.name, err)
		}
		if done {
			s.log.Info("schema migrated", "version", m.version, "migration", m.name, "database", s.dialect.name)
		}
	}
	return nil
}

// alone runs do in a transaction while no other server migrates. It waits for one that makes a fresh file ready:
// SQLite refuses at once whoever comes while another turns on the write-ahead log.
func (s *Store) alone(ctx context.Context, do func(context.Context, querier) error) error {
	const pause, patience = 10 * time.Millisecond, 10 * time.Second
	for deadline := time.Now().Add(patience); ; {
		err := once(ctx, s.writer, nil, func(tx *Tx) error {
			if err := s.dialect.lockSchema(ctx, tx.sql); err != nil {
				return err
			}
			return do(ctx, tx.sql)
		})
		if !s.dialect.gaveWay(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func createVersions(ctx context.Context, tx querier) error {
	_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_versions (
		version    BIGINT PRIMARY KEY,
		name       TEXT   NOT NULL,
		applied_at BIGINT NOT NULL)`)
	return err
}

// refuseNewer returns an error that says what to do if the schema has steps that this build does not know.
func refuseNewer(ctx context.Context, tx querier, all []migration) error {
	var version int64
	err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_versions`).Scan(&version)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if known := int64(len(all)); version > known {
		return fmt.Errorf("the database has schema version %d, this build knows versions up to %d: "+
			"start the newer build that made it, or restore a backup from before", version, known)
	}
	return nil
}

// apply makes one step unless it has been made.
func apply(ctx context.Context, tx querier, m migration) (done bool, err error) {
	var name string
	err = tx.QueryRowContext(ctx, `SELECT name FROM schema_versions WHERE version = $1`, m.version).Scan(&name)
	if err == nil {
		if name != m.name {
			return false, fmt.Errorf("the database has %q under this number: it belongs to another program", name)
		}
		return false, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, m.sql); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO schema_versions (version, name, applied_at) VALUES ($1, $2, $3)`,
		m.version, m.name, toMicros(time.Now()))
	return err == nil, err
}

// Times are kept as microseconds since 1970 in both databases, the zero time as 0.
func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
