// Package store keeps records: the only package that knows SQL. One set of queries and one set of migrations
// serve two databases, SQLite in a file and PostgreSQL.
//
// Everything happens in a transaction: Write for changes, Read for a consistent look. When Write has returned
// nil, the change survives kill -9 and, where the disk keeps its word, power loss.
//
// The store starts no goroutine beyond those of database/sql, which end with Close. Rules, defaults and
// messages for callers are deliberately not here: they are control's.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
)

// ErrNotFound is returned by look-ups of one record that is not there.
var ErrNotFound = errors.New("store: no such record")

// Options say where the records are. Exactly one of Path and URL is set.
type Options struct {
	// Path is a SQLite file. It is made, readable by its owner only, when it is missing; its folder is not.
	Path string
	// URL is a PostgreSQL database: postgres://user:password@host/name?options.
	URL string
	// AsIs leaves the schema as it is found, for who only copies it.
	AsIs bool
	// Log gets migrations; nil discards.
	Log *slog.Logger
}

// Store is an open database. Methods may be called at once.
type Store struct {
	dialect dialect
	writer  *sql.DB
	reader  *sql.DB // the same as writer in PostgreSQL
	group   *group  // nil in PostgreSQL, which groups commits itself
	log     *slog.Logger
}

// Open opens the database and brings its schema up to date, unless it is to stay as it is.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(o)
	if err != nil {
		return nil, err
	}
	s.log = o.Log
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.AsIs {
		return s, nil
	}
	if err := s.migrate(ctx, shipped()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func open(o Options) (*Store, error) {
	switch {
	case o.Path != "" && o.URL != "":
		return nil, errors.New("open store: both a path and a URL are given")
	case o.Path != "":
		return openSQLite(o.Path)
	case o.URL != "":
		return openPostgres(o.URL)
	}
	return nil, errors.New("open store: neither a path nor a URL is given")
}

// Close closes the database. Transactions under way are waited for.
func (s *Store) Close() error {
	if s.reader == s.writer {
		return s.writer.Close()
	}
	// The writer goes last: its closing folds the write-ahead log into the file.
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// Ping returns nil while the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reader.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// Tx is a transaction. It is good inside the function it is handed to, and for one goroutine.
type Tx struct{ sql querier }

// querier runs statements in a transaction; *sql.Tx is one.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Write runs change in a transaction and commits it if change returns nil. Change may run more than once, when
// the database gave way to another transaction, and on a goroutine of another caller: it must not act on the
// outside. An error of change is returned as it is.
func (s *Store) Write(ctx context.Context, change func(*Tx) error) error {
	if s.group != nil {
		return s.group.write(ctx, change)
	}
	const attempts = 4 // as many deadlocks in a row would be a fault in our order of locking
	for i := 1; ; i++ {
		err := once(ctx, s.writer, nil, change)
		if i == attempts || !s.dialect.gaveWay(err) {
			return err
		}
	}
}

// Read runs look in a transaction that changes nothing and sees one state of the records throughout.
func (s *Store) Read(ctx context.Context, look func(*Tx) error) error {
	return once(ctx, s.reader, &s.dialect.look, look)
}

func once(ctx context.Context, db *sql.DB, o *sql.TxOptions, do func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := do(&Tx{sql: tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}
