//nolint:thelper // what each runs are tests themselves: a failure should point into them
package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

func openSession(t *testing.T, s *store.Store, stage live.StageID, at time.Time) live.Session {
	t.Helper()
	session := live.Session{ID: live.NewSessionID(), Stage: stage, Node: "n", StartedAt: at}
	write(t, s, func(tx *store.Tx) error { return tx.InsertSession(t.Context(), session) })
	return session
}

func TestParticipant_ComesBackAsItWent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		session := openSession(t, s, "abcdefghijkl", start)
		want := live.Participant{
			ID: "p", Stage: session.Stage, Session: session.ID, UserID: "u", Attributes: map[string]string{"a": "\x00é"},
			Connected: true, JoinedAt: start, Published: true, Protocol: "WHIP", Client: live.Client{Browser: "b"},
			Recording: live.RecordingDisabled, Replication: live.ReplicationReplica, ReplicationState: live.ReplicationActive,
			SourceStage: home.ARN(live.TypeStage, "x"), SourceSession: "st-x", Redundant: true,
			Ingest: home.ARN(live.TypeIngestConfiguration, "i"),
		}
		check := func() {
			t.Helper()
			read(t, s, func(tx *store.Tx) error {
				got, err := tx.Participant(ctx, session.Stage, session.ID, "p")
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got\n%+v, %v, expected\n%+v", got, err, want)
				}
				if _, err := tx.Participant(ctx, "otherotherot", session.ID, "p"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("found on another stage: %v", err)
				}
				return nil
			})
		}
		write(t, s, func(tx *store.Tx) error { return tx.PutParticipant(ctx, want) })
		check()
		later := want
		later.JoinedAt, later.UserID = start.Add(time.Hour), "v"
		write(t, s, func(tx *store.Tx) error { return tx.PutParticipant(ctx, later) })
		want.UserID = "v"
		check()
		write(t, s, func(tx *store.Tx) error { return tx.EndSession(ctx, session.Stage, session.ID, start) })
		want.Connected = false
		check()
	})
}

// A user id may hold any character of a token; one database takes no NUL.
func TestParticipants_FindUserIDsOfAnyText(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		session := openSession(t, s, "abcdefghijkl", start)
		for i, id := range []string{"a\x00b", "'; --", "🎭"} {
			p := live.Participant{
				ID: live.ParticipantID(fmt.Sprint(i)), Stage: session.Stage, Session: session.ID, UserID: id, JoinedAt: start,
			}
			write(t, s, func(tx *store.Tx) error { return tx.PutParticipant(ctx, p) })
			read(t, s, func(tx *store.Tx) error {
				q := store.Participants{Stage: session.Stage, Session: session.ID, UserID: id}
				found, err := tx.ListParticipants(ctx, q, store.Cursor{}, 9)
				if err != nil || len(found) != 1 || found[0].ID != p.ID {
					t.Errorf("%q: found %v, %v", id, found, err)
				}
				return nil
			})
		}
	})
}

func TestEvents_ComeLatestFirst(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		session := openSession(t, s, "abcdefghijkl", start)
		var want []live.Event
		for i := range 7 {
			e := live.Event{
				ID: fmt.Sprintf("%04d", i), Name: live.TokenExchanged, Participant: "p", Remote: "q", ErrorCode: "C",
				At: start.Add(time.Duration(i/3) * time.Second), Replica: i%2 == 0,
				DestinationStage: home.ARN(live.TypeStage, "d"), DestinationSession: "st-d",
				PreviousToken: &live.ExchangedToken{UserID: "u", Capabilities: live.Capabilities{Publish: true}, ExpiresAt: start},
				NewToken:      &live.ExchangedToken{Attributes: map[string]string{"a": "b"}, ExpiresAt: start},
			}
			want = append([]live.Event{e}, want...)
			for range 2 { // telling it twice does no harm
				write(t, s, func(tx *store.Tx) error { return tx.InsertEvent(ctx, session.Stage, session.ID, e) })
			}
		}
		var got []live.Event
		for after := (store.Cursor{}); ; {
			var page []live.Event
			read(t, s, func(tx *store.Tx) (err error) {
				page, err = tx.Events(ctx, session.Stage, session.ID, "p", after, 2)
				return err
			})
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			last := page[len(page)-1]
			after = store.Cursor{At: last.At, ID: last.ID}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%+v, expected\n%+v", got, want)
		}
	})
}

