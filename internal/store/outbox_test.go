//nolint:thelper // what each runs are tests themselves: a failure should point into them
package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

func TestOutbox_NumbersInTheOrderOfCommitsAndForgetsByAge(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				err := s.Write(ctx, func(tx *store.Tx) error {
					at := start.Add(time.Duration(i) * time.Minute)
					return tx.PutOut(ctx, []store.OutEvent{{ID: fmt.Sprint(i, "a"), At: at, Body: "{}"}, {ID: fmt.Sprint(i, "b"), At: at, Body: "{}"}})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		read(t, s, func(tx *store.Tx) error {
			all, err := tx.Out(ctx, 0, 100)
			if err != nil || len(all) != 40 {
				t.Fatalf("%d events, %v", len(all), err)
			}
			for i, e := range all {
				if e.Seq != int64(i+1) {
					t.Errorf("event %d has the number %d", i, e.Seq)
				}
			}
			return nil
		})
		write(t, s, func(tx *store.Tx) error {
			if n, err := tx.PruneOut(ctx, start.Add(10*time.Minute), 7); err != nil || n != 7 {
				t.Errorf("%d forgotten, %v", n, err)
			}
			return nil
		})
		write(t, s, func(tx *store.Tx) error {
			_, err := tx.PruneOut(ctx, start.Add(time.Hour), 100)
			if err != nil {
				return err
			}
			return tx.PutOut(ctx, []store.OutEvent{{ID: "next", At: start.Add(time.Hour), Body: "{}"}})
		})
		read(t, s, func(tx *store.Tx) error {
			first, last, err := tx.OutRange(ctx)
			before, err2 := tx.OutBefore(ctx, start.Add(time.Minute))
			if first != 41 || last != 41 || before != 40 || errors.Join(err, err2) != nil {
				t.Errorf("range %d to %d, before %d, %v %v: numbers are given once", first, last, before, err, err2)
			}
			return nil
		})
	})
}

func TestTarget_KeepsItsProgressUnlessMoved(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		it := store.Target{Name: "a", Settings: `{}`, Secrets: "x", Position: 3, CreatedAt: start}
		write(t, s, func(tx *store.Tx) error {
			first, err := tx.PutTarget(ctx, it)
			again, err2 := tx.PutTarget(ctx, it)
			if !first || again {
				t.Errorf("added %t, and again %t", first, again)
			}
			return errors.Join(err, err2)
		})
		write(t, s, func(tx *store.Tx) error {
			moved, err := tx.NoteProgress(ctx, "a", store.Progress{From: 3, To: 9, Delivered: 6, Failed: 1, LastError: "e", LastErrorAt: start, DeliveredAt: start})
			if !moved {
				t.Error("it stayed")
			}
			return err
		})
		write(t, s, func(tx *store.Tx) error { return tx.MoveTarget(ctx, "a", 1) })
		write(t, s, func(tx *store.Tx) error {
			moved, err := tx.NoteProgress(ctx, "a", store.Progress{From: 9, To: 12, Delivered: 3, OffWhy: "gone"})
			if moved {
				t.Error("the replay was overrun")
			}
			return err
		})
		want := it
		want.Position, want.Delivered, want.Failed, want.LastError, want.LastErrorAt, want.DeliveredAt, want.OffWhy = 1, 9, 1, "e", start, start, "gone"
		read(t, s, func(tx *store.Tx) error {
			all, err := tx.Targets(ctx)
			if err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], want) {
				t.Errorf("got %+v, %v\nwant %+v", all, err, want)
			}
			return nil
		})
		write(t, s, func(tx *store.Tx) error { return tx.DeleteTarget(ctx, "a") })
		if err := s.Write(ctx, func(tx *store.Tx) error { return tx.DeleteTarget(ctx, "a") }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleting again: %v", err)
		}
	})
}

func TestHistory_IsForgottenInSmallPartsBySessionsEnd(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		old := live.Session{ID: "st-old", Stage: "a", Node: "n", StartedAt: start}
		lasting := live.Session{ID: "st-new", Stage: "a", Node: "n", StartedAt: start}
		write(t, s, func(tx *store.Tx) error {
			err := errors.Join(tx.InsertSession(ctx, old), tx.EndSession(ctx, "a", old.ID, start.Add(time.Hour)), tx.InsertSession(ctx, lasting))
			for i := range 25 {
				for _, session := range []live.SessionID{old.ID, lasting.ID} {
					who := live.Participant{ID: live.ParticipantID(fmt.Sprint("p", i)), Stage: "a", Session: session, JoinedAt: start, Connected: true}
					err = errors.Join(err, tx.PutParticipant(ctx, who),
						tx.InsertEvent(ctx, "a", session, live.Event{ID: "1", Name: live.ParticipantJoined, Participant: who.ID, At: start}))
				}
			}
			return err
		})
		total := int64(0)
		for {
			var n int64
			write(t, s, func(tx *store.Tx) (err error) {
				n, err = tx.PruneHistory(ctx, start.Add(2*time.Hour), 10)
				return err
			})
			if n > 10 {
				t.Fatalf("%d at once", n)
			}
			if total += n; n == 0 {
				break
			}
		}
		if total != 51 {
			t.Errorf("%d records forgotten, want 51", total)
		}
		read(t, s, func(tx *store.Tx) error {
			left, err := tx.LeftIn(ctx, "n")
			if err != nil || len(left) != 25 {
				t.Errorf("%d are left in the session that lasts, %v", len(left), err)
			}
			sessions, err := tx.SessionsOf(ctx, "a", store.Cursor{}, 10)
			if err != nil || len(sessions) != 1 || sessions[0].ID != lasting.ID {
				t.Errorf("sessions %v, %v", sessions, err)
			}
			return nil
		})
	})
}

func TestReporter_RemembersItsLastLife(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		write(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.PutReported(ctx, "n", "one", 5), tx.PutReported(ctx, "n", "two", 1), tx.PutReported(ctx, "m", "x", 9))
		})
		read(t, s, func(tx *store.Tx) error {
			one, err := tx.Reported(ctx, "n", "one")
			two, err2 := tx.Reported(ctx, "n", "two")
			if one != 0 || two != 1 {
				t.Errorf("got %d and %d", one, two)
			}
			return errors.Join(err, err2)
		})
	})
}
