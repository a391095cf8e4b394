//nolint:thelper // what each runs are tests themselves: a failure should point into them
package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

func TestStage_ComesBackAsItWent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		want := newStage(start)
		want.Name = "the-stage"
		want.Tags = live.Tags{"a b": "日本 '\"; DROP TABLE stages; --", "": "", "€": "$1"}
		want.Recording = live.Recording{
			Storage: "arn:x", MediaTypes: []string{"NONE"}, ThumbnailMode: "INTERVAL", ThumbnailEvery: 7 * time.Second,
			ThumbnailStore: []string{"LATEST"}, ReconnectWindow: time.Minute, SegmentTarget: 4 * time.Second,
		}
		insert(t, s, want)
		check := func(want live.Stage) {
			t.Helper()
			read(t, s, func(tx *store.Tx) error {
				got, err := tx.Stage(ctx, want.ARN)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got\n%+v, %v, expected\n%+v", got, err, want)
				}
				return nil
			})
		}
		check(want)
		want.Name, want.Tags, want.Recording = "", live.Tags{}, live.DefaultRecording()
		write(t, s, func(tx *store.Tx) error { return tx.UpdateStage(ctx, want) })
		check(want)
		write(t, s, func(tx *store.Tx) error { return tx.DeleteStage(ctx, want.ARN) })
		err := s.Write(ctx, func(tx *store.Tx) error { return tx.DeleteStage(ctx, want.ARN) })
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleting again gave %v", err)
		}
	})
}

// Security row 47: an id is found only together with its account and region.
func TestStage_Row47_IsFoundInItsHomeOnly(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stage := newStage(start)
		insert(t, s, stage)
		other, far := stage.ARN, stage.ARN
		other.Account, far.Region = "000000000001", "eu-west-1"
		for _, arn := range []live.ARN{other, far} {
			err := s.Write(ctx, func(tx *store.Tx) error {
				if _, err := tx.Stage(ctx, arn); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("looked up as %s: %v", arn, err)
				}
				if _, err := tx.LockStage(ctx, arn); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("locked as %s: %v", arn, err)
				}
				if err := tx.DeleteStage(ctx, arn); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("deleted as %s: %v", arn, err)
				}
				h := live.Home{Region: arn.Region, Account: arn.Account}
				if list, err := tx.Stages(ctx, h, store.Cursor{}, 10); err != nil || len(list) != 0 {
					t.Errorf("listed in %v: %v, %v", h, list, err)
				}
				if n, err := tx.CountStages(ctx, h); err != nil || n != 0 {
					t.Errorf("counted in %v: %d, %v", h, n, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestStages_ListsEachThatStaysOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		random := rand.New(rand.NewPCG(7, 401))
		var stay, leave []live.Stage
		for i := range 60 {
			// Few times for many stages: ties are the rule.
			stage := newStage(start.Add(time.Duration(random.IntN(8)) * time.Microsecond))
			insert(t, s, stage)
			if i%3 == 0 {
				leave = append(leave, stage)
			} else {
				stay = append(stay, stage)
			}
		}
		var seen []live.Stage
		after := store.Cursor{}
		for {
			var page []live.Stage
			read(t, s, func(tx *store.Tx) (err error) {
				page, err = tx.Stages(ctx, home, after, 7)
				return err
			})
			if len(page) == 0 {
				break
			}
			seen = append(seen, page...)
			last := page[len(page)-1]
			after = store.Cursor{At: last.CreatedAt, ID: string(last.ID)}
			if len(leave) > 0 { // between two pages one goes and one comes
				gone := leave[0]
				leave = leave[1:]
				write(t, s, func(tx *store.Tx) error { return tx.DeleteStage(ctx, gone.ARN) })
			}
			insert(t, s, newStage(start.Add(time.Second)))
		}
		times := map[live.StageID]int{}
		for _, stage := range seen {
			times[stage.ID]++
			if times[stage.ID] > 1 {
				t.Errorf("%s was listed twice", stage.ID)
			}
		}
		for _, stage := range stay {
			if times[stage.ID] != 1 {
				t.Errorf("%s was listed %d times", stage.ID, times[stage.ID])
			}
		}
		if !slices.IsSortedFunc(seen, func(a, b live.Stage) int { return b.CreatedAt.Compare(a.CreatedAt) }) {
			t.Error("the list does not run from the newest to the oldest")
		}
	})
}

func TestSession_IsActiveUntilItEnds(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stage := newStage(start)
		insert(t, s, stage)
		one := live.Session{ID: live.NewSessionID(), Stage: stage.ID, Node: "n1", StartedAt: start}
		write(t, s, func(tx *store.Tx) error { return tx.InsertSession(ctx, one) })
		active := func() live.SessionID {
			t.Helper()
			var id live.SessionID
			read(t, s, func(tx *store.Tx) error {
				got, err := tx.Stage(ctx, stage.ARN)
				id = got.ActiveSession
				return err
			})
			return id
		}
		if active() != one.ID {
			t.Errorf("active is %q", active())
		}
		second := one
		second.ID = live.NewSessionID()
		if err := s.Write(ctx, func(tx *store.Tx) error { return tx.InsertSession(ctx, second) }); err == nil {
			t.Error("a stage has two active sessions")
		}
		end := start.Add(time.Hour)
		write(t, s, func(tx *store.Tx) error { return tx.EndSession(ctx, "otherStage00", one.ID, end) })
		if active() != one.ID {
			t.Error("a session was ended in another stage's name")
		}
		write(t, s, func(tx *store.Tx) error { return tx.EndSession(ctx, stage.ID, one.ID, end) })
		write(t, s, func(tx *store.Tx) error { return tx.EndSession(ctx, stage.ID, one.ID, end.Add(time.Hour)) })
		if active() != "" {
			t.Errorf("active is %q after the end", active())
		}
		write(t, s, func(tx *store.Tx) error { return tx.DeleteStage(ctx, stage.ARN) })
		one.EndedAt = end
		read(t, s, func(tx *store.Tx) error {
			got, err := tx.Session(ctx, one.ID)
			if err != nil || got != one {
				t.Errorf("got %+v, %v, expected %+v", got, err, one)
			}
			if _, err := tx.ActiveSession(ctx, stage.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v", err)
			}
			return nil
		})
	})
}

