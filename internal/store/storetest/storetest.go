// Package storetest gives tests both databases: SQLite in a file, and a PostgreSQL server that the test process
// starts, uses through a socket in a temporary folder, and stops.
//
// The PostgreSQL server belongs to the test binary; Main stops it, and it stops by itself when the binary dies.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/store"
)

// Main runs the tests, stops the PostgreSQL server if one was started, and fails if a goroutine is left. The
// options say which are not ours to end.
func Main(m *testing.M, o ...goleak.Option) {
	code := m.Run()
	shared.stop()
	durable.stop()
	if err := goleak.Find(o...); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Each runs the test once per database, each time with one that is empty.
func Each(t *testing.T, test func(*testing.T, store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// Open opens a store that the end of the test closes.
func Open(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// SQLite returns a file that does not exist yet.
func SQLite(tb testing.TB) store.Options {
	tb.Helper()
	return store.Options{Path: filepath.Join(tb.TempDir(), "proscenium.db")}
}

// shared is the server of this test binary, durable the same for what is to survive power loss.
var (
	shared  = server{fsync: "off"}
	durable = server{fsync: "on"}
)

// DurablePostgres is Postgres on a server that waits for the disk, as a real one does: for benchmarks of writing.
func DurablePostgres(tb testing.TB) store.Options {
	tb.Helper()
	return durable.options(tb)
}

// Postgres returns an empty database. Where PostgreSQL is not installed the test is skipped, or fails if
// PROSCENIUM_TEST_REQUIRE is "all".
func Postgres(tb testing.TB) store.Options {
	tb.Helper()
	return shared.options(tb)
}

func (s *server) options(tb testing.TB) store.Options {
	tb.Helper()
	bin := findPostgres()
	if bin == "" {
		const why = "PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb; make test installs it)"
		if os.Getenv("PROSCENIUM_TEST_REQUIRE") == "all" { //nolint:forbidigo // tests only: what CI demands of the machine
			tb.Fatal(why)
		}
		tb.Skip(why)
	}
	name, err := s.database(bin)
	if err != nil {
		tb.Fatal(err)
	}
	return store.Options{URL: name}
}

func findPostgres() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is good
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// server is a PostgreSQL server that is started when it is first needed.
type server struct {
	fsync  string
	once   sync.Once
	err    error
	socket string // the folder
	end    func()
	count  atomic.Int64
}

// database makes an empty database and returns its URL.
func (s *server) database(bin string) (string, error) {
	s.once.Do(func() { s.socket, s.end, s.err = start(bin, s.fsync) })
	if s.err != nil {
		return "", s.err
	}
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	name := fmt.Sprintf("test%d", s.count.Add(1))
	if _, err := db.Exec(`CREATE DATABASE ` + name); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return s.url(name), nil
}

func (s *server) url(database string) string {
	return "postgres:///" + database + "?user=" + owner + "&host=" + url.QueryEscape(s.socket)
}

func (s *server) stop() {
	if s.end != nil {
		s.end()
	}
}
