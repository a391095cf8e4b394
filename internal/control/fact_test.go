//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// report sends facts as a host's reports do, and fails the test unless they are acknowledged.
func (h *house) report(t *testing.T, boot string, first uint64, facts ...live.Fact) {
	t.Helper()
	reports := live.Reports{Node: "node00000001", Boot: boot, First: first, Facts: facts}
	if _, err := bus.Ask[struct{}](t.Context(), h.bus, bus.Facts, reports); err != nil {
		t.Fatal(err)
	}
}

// out returns what the outside is told.
func (h *house) out(t *testing.T) []store.OutEvent {
	t.Helper()
	var all []store.OutEvent
	err := h.store.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Out(t.Context(), 0, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// factsOf returns the life of a participant that publishes and is refused once more.
func factsOf(stage live.StageID, session live.SessionID, at time.Time) []live.Fact {
	var facts []live.Fact
	for i, name := range []live.FactName{
		live.ParticipantJoined, live.PublishStarted, live.SubscribeStarted, live.SubscribeStopped,
		live.PublishFailed, live.PublishStopped, live.ParticipantLeft,
	} {
		f := live.Fact{
			Name: name, Stage: stage, Session: session, Participant: "ada", UserID: `"<u>"`,
			At: at.Add(time.Duration(i) * time.Microsecond),
		}
		switch name {
		case live.ParticipantJoined:
			f.Client = live.Client{Browser: "Firefox"}
		case live.SubscribeStarted, live.SubscribeStopped:
			f.Remote = "bob"
		case live.PublishFailed:
			f.ErrorCode = live.QuotaExceeded
		case live.PublishStarted:
			f.Protocol = live.ProtocolWHIP
		}
		facts = append(facts, f)
	}
	return facts
}

func TestFacts_AreWrittenOnceHoweverOftenTheyAreSent(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		grant := h.openSession(t, stage.ID, "node00000001")
		facts := factsOf(stage.ID, grant.Session, h.clock.now())
		h.report(t, "one", 1, facts[:3]...)
		h.report(t, "one", 1, facts[:3]...) // its acknowledgement was lost
		h.report(t, "one", 1, facts[:5]...) // and more has come meanwhile
		h.report(t, "one", 4, facts[3:]...)
		h.report(t, "one", 2, facts[1:4]...)
		events, _, err := h.Participants.Events(t.Context(), stage.ARN, grant.Session, "ada", control.Page{})
		if err != nil || len(events) != len(facts) {
			t.Fatalf("%d events of %d facts, %v", len(events), len(facts), err)
		}
		for i, e := range events {
			if f := facts[len(facts)-1-i]; e.Name != f.Name || e.ErrorCode != f.ErrorCode || e.Remote != f.Remote {
				t.Errorf("event %d is %+v, want %+v", i, e, f)
			}
		}
		who, err := h.Participants.Get(t.Context(), stage.ARN, grant.Session, "ada")
		if err != nil || who.Connected || !who.Published || who.Client.Browser != "Firefox" || who.Protocol != live.ProtocolWHIP {
			t.Errorf("the participant is %+v, %v", who, err)
		}

		const head = `{"version":"0","id":"%s","detail-type":"IVS Stage Update","source":"aws.ivs","account":"000000000000",` +
			`"time":"2026-03-04T05:06:07Z","region":"us-east-1","resources":["%s"],"detail":{"session_id":"%s","event_name":"%s",` +
			`"event_time":"%s",%s"user_id":"\"<u>\"","participant_id":"ada",%s"replica":false}}`
		out := h.out(t)
		if len(out) != 3 {
			t.Fatalf("the outside is told %d events: %v", len(out), out)
		}
		for i, want := range []struct{ name, at, precise, code string }{
			{"Participant Published", "2026-03-04T05:06:07Z", `"event_time_precise":"2026-03-04T05:06:07.089013Z",`, ""},
			{"Participant Publish Error", "2026-03-04T05:06:07.089016000Z", "", `"error_code":"QUOTA_EXCEEDED",`},
			{"Participant Unpublished", "2026-03-04T05:06:07Z", `"event_time_precise":"2026-03-04T05:06:07.089017Z",`, ""},
		} {
			text := fmt.Sprintf(head, out[i].ID, stage.ARN, grant.Session, want.name, want.at, want.precise, want.code)
			if out[i].Body != text || out[i].Seq != int64(i+1) {
				t.Errorf("event %d is\n%s, want\n%s", out[i].Seq, out[i].Body, text)
			}
		}
		h.report(t, "two", 1, facts[0]) // another life of the host counts from 1
		if events, _, err = h.Participants.Events(t.Context(), stage.ARN, grant.Session, "ada", control.Page{}); err != nil || len(events) != 8 {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}

func TestOpen_TakesLeaveOfThoseWhomItsEarlierLifeLeft(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		grant := h.openSession(t, stage.ID, "node00000001")
		facts := factsOf(stage.ID, grant.Session, h.clock.now())
		h.report(t, "one", 1, facts[:3]...) // joined, publishes, watches
		h.clock.move(-time.Hour)            // and the clock steps back before the next life
		h.restart(t, func(*control.Options) {})
		events, _, err := h.Participants.Events(t.Context(), stage.ARN, grant.Session, "ada", control.Page{})
		var names []string
		for _, e := range events {
			names = append(names, string(e.Name))
		}
		want := "LEFT PUBLISH_STOPPED SUBSCRIBE_STOPPED SUBSCRIBE_STARTED PUBLISH_STARTED JOINED"
		if got := strings.Join(names, " "); got != want || err != nil {
			t.Errorf("events are %s, %v; want %s", got, err, want)
		}
		out := h.out(t)
		var told struct {
			Detail struct {
				Name string `json:"event_name"`
			}
		}
		if len(out) != 2 || json.Unmarshal([]byte(out[1].Body), &told) != nil || told.Detail.Name != live.EventUnpublished {
			t.Errorf("the outside is told %+v", out)
		}
	})
}

// The facts that a database does not take are dropped, and those around them kept.
func TestFacts_ThatCannotBeKeptKeepNothingElseWaiting(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		grant := h.openSession(t, stage.ID, "node00000001")
		facts := factsOf(stage.ID, grant.Session, h.clock.now())
		facts[2].Remote = "\xff\x00" // which PostgreSQL does not take as text
		h.report(t, "one", 1, facts...)
		h.report(t, "one", 1, facts...)
		events, _, err := h.Participants.Events(t.Context(), stage.ARN, grant.Session, "ada", control.Page{})
		if err != nil || len(events) < len(facts)-1 || len(events) > len(facts) {
			t.Errorf("%d events of %d facts, %v", len(events), len(facts), err)
		}
	})
}
