package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	sqlite3 "modernc.org/sqlite"       // the driver "sqlite"
)

// dialect holds the little in which the two databases differ.
type dialect struct {
	name string
	// look makes a transaction that reads one state of the records.
	look sql.TxOptions
	// lockSchema makes the transaction the only one that migrates.
	lockSchema func(context.Context, querier) error
	// gaveWay tells whether a transaction was undone for another's sake and may be tried again.
	gaveWay func(error) bool
}

// readers is the number of connections that look while one writes. Looks take tens of microseconds; more
// connections than cores would only cost memory (about 2 MB of cache each).
const readers = 4

func openSQLite(path string) (*Store, error) {
	// The file holds signing keys. SQLite gives its log the permissions of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	writer, err := openRemembering(sqliteName(path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	reader, err := openRemembering(sqliteName(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), writer.Close())
	}
	writer.SetMaxOpenConns(1)
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &Store{dialect: sqlite(), writer: writer, reader: reader, group: newGroup(writer)}, nil
}

// sqliteName returns the data source name. A transaction is on the disk when it is committed: the log is
// synced at each commit (synchronous FULL; NORMAL would lose the last ones at power loss).
func sqliteName(path, extra string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(1)&" + extra
}

// busy is SQLITE_BUSY; the higher bits of a code tell more of it.
const busy = 5

func sqlite() dialect {
	return dialect{
		name: "sqlite",
		look: sql.TxOptions{ReadOnly: true}, // SQLite knows no weaker isolation
		// Writing transactions begin IMMEDIATE: having begun, this one is alone.
		lockSchema: func(context.Context, querier) error { return nil },
		gaveWay: func(err error) bool {
			var e *sqlite3.Error
			return errors.As(err, &e) && e.Code()&0xff == busy
		},
	}
}

// connections is a node's share of PostgreSQL's default of 100.
const connections = 16

func openPostgres(name string) (*Store, error) {
	db, err := sql.Open("pgx", name)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &Store{dialect: postgres(), writer: db, reader: db}, nil
}

func postgres() dialect {
	return dialect{
		name: "postgres",
		look: sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
		lockSchema: func(ctx context.Context, tx querier) error {
			// The number means "proscenium's schema" and nothing else.
			_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7400740174021935)`)
			return err
		},
		gaveWay: func(err error) bool {
			var e *pgconn.PgError
			// serialization_failure, deadlock_detected
			return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
		},
	}
}
