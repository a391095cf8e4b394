//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func (h *house) active(t *testing.T, stage live.ARN) live.SessionID {
	t.Helper()
	got, err := h.Stages.Get(t.Context(), stage)
	if err != nil {
		t.Fatal(err)
	}
	return got.ActiveSession
}

func (h *house) closeSession(t *testing.T, c live.SessionClosed) {
	t.Helper()
	if _, err := bus.Ask[struct{}](t.Context(), h.bus, bus.SessionClosed, c); err != nil {
		t.Fatal(err)
	}
}

func TestSessions_OpenContinueAndEnd(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		first := h.openSession(t, stage.ID, "node00000001")
		if len(first.Session) != 16 || first.Stage != stage.ARN.String() || first.Refused != "" || len(first.Barred) != 0 {
			t.Errorf("granted %+v", first)
		}
		if h.active(t, stage.ARN) != first.Session {
			t.Error("the stage does not show its session")
		}
		if list, _, err := h.Stages.List(t.Context(), control.Page{}); err != nil || list[0].ActiveSession != first.Session {
			t.Errorf("the list does not show it: %v, %v", list, err)
		}
		if again := h.openSession(t, stage.ID, "node00000001"); again.Session != first.Session {
			t.Errorf("went on with %s, not %s", again.Session, first.Session)
		}
		closed := live.SessionClosed{Stage: stage.ID, Session: first.Session, Node: "node00000001", At: h.clock.now()}
		h.closeSession(t, closed)
		h.closeSession(t, closed)
		if h.active(t, stage.ARN) != "" {
			t.Error("the session goes on after its end")
		}
		second := h.openSession(t, stage.ID, "node00000001")
		if second.Session == first.Session {
			t.Error("an ended session was opened again")
		}
		h.closeSession(t, closed) // late word of the first
		if h.active(t, stage.ARN) != second.Session {
			t.Error("word of the first session ended the second")
		}
	})
}

func TestSessions_OfALostNodeEnd(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	mine, other := h.stage(t), h.stage(t)
	left := h.openSession(t, mine.ID, "node00000001")
	h.openSession(t, other.ID, "node00000002")
	h.restart(t, nil)
	if h.active(t, mine.ARN) != "" {
		t.Error("a session of the node's earlier life goes on")
	}
	if h.active(t, other.ARN) == "" {
		t.Error("another node's session was ended by our start")
	}
	if next := h.openSession(t, mine.ID, "node00000001"); next.Session == left.Session {
		t.Error("the earlier life's session was continued")
	}
	taken := h.openSession(t, other.ID, "node00000001")
	if taken.Refused != "" || h.active(t, other.ARN) != taken.Session {
		t.Errorf("granted %+v", taken)
	}
}

// Security row 11: a token for a deleted stage opens nothing, also after a restart.
func TestDelete_Row11_EndsTheSessionAndRefusesTheNext(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		grant := h.openSession(t, stage.ID, "node00000001")
		obeyed := h.host(t, stage.ID)
		if err := h.Stages.Delete(t.Context(), stage.ARN); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-obeyed:
			if got != (live.CloseStage{Stage: stage.ID}) {
				t.Errorf("the host was told %+v", got)
			}
		default:
			t.Error("Delete returned before the host had obeyed")
		}
		err := h.store.Read(t.Context(), func(tx *store.Tx) error {
			s, err := tx.Session(t.Context(), grant.Session)
			if s.EndedAt.IsZero() {
				t.Error("the session goes on")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, node := range []live.NodeID{"node00000001", "node00000002"} {
				if g := h.openSession(t, stage.ID, node); g.Refused != live.StageNotFound || g.Session != "" {
					t.Errorf("%s was granted %+v", node, g)
				}
			}
			h.restart(t, nil)
		}
	})
}

// Security row 11: whoever was disconnected stays out, on every node and after a restart, until its tokens expire.
func TestDisconnect_Row11_Bars(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage, other := h.stage(t), h.stage(t)
		obeyed := h.host(t, stage.ID)
		if err := h.Participants.Disconnect(t.Context(), stage.ARN, "someone", "go away"); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-obeyed:
			if got != (live.DisconnectParticipant{Stage: stage.ID, Participant: "someone", Message: "go away"}) {
				t.Errorf("the host was told %+v", got)
			}
		default:
			t.Error("Disconnect returned before the host had obeyed")
		}
		// Nobody hosts the other stage, and the participant never was there.
		if err := h.Participants.Disconnect(t.Context(), other.ARN, "never_seen-1", ""); err != nil {
			t.Fatal(err)
		}
		barred := func(stage live.StageID, node live.NodeID) string {
			return fmt.Sprint(h.openSession(t, stage, node).Barred)
		}
		for range 2 {
			if got := barred(stage.ID, "node00000001"); got != "[someone]" {
				t.Errorf("barred are %s", got)
			}
			if got := barred(other.ID, "node00000002"); got != "[never_seen-1]" {
				t.Errorf("barred are %s", got)
			}
			h.restart(t, nil)
		}
		h.clock.move(14 * 24 * time.Hour)
		if got := barred(stage.ID, "node00000001"); got != "[someone]" {
			t.Errorf("barred are %s while a token may be good", got)
		}
		h.clock.move(time.Hour)
		if got := barred(stage.ID, "node00000001"); got != "[]" {
			t.Errorf("barred are %s after every token has expired", got)
		}
	})
}

