//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"testing"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Security row 47: whatever ids are put together, only those that belong together find anything.
func TestHistory_Row47_IsFoundOnlyByItsOwnIDs(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		type part struct {
			stage   live.ARN
			session live.SessionID
			who     live.ParticipantID
		}
		var there []part
		for _, who := range []live.ParticipantID{"alice", "bob", "carol"} {
			stage := h.stage(t)
			session := h.openSession(t, stage.ID, "node00000001").Session
			h.participant(t, live.Participant{ID: who, Stage: stage.ID, Session: session})
			err := h.store.Write(t.Context(), func(tx *store.Tx) error {
				return tx.InsertEvent(t.Context(), stage.ID, session, live.Event{
					ID: "1", Name: live.ParticipantJoined, Participant: who, At: h.clock.now(),
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			there = append(there, part{stage.ARN, session, who})
		}
		for _, a := range there {
			for _, b := range there {
				for _, c := range there {
					h.checkPart(t, a.stage, b.session, c.who, a == b, a == b && b == c)
				}
			}
			theirs := a.stage
			theirs.Account = "999999999999"
			_, err := h.Participants.Get(t.Context(), theirs, a.session, a.who)
			wantKind(t, "another account's", err, live.Denied)
			_, _, err = h.Participants.Events(t.Context(), theirs, a.session, a.who, control.Page{})
			wantKind(t, "another account's events", err, live.Denied)
		}
	})
}

// checkPart fails unless session and participant are found exactly as expected.
func (h *house) checkPart(
	t *testing.T, stage live.ARN, session live.SessionID, who live.ParticipantID, itsSession, itsPart bool,
) {
	t.Helper()
	_, err := h.Sessions.Get(t.Context(), stage, session)
	if (err == nil) != itsSession {
		t.Errorf("session %s of %s: %v", session, stage, err)
	}
	people, _, err := h.Participants.List(t.Context(), stage, session, control.ParticipantFilter{}, control.Page{})
	if err != nil || (len(people) == 1) != itsSession {
		t.Errorf("participants of %s in %s: %d, %v", session, stage, len(people), err)
	}
	_, err = h.Participants.Get(t.Context(), stage, session, who)
	if (err == nil) != itsPart {
		t.Errorf("%s in %s of %s: %v", who, session, stage, err)
	}
	events, _, err := h.Participants.Events(t.Context(), stage, session, who, control.Page{})
	if err != nil || (len(events) == 1) != itsPart {
		t.Errorf("events of %s in %s of %s: %d, %v", who, session, stage, len(events), err)
	}
}