func TestEndSessionsOfNode_EndsThoseOfThatNodeOnly(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for i, node := range []live.NodeID{"n1", "n1", "n2"} {
			stage := newStage(start)
			insert(t, s, stage)
			session := live.Session{ID: live.SessionID(fmt.Sprint("st-", i)), Stage: stage.ID, Node: node, StartedAt: start}
			write(t, s, func(tx *store.Tx) error { return tx.InsertSession(ctx, session) })
		}
		for _, want := range []int64{2, 0} {
			write(t, s, func(tx *store.Tx) error {
				n, err := tx.EndSessionsOfNode(ctx, "n1", start)
				if n != want {
					t.Errorf("ended %d, expected %d", n, want)
				}
				return err
			})
		}
	})
}

func TestBarred_HoldsUntilItExpires(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stage, other := newStage(start), newStage(start)
		insert(t, s, stage, other)
		bar := func(stage live.StageID, who live.ParticipantID, d time.Duration) {
			write(t, s, func(tx *store.Tx) error { return tx.Bar(ctx, stage, who, start.Add(d)) })
		}
		bar(stage.ID, "bb", time.Hour)
		bar(stage.ID, "aa", 2*time.Hour)
		bar(stage.ID, "aa", time.Minute) // does not shorten
		bar(other.ID, "cc", time.Hour)
		barred := func(d time.Duration) string {
			var text string
			read(t, s, func(tx *store.Tx) error {
				all, err := tx.Barred(ctx, stage.ID, start.Add(d))
				text = fmt.Sprint(all)
				return err
			})
			return text
		}
		for d, want := range map[time.Duration]string{0: "[aa bb]", time.Hour: "[aa]", 2 * time.Hour: "[]"} {
			if got := barred(d); got != want {
				t.Errorf("after %v barred are %s, expected %s", d, got, want)
			}
		}
		write(t, s, func(tx *store.Tx) error {
			n, err := tx.CountBarred(ctx, stage.ID, "aa", start)
			if n != 1 {
				t.Errorf("%d others are barred", n)
			}
			return err
		})
		write(t, s, func(tx *store.Tx) error {
			n, err := tx.PruneBarred(ctx, start.Add(time.Hour))
			if n != 2 {
				t.Errorf("pruned %d", n)
			}
			return err
		})
		write(t, s, func(tx *store.Tx) error { return tx.DeleteStage(ctx, stage.ARN) })
		if got := barred(0); got != "[]" {
			t.Errorf("a deleted stage bars %s", got)
		}
		if err := s.Write(ctx, func(tx *store.Tx) error { return tx.Bar(ctx, stage.ID, "aa", start) }); err == nil {
			t.Error("someone was barred from a stage that is not there")
		}
	})
}

func TestServerKey_IsMadeOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		keys := make([]string, 16)
		var all sync.WaitGroup
		for i := range keys {
			all.Go(func() {
				write(t, s, func(tx *store.Tx) (err error) {
					keys[i], err = tx.ServerKey(t.Context(), "k", start, func() (string, error) { return fmt.Sprint("key", i), nil })
					return err
				})
			})
		}
		all.Wait()
		for _, k := range keys {
			if k == "" || k != keys[0] {
				t.Fatalf("keys are %v", keys)
			}
		}
	})
}

func TestLock_LetsOneCountAndAddAtATime(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const limit = 5
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				write(t, s, func(tx *store.Tx) error {
					if err := tx.Lock(ctx, "stages"); err != nil {
						return err
					}
					n, err := tx.CountStages(ctx, home)
					if err != nil || n >= limit {
						return err
					}
					return tx.InsertStage(ctx, newStage(start))
				})
			})
		}
		all.Wait()
		read(t, s, func(tx *store.Tx) error {
			n, err := tx.CountStages(ctx, home)
			if n != limit {
				t.Errorf("there are %d stages, the limit is %d", n, limit)
			}
			return err
		})
	})
}

func TestLockStage_LosesNoChange(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stage := newStage(start)
		insert(t, s, stage)
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				write(t, s, func(tx *store.Tx) error {
					got, err := tx.LockStage(ctx, stage.ARN)
					if err != nil {
						return err
					}
					got.Tags[fmt.Sprint(i)] = "x"
					return tx.UpdateStage(ctx, got)
				})
			})
		}
		all.Wait()
		read(t, s, func(tx *store.Tx) error {
			got, err := tx.Stage(ctx, stage.ARN)
			if len(got.Tags) != 30 {
				t.Errorf("%d of 30 tags are left", len(got.Tags))
			}
			return err
		})
	})
}
