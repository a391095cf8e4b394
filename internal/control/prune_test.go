package control_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

// A composition is kept for as long as its token stands for it, at least a day, and then both go.
func TestRun_ForgetsCompositionsWithTheirTokens(t *testing.T) {
	o := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := build(t, storetest.Open(t, o), control.Quotas{})
		s := h.studio(t)
		r := s.both()
		r.Idempotency = "once"
		made, err := h.Compositions.Start(t.Context(), r) // and it fails: nobody composes
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		kept := func() bool {
			err := h.store.Read(t.Context(), func(tx *store.Tx) error {
				_, err := store.FindRecord[live.Composition](t.Context(), tx, made.ARN)
				return err
			})
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		h.clock.move(23 * time.Hour)
		time.Sleep(2 * time.Hour) // virtual
		if again, err := h.Compositions.Start(t.Context(), r); err != nil || again.ARN != made.ARN || !kept() {
			t.Errorf("within a day: %v, %v", again.ARN, err)
		}
		h.clock.move(2 * time.Hour)
		time.Sleep(2 * time.Hour) // virtual
		if kept() {
			t.Error("it is kept for ever")
		}
		if again, err := h.Compositions.Start(t.Context(), r); err != nil || again.ARN == made.ARN {
			t.Errorf("after that: %v, %v", again.ARN, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
