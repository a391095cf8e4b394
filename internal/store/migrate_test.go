package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func openFile(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func versions(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.writer.QueryRow(`SELECT COUNT(*) FROM schema_versions`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSQLite_SyncsEachCommit(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "db"))
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
	} {
		var got string
		if err := s.writer.QueryRow(`PRAGMA ` + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s (%v), expected %s", pragma, got, err, want)
		}
	}
}

func TestMigrate_AppliesEachStepOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	var all sync.WaitGroup
	stores := make([]*Store, 6)
	for i := range stores {
		all.Go(func() { stores[i] = openFile(t, path) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	if n := versions(t, stores[0]); n != len(shipped()) {
		t.Errorf("%d versions are recorded, there are %d", n, len(shipped()))
	}
}

func TestMigrate_RefusesANewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	next := append(shipped(), migration{
		version: int64(len(shipped())) + 1, name: "9999_later", sql: `ALTER TABLE stages ADD COLUMN colour TEXT`,
	})
	running := openFile(t, path)
	if err := running.migrate(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: path})
	if err == nil {
		_ = s.Close()
		t.Fatal("it was opened")
	}
	for _, want := range []string{
		fmt.Sprintf("version %d", len(next)), fmt.Sprintf("up to %d", len(shipped())), "newer build", "backup",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := running.Ping(t.Context()); err != nil {
		t.Errorf("a server that runs already was disturbed: %v", err)
	}
}

func TestMigrate_UndoesAStepThatFails(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "db"))
	bad := migration{
		version: int64(len(shipped())) + 1, name: "bad",
		sql: `CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1);`,
	}
	err := s.migrate(t.Context(), append(shipped(), bad))
	if err == nil || !strings.Contains(err.Error(), "bad") {
		t.Fatalf("got %v", err)
	}
	var n int
	err = s.writer.QueryRow(`SELECT COUNT(*) FROM sqlite_master WHERE name = 'half'`).Scan(&n)
	if err != nil || n != 0 || versions(t, s) != len(shipped()) {
		t.Errorf("half of the step is there (%d, %v)", n, err)
	}
}

func TestMigrate_RefusesAnotherProgramsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := openFile(t, path)
	if _, err := s.writer.Exec(`UPDATE schema_versions SET name = '0001_other' WHERE version = 1`); err != nil {
		t.Fatal(err)
	}
	if other, err := Open(context.Background(), Options{Path: path}); err == nil {
		_ = other.Close()
		t.Fatal("it was opened")
	}
}

func TestParseMigrations_RefusesGapsAndDoubles(t *testing.T) {
	for _, names := range [][]string{{"0002_b"}, {"0001_a", "0003_c"}, {"0001_a", "0001_b"}, {"first"}} {
		files := fstest.MapFS{}
		for _, n := range names {
			files["migrations/"+n+".sql"] = &fstest.MapFile{}
		}
		if all, err := parseMigrations(files); err == nil {
			t.Errorf("%v was read as %v", names, all)
		}
	}
	if len(shipped()) == 0 {
		t.Error("no migration is shipped")
	}
}