func TestDisconnect_RefusesWhatTheRulesForbid(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{BarredPerStage: 2})
	ctx, stage := t.Context(), h.stage(t).ARN
	for _, id := range []live.ParticipantID{"", "a b", "../x", "a\x00"} {
		wantKind(t, string(id), h.Participants.Disconnect(ctx, stage, id, ""), live.Invalid)
	}
	long := string(make([]byte, 129))
	wantKind(t, "long reason", h.Participants.Disconnect(ctx, stage, "a", long), live.Invalid)
	wantKind(t, "reason not UTF-8", h.Participants.Disconnect(ctx, stage, "a", "\xff"), live.Invalid)
	wantKind(t, "no stage", h.Participants.Disconnect(ctx, arn("arn:aws:ivs:us-east-1:000000000000:stage/a"), "a", ""), live.NotFound)
	wantKind(t, "foreign", h.Participants.Disconnect(ctx, arn("arn:aws:ivs:us-east-1:000000000001:stage/a"), "a", ""), live.Denied)
	for _, id := range []live.ParticipantID{"a", "b", "a", "b"} {
		if err := h.Participants.Disconnect(ctx, stage, id, ""); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	wantKind(t, "a third", h.Participants.Disconnect(ctx, stage, "c", ""), live.Exhausted)
}

func TestOrders_AreRepeatedUntilObeyed(t *testing.T) {
	o := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := build(t, storetest.Open(t, o), control.Quotas{})
		stage := h.stage(t)
		tries := 0
		obeyed := make(chan struct{})
		subscribe(t, h.bus, bus.CloseStage(stage.ID), func(ctx context.Context, _ live.CloseStage) (struct{}, error) {
			switch tries++; tries {
			case 1: // too slow
				select {
				case <-time.After(1500 * time.Millisecond):
				case <-ctx.Done():
				}
			case 2:
				return struct{}{}, errors.New("busy")
			case 3:
				close(obeyed)
			}
			return struct{}{}, nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		began := time.Now()
		if err := h.Stages.Delete(ctx, stage.ARN); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("Delete took %v, expected a second", took)
		}
		<-obeyed
		time.Sleep(time.Minute) // virtual
		if tries != 3 {
			t.Errorf("the host was told %d times", tries)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestOrders_ReachTheHostThoughTheCallerHasGone(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	stage := h.stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	obeyed := h.host(t, stage.ID)
	// The bar is committed before the host is told; only then the caller goes.
	subscribe(t, h.bus, bus.DisconnectParticipant(stage.ID), func(context.Context, live.DisconnectParticipant) (struct{}, error) {
		cancel()
		return struct{}{}, nil
	})
	if err := h.Participants.Disconnect(ctx, stage.ARN, "someone", ""); err != nil {
		t.Fatal(err)
	}
	if got := (<-obeyed).(live.DisconnectParticipant); got.Participant != "someone" {
		t.Errorf("the host was told %+v", got)
	}
}

func TestRun_ForgetsExpiredBars(t *testing.T) {
	o := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := build(t, storetest.Open(t, o), control.Quotas{})
		stage := h.stage(t)
		if err := h.Participants.Disconnect(t.Context(), stage.ARN, "someone", ""); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		left := func() (n int) {
			err := h.store.Read(t.Context(), func(tx *store.Tx) error {
				all, err := tx.Barred(t.Context(), stage.ID, time.Unix(0, 0))
				n = len(all)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		time.Sleep(2 * time.Hour) // virtual
		if left() != 1 {
			t.Error("a bar was forgotten while it held")
		}
		h.clock.move(15 * 24 * time.Hour)
		time.Sleep(2 * time.Hour) // virtual
		if left() != 0 {
			t.Error("an expired bar is kept")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestFacts_AreRememberedUpToALimit(t *testing.T) {
	o := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := build(t, storetest.Open(t, o), control.Quotas{})
		for i := range 1500 {
			fact := live.Fact{Name: live.ParticipantJoined, Participant: live.ParticipantID(fmt.Sprint(i))}
			reports := live.Reports{Node: "n", Boot: "b", First: uint64(i + 1), Facts: []live.Fact{fact}}
			if _, err := bus.Ask[struct{}](t.Context(), h.bus, bus.Facts, reports); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.bus.Request(t.Context(), bus.Facts, []byte("not JSON")); err == nil {
			t.Error("it takes what is not JSON")
		}
		facts := h.LastFacts()
		if len(facts) != 1024 || facts[0].Participant != "476" || facts[1023].Participant != "1499" {
			t.Errorf("%d facts, from %v to %v", len(facts), facts[0].Participant, facts[len(facts)-1].Participant)
		}
	})
}

func TestSessions_RefuseWhatIsNoMessage(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	var remote *bus.RemoteError
	for _, subject := range []string{bus.OpenSession, bus.SessionClosed} {
		for _, data := range []string{"", "{", "[]", `{"stage":1}`} {
			if _, err := h.bus.Request(t.Context(), subject, []byte(data)); !errors.As(err, &remote) {
				t.Errorf("%s took %q: %v", subject, data, err)
			}
		}
	}
	odd := []live.StageID{"", "nothere00000", "'; DROP TABLE stages; --", "a\x00b"}
	for i, id := range odd {
		if g := h.openSession(t, id, "node00000001"); g.Refused != live.StageNotFound {
			t.Errorf("%q was granted %+v", slices.Clone(odd)[i], g)
		}
	}
}
