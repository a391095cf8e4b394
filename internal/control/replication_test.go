//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// onAir has the host of a stage say that everyone but "nobody" is there, and publishes but for "idle".
func (h *house) onAir(t *testing.T, stage live.StageID) live.SessionID {
	t.Helper()
	session := h.openSession(t, stage, "node00000001").Session
	_, err := h.bus.Subscribe(bus.AskParticipant(stage), "",
		bus.Serve(func(_ context.Context, a live.AskParticipant) (live.ParticipantAnswer, error) {
			if a.Participant == "nobody" {
				return live.ParticipantAnswer{}, nil
			}
			return live.ParticipantAnswer{
				Session: session, Publishing: a.Participant != "idle", Replica: a.Participant == "copy",
			}, nil
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
			"idle":             {func(r *control.StartReplication) { r.Participant = "idle" }, live.Conflict},
			"a replica":        {func(r *control.StartReplication) { r.Participant = "copy" }, live.Invalid},
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

// shownBy has the host of a stage obey what it is told of replications, and say what the answers are.
func (h *house) shownBy(t *testing.T, stage live.StageID, answer func(live.ReplicateParticipant) live.ReplicationAnswer) {
	t.Helper()
	_, err := h.bus.Subscribe(bus.ReplicateParticipant(stage), "",
		bus.Serve(func(_ context.Context, c live.ReplicateParticipant) (live.ReplicationAnswer, error) {
			return answer(c), nil
		}))
	if err != nil {
		t.Fatal(err)
	}
}

// Without another replicator the host of the source is told over the bus.
func TestReplications_AreOrderedFromTheSourcesHost(t *testing.T) {
	h := houseOn(t)
	source, destination := h.stage(t), h.stage(t)
	start := func(who live.ParticipantID) error {
		return h.Replications.Start(t.Context(), control.StartReplication{
			Source: source.ARN, Destination: destination.ARN, Participant: who,
		})
	}
	wantKind(t, "on a stage without a session", start("p"), live.NotFound)
	session := h.onAir(t, source.ID)
	wantKind(t, "whose host has just gone", start("p"), live.NotFound)
	goes := true
	var orders []string
	h.shownBy(t, source.ID, func(c live.ReplicateParticipant) live.ReplicationAnswer {
		orders = append(orders, string(c.Order)+" "+string(c.Replication.Participant))
		switch {
		case c.Order == live.ReplicationStart && c.Replication.Participant == "q":
			return live.ReplicationAnswer{Refused: live.Refuse(live.Exhausted, live.QuotaExceeded, "full")}
		case c.Order == live.ReplicationAsk && !goes:
			return live.ReplicationAnswer{}
		}
		return live.ReplicationAnswer{Session: "st-destination00"}
	})
	if err := start("p"); err != nil {
		t.Fatal(err)
	}
	err := start("q")
	wantKind(t, "refused by the host", err, live.Exhausted)
	if live.ReasonOf(err) != live.QuotaExceeded || err.Error() != "full" {
		t.Errorf("it says %v", err)
	}
	if err := h.Replications.Stop(t.Context(), source.ARN, destination.ARN, "p"); err != nil {
		t.Fatal(err)
	}
	goes = false // it ends before it is recorded
	if err := start("p"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(orders, ", "); got != "start p, ask p, start q, stop p, start p, ask p" {
		t.Errorf("orders %s", got)
	}
	list, _, err := h.Replications.List(t.Context(), source.ARN, "p", control.Page{})
	if err != nil || len(list) != 2 || list[0].State != live.ReplicationStopped || list[1].State != live.ReplicationStopped {
		t.Errorf("listed %+v, %v", list, err)
	}
	h.wantEvents(t, source.ARN, session, "p", "REPLICATION_STARTED REPLICATION_STOPPED REPLICATION_STARTED REPLICATION_STOPPED")
}

// wantEvents fails the test unless these are a participant's events, oldest first.
func (h *house) wantEvents(t *testing.T, stage live.ARN, session live.SessionID, who live.ParticipantID, want string) []live.Event {
	t.Helper()
	events, _, err := h.Participants.Events(t.Context(), stage, session, who, control.Page{Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(events)
	var names []string
	for _, e := range events {
		names = append(names, string(e.Name))
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("events of %s are %s, want %s", who, got, want)
	}
	return events
}

// What the host of the source says of the end counts once, whoever said so before.
func TestReplications_EndByThemselves(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		source, destination := h.stage(t), h.stage(t)
		session := h.onAir(t, source.ID)
		h.participant(t, live.Participant{ID: "p", Stage: source.ID, Session: session, UserID: "Ada", Connected: true, Published: true})
		q := control.StartReplication{Source: source.ARN, Destination: destination.ARN, Participant: "p"}
		if err := h.Replications.Start(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		ended := live.Fact{
			Name: live.ReplicationEnded, Stage: source.ID, Session: session, Participant: "p", At: h.clock.now().Add(time.Second),
			Replication: m.shown[0].ID, DestinationStage: destination.ARN, DestinationSession: "st-destination00",
		}
		unknown := ended
		unknown.Replication = "unknown"
		h.report(t, "one", 1, unknown, ended, ended)
		wantKind(t, "stop", h.Replications.Stop(t.Context(), source.ARN, destination.ARN, "p"), live.NotFound)
		events := h.wantEvents(t, source.ARN, session, "p", "REPLICATION_STARTED REPLICATION_STOPPED")
		if e := events[1]; e.DestinationStage != destination.ARN || e.DestinationSession != "st-destination00" || !e.At.Equal(ended.At.UTC().Truncate(time.Microsecond)) {
			t.Errorf("the event is %+v", e)
		}
		p, err := h.Participants.Get(t.Context(), source.ARN, session, "p")
		if err != nil || p.Replication != live.ReplicationSource || p.ReplicationState != live.ReplicationStopped {
			t.Errorf("the source is %+v, %v", p, err)
		}
		out := h.out(t)
		if len(out) != 2 {
			t.Fatalf("the outside is told %v", out)
		}
		for i, name := range []string{"Participant Replication Start", "Participant Replication End"} {
			want := fmt.Sprintf(`"detail":{"session_id":"%s","event_name":"%s","event_time":"2026-03-04T05:06:%02dZ","user_id":"Ada",`+
				`"participant_id":"p","destination_stage_arn":"%s","destination_session_id":"st-destination00"}}`, session, name, 7+i, destination.ARN)
			if !strings.HasSuffix(out[i].Body, want) || out[i].Stage != source.ID {
				t.Errorf("the outside is told\n%s, want\n%s", out[i].Body, want)
			}
		}
		m.set(func() { m.ended = true })
		if err := h.Replications.Start(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		h.wantEvents(t, source.ARN, session, "p", "REPLICATION_STARTED REPLICATION_STOPPED REPLICATION_STARTED REPLICATION_STOPPED")
	})
}

// A replica has a record of its own in the session it is shown in, and its publications are told with where they come from.
func TestReplicas_HaveRecords(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		source, destination := h.stage(t), h.stage(t)
		session := h.onAir(t, source.ID)
		there := h.openSession(t, destination.ID, "node00000001").Session
		h.participant(t, live.Participant{ID: "p", Stage: source.ID, Session: session, UserID: "Ada", Connected: true, Published: true})
		fact := func(name live.FactName, who live.ParticipantID, change func(*live.Fact)) live.Fact {
			h.clock.move(time.Second)
			f := live.Fact{Name: name, Stage: destination.ID, Session: there, Participant: who, At: h.clock.now()}
			if who == "p" {
				f.UserID, f.Replica, f.SourceStage, f.SourceSession = "Ada", true, source.ARN, session
			}
			if change != nil {
				change(&f)
			}
			return f
		}
		ofP := func(f *live.Fact) { f.Remote, f.Replica = "p", true }
		h.report(t, "one", 1,
			fact(live.ParticipantJoined, "p", func(f *live.Fact) { f.Attributes = map[string]string{"role": "guest"} }),
			fact(live.PublishStarted, "p", func(f *live.Fact) { f.Protocol = live.ProtocolWHIP }),
			fact(live.ParticipantJoined, "bob", nil), fact(live.SubscribeStarted, "bob", ofP))
		get := func() live.Participant {
			p, err := h.Participants.Get(t.Context(), destination.ARN, there, "p")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := get()
		if p.Replication != live.ReplicationReplica || p.ReplicationState != live.ReplicationActive || p.SourceStage != source.ARN ||
			p.SourceSession != session || !p.Connected || !p.Published || p.Attributes["role"] != "guest" || p.Protocol != live.ProtocolWHIP {
			t.Errorf("the replica is %+v", p)
		}
		want := fmt.Sprintf(`"event_name":"Participant Published","event_time":"2026-03-04T05:06:09Z","event_time_precise":"2026-03-04T05:06:09.089012Z",`+
			`"user_id":"Ada","participant_id":"p","replica":true,"source_stage_arn":"%s","source_session_id":"%s"}}`, source.ARN, session)
		if out := h.out(t); len(out) != 1 || !strings.HasSuffix(out[0].Body, want) {
			t.Errorf("the outside is told %v, want %s", out, want)
		}

		// An exchange at the source reaches the replica's record.
		err := h.store.Write(t.Context(), func(tx *store.Tx) error {
			return tx.InsertReplication(t.Context(), live.Replication{
				ID: "r", Participant: "p", SourceStage: source.ARN, SourceSession: session, DestinationStage: destination.ARN,
				DestinationSession: there, Attributes: map[string]string{"role": "guest"}, State: live.ReplicationActive, StartedAt: h.clock.now(),
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		until := time.Date(2026, 3, 4, 6, 0, 0, 0, time.UTC)
		h.report(t, "one", 5, live.Fact{
			Name: live.TokenExchanged, Stage: source.ID, Session: session, Participant: "p", UserID: "Lovelace", At: h.clock.now(),
			PreviousToken: &live.ExchangedToken{Capabilities: live.Capabilities{Subscribe: true}, UserID: "Ada", ExpiresAt: until},
			NewToken: &live.ExchangedToken{
				Capabilities: live.Capabilities{Publish: true, Subscribe: true}, UserID: "Lovelace", ExpiresAt: until.Add(time.Hour),
				Attributes: map[string]string{"role": "host", "seat": "2"},
			},
		})
		if p := get(); p.UserID != "Lovelace" || p.Attributes["role"] != "guest" || p.Attributes["seat"] != "2" {
			t.Errorf("after the exchange the replica is %+v", p)
		}
		own, err := h.Participants.Get(t.Context(), source.ARN, session, "p")
		if err != nil || own.UserID != "Lovelace" || own.Attributes["role"] != "host" {
			t.Errorf("after the exchange the source is %+v, %v", own, err)
		}
		events := h.wantEvents(t, source.ARN, session, "p", "TOKEN_EXCHANGED")
		if e := events[0]; e.PreviousToken == nil || e.PreviousToken.UserID != "Ada" || e.NewToken == nil || !e.NewToken.Capabilities.Publish {
			t.Errorf("the event is %+v", e)
		}
		want = `"event_name":"Token Exchanged","event_time":"2026-03-04T05:06:11Z","user_id":"Lovelace","participant_id":"p",` +
			`"previous_token":{"capabilities":["SUBSCRIBE"],"attributes":{},"user_id":"Ada","expiration_time":"2026-03-04T06:00:00Z"},` +
			`"new_token":{"capabilities":["SUBSCRIBE","PUBLISH"],"attributes":{"role":"host","seat":"2"},"user_id":"Lovelace","expiration_time":"2026-03-04T07:00:00Z"}}}`
		if out := h.out(t); len(out) != 2 || !strings.HasSuffix(out[1].Body, want) {
			t.Errorf("the outside is told %v, want %s", out[1:], want)
		}

		// A life of the node that is lost takes what it showed with it.
		h.restart(t, func(*control.Options) {})
		if p := get(); p.ReplicationState != live.ReplicationStopped || p.Connected {
			t.Errorf("after the restart the replica is %+v", p)
		}
		list, _, err := h.Replications.List(t.Context(), source.ARN, "p", control.Page{})
		if err != nil || len(list) != 1 || list[0].State != live.ReplicationStopped {
			t.Errorf("after the restart: %+v, %v", list, err)
		}
		for _, e := range h.wantEvents(t, destination.ARN, there, "p", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT") {
			if !e.Replica {
				t.Errorf("%s is not a replica's", e.Name)
			}
		}
		for i, e := range h.wantEvents(t, destination.ARN, there, "bob", "JOINED SUBSCRIBE_STARTED SUBSCRIBE_STOPPED LEFT") {
			if e.Replica != (i == 1 || i == 2) {
				t.Errorf("%s is of a replica: %t", e.Name, e.Replica)
			}
		}
		h.wantEvents(t, source.ARN, session, "p", "TOKEN_EXCHANGED REPLICATION_STOPPED LEFT")

		// An id that was a replica's may take part itself.
		grant := h.openSession(t, destination.ID, "node00000001")
		h.report(t, "two", 1, fact(live.ParticipantJoined, "p", func(f *live.Fact) { f.Session = grant.Session }),
			fact(live.ParticipantJoined, "p", func(f *live.Fact) { f.Session, f.SourceSession, f.SourceStage = grant.Session, "", live.ARN{} }))
		who, err := h.Participants.Get(t.Context(), destination.ARN, grant.Session, "p")
		if err != nil || who.Replication != live.ReplicationNone || who.SourceSession != "" {
			t.Errorf("who takes part itself is %+v, %v", who, err)
		}
	})
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