func TestReplication_IsOnceAtATime(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := home.ARN(live.TypeStage, "a"), home.ARN(live.TypeStage, "b")
		first := live.Replication{
			ID: "1", Participant: "p", SourceStage: a, SourceSession: "st-a", DestinationStage: b, DestinationSession: "st-b",
			Attributes: map[string]string{"k": "v"}, ReconnectWindow: 3 * time.Second, State: live.ReplicationActive, StartedAt: start,
		}
		write(t, s, func(tx *store.Tx) error { return tx.InsertReplication(ctx, first) })
		second := first
		second.ID = "2"
		if err := s.Write(ctx, func(tx *store.Tx) error { return tx.InsertReplication(ctx, second) }); err == nil {
			t.Error("the same was inserted twice")
		}
		read(t, s, func(tx *store.Tx) error {
			if got, err := tx.ActiveReplication(ctx, a, b, "p"); err != nil || !reflect.DeepEqual(got, first) {
				t.Errorf("got %+v, %v", got, err)
			}
			for _, stage := range []live.ARN{a, b} {
				if of, err := tx.ActiveReplicationsOf(ctx, stage, ""); err != nil || len(of) != 1 {
					t.Errorf("of %s: %v, %v", stage, of, err)
				}
			}
			if of, err := tx.ActiveReplicationsOf(ctx, a, "q"); err != nil || len(of) != 0 {
				t.Errorf("of q: %v, %v", of, err)
			}
			return nil
		})
		write(t, s, func(tx *store.Tx) error {
			if err := tx.InsertSession(ctx, live.Session{ID: "st-b", Stage: "b", Node: "n", StartedAt: start}); err != nil {
				return err
			}
			for node, want := range map[live.NodeID]int{"n": 1, "m": 0} {
				if left, err := tx.ReplicationsLeftIn(ctx, node); err != nil || len(left) != want {
					t.Errorf("left in %s: %v, %v", node, left, err)
				}
			}
			for i := range 2 {
				if ended, err := tx.EndReplication(ctx, "1", start.Add(time.Duration(i+1)*time.Minute)); err != nil || ended != (i == 0) {
					t.Errorf("ended for the %d. time: %t, %v", i+1, ended, err)
				}
			}
			if left, err := tx.ReplicationsLeftIn(ctx, "n"); err != nil || len(left) != 0 {
				t.Errorf("left after the end: %v, %v", left, err)
			}
			if _, err := tx.Replication(ctx, "9"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("none is %v", err)
			}
			got, err := tx.Replication(ctx, "1")
			if got.State != live.ReplicationStopped {
				t.Errorf("after the end: %+v", got)
			}
			return err
		})
		write(t, s, func(tx *store.Tx) error { return tx.InsertReplication(ctx, second) })
		read(t, s, func(tx *store.Tx) error {
			list, err := tx.Replications(ctx, a, "p", store.Cursor{}, 9)
			if err != nil || len(list) != 2 || list[0].ID != "2" || list[1].State != live.ReplicationStopped ||
				!list[1].EndedAt.Equal(start.Add(time.Minute)) {
				t.Errorf("listed %+v, %v", list, err)
			}
			if n, err := tx.CountReplications(ctx, a, "p"); err != nil || n != 1 {
				t.Errorf("counted %d, %v", n, err)
			}
			return nil
		})
		for _, c := range []struct {
			before time.Duration
			left   int
		}{{time.Minute, 2}, {2 * time.Minute, 1}} {
			write(t, s, func(tx *store.Tx) error {
				_, err := tx.PruneHistory(ctx, start.Add(c.before), 9)
				if err != nil {
					return err
				}
				list, err := tx.Replications(ctx, a, "p", store.Cursor{}, 9)
				if len(list) != c.left || err == nil && list[0].State != live.ReplicationActive {
					t.Errorf("kept %+v", list)
				}
				return err
			})
		}
	})
}
