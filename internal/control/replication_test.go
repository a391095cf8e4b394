//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// onAir has the host of a stage say that everyone but "idle" publishes there.
func (h *house) onAir(t *testing.T, stage live.StageID) live.SessionID {
	t.Helper()
	session := h.openSession(t, stage, "node00000001").Session
	_, err := h.bus.Subscribe(bus.AskParticipant(stage), "",
		bus.Serve(func(_ context.Context, a live.AskParticipant) (live.ParticipantAnswer, error) {
			if a.Participant == "nobody" {
				return live.ParticipantAnswer{}, nil
			}
			return live.ParticipantAnswer{Session: session, Publishing: a.Participant != "idle"}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// participant keeps someone's part in a session.
func (h *house) participant(t *testing.T, p live.Participant) {
	t.Helper()
	if p.JoinedAt.IsZero() {
		p.JoinedAt = h.clock.now().UTC().Truncate(time.Microsecond)
	}
	err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.PutParticipant(t.Context(), p) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestReplications_StartAndStop(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		source, destination := h.stage(t), h.stage(t)
		session := h.onAir(t, source.ID)
		h.participant(t, live.Participant{ID: "p", Stage: source.ID, Session: session, Connected: true, Published: true})
		r := control.StartReplication{
			Source: source.ARN, Destination: destination.ARN, Participant: "p", ReconnectWindow: time.Minute,
			Attributes: map[string]string{"a": "b"},
		}
		if err := h.Replications.Start(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if len(m.shown) != 1 || m.shown[0].SourceSession != session || m.shown[0].Attributes["a"] != "b" {
			t.Errorf("shown %+v", m.shown)
		}
		list := func() []live.Replication {
			items, _, err := h.Replications.List(t.Context(), source.ARN, "p", control.Page{})
			if err != nil {
				t.Fatal(err)
			}
			return items
		}
		all := list()
		if len(all) != 1 || all[0].State != live.ReplicationActive || all[0].SourceSession != session ||
			all[0].DestinationStage != destination.ARN || all[0].DestinationSession != "st-destination00" {
			t.Errorf("listed %+v", all)
		}
		p, err := h.Participants.Get(t.Context(), source.ARN, session, "p")
		if err != nil || p.Replication != live.ReplicationSource || p.ReplicationState != live.ReplicationActive || p.SourceStage != (live.ARN{}) {
			t.Errorf("the source is %+v, %v", p, err)
		}
		wantKind(t, "the same again", h.Replications.Start(t.Context(), r), live.Conflict)
		back := control.StartReplication{Source: destination.ARN, Destination: source.ARN, Participant: "p"}
		wantKind(t, "the way back, from where nobody is", h.Replications.Start(t.Context(), back), live.NotFound)
		h.clock.move(time.Second)
		if err := h.Replications.Stop(t.Context(), source.ARN, destination.ARN, "p"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, "stop again", h.Replications.Stop(t.Context(), source.ARN, destination.ARN, "p"), live.NotFound)
		if all = list(); len(all) != 1 || all[0].State != live.ReplicationStopped || len(m.unshown) != 1 {
			t.Errorf("after the stop: %+v, unshown %v", all, m.unshown)
		}
		if err := h.Replications.Start(t.Context(), r); err != nil {
			t.Errorf("after the stop: %v", err)
		}
		if all = list(); len(all) != 2 || all[0].State != live.ReplicationActive {
			t.Errorf("listed %+v", all)
		}
		events, _, err := h.Participants.Events(t.Context(), source.ARN, session, "p", control.Page{})
		if err != nil || len(events) != 3 || events[0].Name != live.ReplicationStarted || events[1].Name != live.ReplicationEnded ||
			events[1].DestinationStage != destination.ARN || events[1].DestinationSession != "st-destination00" {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}

func TestReplications_RefuseWhatCannotBe(t *testing.T) {
	eachWithMedia(t, control.Quotas{ReplicationsPerParticipant: 2}, func(t *testing.T, h *house, m *media) {
		source, destination := h.stage(t), h.stage(t)
		h.onAir(t, source.ID)
		gone := arn("arn:aws:ivs:us-east-1:000000000000:stage/gone")
		theirs := destination.ARN
		theirs.Account = "999999999999"
		for name, c := range map[string]struct {
			change func(*control.StartReplication)
			want   live.Kind
		}{
			"onto itself":      {func(r *control.StartReplication) { r.Destination = r.Source }, live.Invalid},
			"source gone":      {func(r *control.StartReplication) { r.Source = gone }, live.NotFound},
			"destination gone": {func(r *control.StartReplication) { r.Destination = gone }, live.NotFound},
			"theirs":           {func(r *control.StartReplication) { r.Destination = theirs }, live.Denied},
			"nobody":           {func(r *control.StartReplication) { r.Participant = "nobody" }, live.NotFound},
			"idle":             {func(r *control.StartReplication) { r.Participant = "idle" }, live.NotFound},
			"bad id":           {func(r *control.StartReplication) { r.Participant = "a.b" }, live.Invalid},
			"window":           {func(r *control.StartReplication) { r.ReconnectWindow = 301 * time.Second }, live.Invalid},
			"attributes": {func(r *control.StartReplication) {
				r.Attributes = map[string]string{"a": strings.Repeat("a", 1024)}
			}, live.Invalid},
		} {
			r := control.StartReplication{Source: source.ARN, Destination: destination.ARN, Participant: "p"}
			c.change(&r)
			wantKind(t, name, h.Replications.Start(t.Context(), r), c.want)
		}
		if len(m.shown) != 0 {
			t.Errorf("and yet shown: %v", m.shown)
		}
		for i := range 3 {
			err := h.Replications.Start(t.Context(), control.StartReplication{
				Source: source.ARN, Destination: h.stage(t).ARN, Participant: "p",
			})
			if i < 2 && err != nil {
				t.Fatal(err)
			}
			if i == 2 {
				wantKind(t, "the third", err, live.Exhausted)
				if err == nil || !strings.Contains(err.Error(), "quotas.replications_per_participant") {
					t.Errorf("it says %v", err)
				}
			}
		}
		m.refuse = live.Errorf(live.Exhausted, "no room")
		err := h.Replications.Start(t.Context(), control.StartReplication{
			Source: source.ARN, Destination: destination.ARN, Participant: "q",
		})
		wantKind(t, "without room", err, live.Exhausted)
		if list, _, err := h.Replications.List(t.Context(), source.ARN, "q", control.Page{}); err != nil || len(list) != 0 {
			t.Errorf("and yet listed: %v, %v", list, err)
		}
	})
}

// Nobody replicates yet: a call says so, and records nothing.
func TestReplications_AreRefusedHonestlyWithoutAReplicator(t *testing.T) {
	h := houseOn(t)
	source, destination := h.stage(t), h.stage(t)
	h.onAir(t, source.ID)
	err := h.Replications.Start(t.Context(), control.StartReplication{
		Source: source.ARN, Destination: destination.ARN, Participant: "p",
	})
	wantKind(t, "start", err, live.Exhausted)
	if list, _, err := h.Replications.List(t.Context(), source.ARN, "p", control.Page{}); err != nil || len(list) != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestReplications_EndWithAStageAndAParticipant(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		source, a, b := h.stage(t), h.stage(t), h.stage(t)
		h.onAir(t, source.ID)
		for _, who := range []live.ParticipantID{"p", "q"} {
			for _, to := range []live.Stage{a, b} {
				err := h.Replications.Start(t.Context(), control.StartReplication{
					Source: source.ARN, Destination: to.ARN, Participant: who,
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		active := func(who live.ParticipantID) (n int) {
			list, _, err := h.Replications.List(t.Context(), source.ARN, who, control.Page{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				if r.State == live.ReplicationActive {
					n++
				}
			}
			return n
		}
		if err := h.Stages.Delete(t.Context(), a.ARN); err != nil {
			t.Fatal(err)
		}
		if active("p") != 1 || active("q") != 1 {
			t.Errorf("after a destination has gone: %d and %d", active("p"), active("q"))
		}
		if err := h.Participants.Disconnect(t.Context(), source.ARN, "p", ""); err != nil {
			t.Fatal(err)
		}
		if active("p") != 0 || active("q") != 1 {
			t.Errorf("after p was put out: %d and %d", active("p"), active("q"))
		}
		if err := h.Stages.Delete(t.Context(), source.ARN); err != nil {
			t.Fatal(err)
		}
		if active("q") != 0 || len(m.unshown) != 4 {
			t.Errorf("after the source has gone: %d, unshown %d", active("q"), len(m.unshown))
		}
	})
}

func TestHistory_IsReadByStageAndSession(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage, other := h.stage(t), h.stage(t)
		var sessions []live.SessionID
		for range 3 {
			id := h.openSession(t, stage.ID, "node00000001").Session
			h.closeSession(t, live.SessionClosed{Stage: stage.ID, Session: id, Node: "node00000001", At: h.clock.now()})
			sessions = append([]live.SessionID{id}, sessions...)
			h.clock.move(time.Second)
		}
		list, _, err := h.Sessions.List(t.Context(), stage.ARN, control.Page{})
		if err != nil || len(list) != 3 {
			t.Fatalf("listed %v, %v", list, err)
		}
		for i, s := range list {
			if s.ID != sessions[i] || s.EndedAt.IsZero() {
				t.Errorf("session %d is %+v", i, s)
			}
		}
		if got, err := h.Sessions.Get(t.Context(), stage.ARN, sessions[1]); err != nil || got != list[1] {
			t.Errorf("got %+v, %v", got, err)
		}
		// Security row 47: a session is its own stage's.
		_, err = h.Sessions.Get(t.Context(), other.ARN, sessions[1])
		wantKind(t, "another stage's session", err, live.NotFound)
		foreign := stage.ARN
		foreign.Account = "999999999999"
		_, err = h.Sessions.Get(t.Context(), foreign, sessions[1])
		wantKind(t, "another account's stage", err, live.Denied)

		h.participant(t, live.Participant{ID: "p", Stage: stage.ID, Session: sessions[0]})
		if _, err := h.Participants.Get(t.Context(), stage.ARN, sessions[0], "p"); err != nil {
			t.Error(err)
		}
		_, err = h.Participants.Get(t.Context(), other.ARN, sessions[0], "p")
		wantKind(t, "a participant by another stage", err, live.NotFound)
		_, err = h.Participants.Get(t.Context(), stage.ARN, sessions[1], "p")
		wantKind(t, "a participant of another session", err, live.NotFound)
		for name, count := range map[string]func() (int, error){
			"sessions of no stage": func() (int, error) {
				l, _, err := h.Sessions.List(t.Context(), arn("arn:aws:ivs:us-east-1:000000000000:stage/gone"), control.Page{})
				return len(l), err
			},
			"participants of no session": func() (int, error) {
				l, _, err := h.Participants.List(t.Context(), stage.ARN, "st-gone000000000", control.ParticipantFilter{}, control.Page{})
				return len(l), err
			},
			"participants by another stage": func() (int, error) {
				l, _, err := h.Participants.List(t.Context(), other.ARN, sessions[0], control.ParticipantFilter{}, control.Page{})
				return len(l), err
			},
			"events of nobody": func() (int, error) {
				l, _, err := h.Participants.Events(t.Context(), stage.ARN, sessions[0], "q", control.Page{})
				return len(l), err
			},
			"replicas of nobody": func() (int, error) {
				l, _, err := h.Replications.List(t.Context(), stage.ARN, "q", control.Page{})
				return len(l), err
			},
		} {
			if n, err := count(); n != 0 || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		if err := h.Stages.Delete(t.Context(), stage.ARN); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Participants.Get(t.Context(), stage.ARN, sessions[0], "p"); err != nil {
			t.Errorf("after the stage has gone: %v", err)
		}
	})
}

func TestParticipants_AreListedByOneFilter(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		session := h.openSession(t, stage.ID, "node00000001").Session
		for i := range 6 {
			h.participant(t, live.Participant{
				ID: live.ParticipantID(fmt.Sprint("p", i)), Stage: stage.ID, Session: session, UserID: fmt.Sprint("u", i%3),
				Connected: i%2 == 0, Published: i < 4, Recording: live.RecordingDisabled,
				JoinedAt: h.clock.now().UTC().Truncate(time.Microsecond).Add(time.Duration(i/2) * time.Second),
			})
		}
		list := func(f control.ParticipantFilter, p control.Page) ([]live.Participant, string, error) {
			return h.Participants.List(t.Context(), stage.ARN, session, f, p)
		}
		for name, c := range map[string]struct {
			f    control.ParticipantFilter
			want int
		}{
			"all": {control.ParticipantFilter{}, 6}, "user": {control.ParticipantFilter{UserID: "u1"}, 2},
			"published": {control.ParticipantFilter{Published: new(true)}, 4}, "silent": {control.ParticipantFilter{Published: new(false)}, 2},
			"connected": {control.ParticipantFilter{Connected: new(true)}, 3}, "gone": {control.ParticipantFilter{Connected: new(false)}, 3},
			"recorded": {control.ParticipantFilter{Recording: "ACTIVE"}, 0},
		} {
			items, _, err := list(c.f, control.Page{})
			if err != nil || len(items) != c.want {
				t.Errorf("%s: %d, %v, expected %d", name, len(items), err, c.want)
			}
		}
		_, _, err := list(control.ParticipantFilter{UserID: "u1", Published: new(true)}, control.Page{})
		wantKind(t, "two filters", err, live.Invalid)
		var order []string
		for p := (control.Page{Max: 2}); ; {
			items, next, err := list(control.ParticipantFilter{}, p)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				order = append(order, string(it.ID))
			}
			if next == "" {
				break
			}
			_, _, err = list(control.ParticipantFilter{UserID: "u1"}, control.Page{Token: next})
			wantKind(t, "a token with other filters", err, live.Invalid)
			p.Token = next
		}
		if got := strings.Join(order, " "); got != "p5 p4 p3 p2 p1 p0" {
			t.Errorf("in order %s", got)
		}
		if err := h.Stages.Delete(t.Context(), stage.ARN); err != nil {
			t.Fatal(err)
		}
		if items, _, err := list(control.ParticipantFilter{Connected: new(true)}, control.Page{}); err != nil || len(items) != 0 {
			t.Errorf("connected to a stage that has gone: %v, %v", items, err)
		}
	})
}

func TestStages_KeepTheirRecordingWhileSomeoneIsRecorded(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage, storage := h.stage(t), h.storage(t)
		session := h.openSession(t, stage.ID, "node00000001").Session
		h.participant(t, live.Participant{ID: "p", Stage: stage.ID, Session: session, Connected: true, Recording: "ACTIVE"})
		r := live.DefaultRecording()
		r.Storage = storage.ARN.String()
		_, err := h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Recording: &r})
		wantKind(t, "another recording", err, live.Conflict)
		same := live.DefaultRecording()
		if _, err := h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Name: new("n"), Recording: &same}); err != nil {
			t.Errorf("the same recording: %v", err)
		}
	})
}
