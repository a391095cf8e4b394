//nolint:thelper // what each runs are tests themselves: a failure should point into them
package store_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if o := (store.Options{Path: os.Getenv(childPath), URL: os.Getenv(childURL)}); o != (store.Options{}) {
		writeUntilKilled(o)
	}
	storetest.Main(m)
}

var (
	home  = live.Home{Region: "us-east-1", Account: "000000000000"}
	start = time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)
)

// each runs the test with a fresh store on each database.
func each(t *testing.T, test func(*testing.T, *store.Store)) {
	storetest.Each(t, func(t *testing.T, o store.Options) { test(t, storetest.Open(t, o)) })
}

func write(tb testing.TB, s *store.Store, change func(*store.Tx) error) {
	tb.Helper()
	if err := s.Write(context.Background(), change); err != nil {
		tb.Fatal(err)
	}
}

func read(tb testing.TB, s *store.Store, look func(*store.Tx) error) {
	tb.Helper()
	if err := s.Read(context.Background(), look); err != nil {
		tb.Fatal(err)
	}
}

func newStage(at time.Time) live.Stage {
	id := live.NewStageID()
	return live.Stage{
		ID: id, ARN: home.ARN(live.TypeStage, string(id)), Tags: live.Tags{},
		Recording: live.DefaultRecording(), CreatedAt: at,
	}
}

func insert(tb testing.TB, s *store.Store, stages ...live.Stage) {
	tb.Helper()
	write(tb, s, func(tx *store.Tx) error {
		for _, stage := range stages {
			if err := tx.InsertStage(context.Background(), stage); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestOpen_NeedsExactlyOneDatabase(t *testing.T) {
	for _, o := range []store.Options{{}, {Path: "x", URL: "postgres:///x"}} {
		if s, err := store.Open(t.Context(), o); err == nil {
			_ = s.Close()
			t.Errorf("%+v was opened", o)
		}
	}
}

func TestOpen_KeepsTheFileFromOthers(t *testing.T) {
	o := storetest.SQLite(t)
	s := storetest.Open(t, o)
	insert(t, s, newStage(start))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(o.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", o.Path+suffix, info.Mode())
		}
	}
}

func TestOpen_TakesPathsOfAnyCharacters(t *testing.T) {
	path := t.TempDir() + "/a b?c#d%20e&_pragma=x.db"
	s := storetest.Open(t, store.Options{Path: path})
	insert(t, s, newStage(start))
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestWrite_UndoesWhatFailed(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stage, trouble := newStage(start), errors.New("trouble")
		err := s.Write(ctx, func(tx *store.Tx) error {
			if err := tx.InsertStage(ctx, stage); err != nil {
				return err
			}
			return trouble
		})
		if !errors.Is(err, trouble) {
			t.Fatalf("got %v", err)
		}
		read(t, s, func(tx *store.Tx) error {
			if _, err := tx.Stage(ctx, stage.ARN); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v, expected ErrNotFound", err)
			}
			return nil
		})
	})
}

func TestWrite_UndoesWhatPanicked(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stage := newStage(start)
		func() {
			defer func() { _ = recover() }()
			_ = s.Write(ctx, func(tx *store.Tx) error {
				if err := tx.InsertStage(ctx, stage); err != nil {
					return err
				}
				panic("belief broken")
			})
		}()
		insert(t, s, stage) // the connection is free again, and the stage was not kept
	})
}

func TestWrite_IsNotDoneWhenItsContextEnded(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		stage := newStage(start)
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Write(ctx, func(tx *store.Tx) error {
			defer cancel()
			return tx.InsertStage(ctx, stage)
		})
		if err == nil {
			t.Fatal("a write was acknowledged after its caller had gone")
		}
		insert(t, s, stage)
	})
}

func TestRead_CannotWrite(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		err := s.Read(t.Context(), func(tx *store.Tx) error { return tx.InsertStage(t.Context(), newStage(start)) })
		if err == nil {
			t.Fatal("a reading transaction wrote")
		}
	})
}

func TestPing_TellsWhetherTheDatabaseAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		s, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Ping(t.Context()); err == nil {
			t.Error("a closed database answers")
		}
	})
}

func TestRead_SeesOneStateThroughout(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		count := func(tx *store.Tx) int {
			n, err := tx.CountStages(ctx, home)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		insert(t, s, newStage(start))
		read(t, s, func(tx *store.Tx) error {
			before := count(tx)
			insert(t, s, newStage(start))
			if after := count(tx); after != before {
				t.Errorf("there were %d stages, then %d", before, after)
			}
			return nil
		})
	})
}

func TestOpen_MigratesOnceWhenManyStartAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				s, err := store.Open(context.Background(), o)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// Security row 13: the database's password is in no error.
func TestOpen_Row13_KeepsThePasswordToItself(t *testing.T) {
	for _, name := range []string{
		"postgres://user:sesame@127.0.0.1:1/db?connect_timeout=2",
		"postgres://user:sesame@127.0.0.1:none/db",
		"postgres://user:sesame@127.0.0.1:1/db?sslmode=odd",
		"host=127.0.0.1 port=1 password=sesame sslmode=odd",
	} {
		s, err := store.Open(t.Context(), store.Options{URL: name})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", name)
			continue
		}
		if strings.Contains(err.Error(), "sesame") {
			t.Errorf("the error says %v", err)
		}
	}
}
