package store

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

var groupHome = live.Home{Region: "us-east-1", Account: "000000000000"}

func groupStage() live.Stage {
	id := live.NewStageID()
	return live.Stage{ID: id, ARN: groupHome.ARN(live.TypeStage, string(id)), CreatedAt: time.Unix(1, 0)}
}

// together has changes wait for their turn and lets them go at once.
func together(t *testing.T, s *Store, changes ...func(*Tx) error) []error {
	t.Helper()
	s.group.turn <- struct{}{} // as if someone were writing
	errs := make([]error, len(changes))
	var all sync.WaitGroup
	for i, change := range changes {
		all.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					errs[i] = errors.New(v.(string))
				}
			}()
			errs[i] = s.Write(context.Background(), change)
		})
		for waiting := 0; waiting <= i; { // in this order
			s.group.mu.Lock()
			waiting = len(s.group.queue)
			s.group.mu.Unlock()
		}
	}
	<-s.group.turn
	all.Wait()
	return errs
}

func TestGroup_SharesATransactionBetweenThoseWhoWait(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "db"))
	var mu sync.Mutex
	transactions := map[querier]int{}
	change := func(tx *Tx) error {
		mu.Lock()
		transactions[tx.sql.(steady).querier]++
		mu.Unlock()
		return tx.InsertStage(t.Context(), groupStage())
	}
	changes := make([]func(*Tx) error, maxGroup)
	for i := range changes {
		changes[i] = change
	}
	for _, err := range together(t, s, changes...) {
		if err != nil {
			t.Error(err)
		}
	}
	if len(transactions) != 1 {
		t.Errorf("%d changes took %d transactions", len(changes), len(transactions))
	}
	checkCount(t, s, maxGroup)
}

func checkCount(t *testing.T, s *Store, want int) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *Tx) error {
		n, err := tx.CountStages(t.Context(), groupHome)
		if n != want {
			t.Errorf("there are %d stages, expected %d", n, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestGroup_UndoesOnlyTheChangeThatFails(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "db"))
	ctx := t.Context()
	bad := errors.New("no")
	twice := groupStage()
	errs := together(t, s,
		func(tx *Tx) error { return tx.InsertStage(ctx, groupStage()) },
		func(tx *Tx) error { return errors.Join(tx.InsertStage(ctx, groupStage()), bad) },
		func(tx *Tx) error { return tx.InsertStage(ctx, twice) },
		func(tx *Tx) error { return tx.InsertStage(ctx, twice) }, // the database refuses it
		func(tx *Tx) error {
			if err := tx.InsertStage(ctx, groupStage()); err != nil {
				return err
			}
			panic("belief broken")
		},
		func(tx *Tx) error { return tx.InsertStage(ctx, groupStage()) },
	)
	for i, want := range []string{"", "no", "", "insert stage", "belief broken", ""} {
		switch {
		case want == "" && errs[i] != nil, want != "" && (errs[i] == nil || !strings.Contains(errs[i].Error(), want)):
			t.Errorf("change %d gave %v, expected %q", i, errs[i], want)
		}
	}
	checkCount(t, s, 3)
}

func TestGroup_ForgetsWhoHasGoneBeforeItsTurn(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "db"))
	s.group.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- s.Write(ctx, func(tx *Tx) error { return tx.InsertStage(context.Background(), groupStage()) })
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-s.group.turn
	checkCount(t, s, 0)
}

// A change that ends its goroutine, as t.FailNow does, must not leave those behind it waiting.
func TestGroup_GoesOnWhenAWriterEndsItsGoroutine(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "db"))
	s.group.turn <- struct{}{}
	var all sync.WaitGroup
	all.Go(func() {
		_ = s.Write(context.Background(), func(*Tx) error { runtime.Goexit(); return nil })
	})
	<-s.group.turn
	all.Wait()
	if err := s.Write(t.Context(), func(tx *Tx) error { return tx.InsertStage(t.Context(), groupStage()) }); err != nil {
		t.Fatal(err)
	}
	checkCount(t, s, 1)
}
