package control_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestRun_ForgetsHistoryAndEventsWhenTheirTimeIsOver(t *testing.T) {
	o := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		h := build(t, storetest.Open(t, o), control.Quotas{})
		stage := h.stage(t)
		grant := h.openSession(t, stage.ID, "node00000001")
		h.report(t, "one", 1, factsOf(stage.ID, grant.Session, h.clock.now())...)
		h.closeSession(t, live.SessionClosed{Stage: stage.ID, Session: grant.Session, Node: "node00000001", At: h.clock.now()})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		kept := func() (events, told int) {
			all, _, err := h.Participants.Events(t.Context(), stage.ARN, grant.Session, "ada", control.Page{})
			if err != nil {
				t.Fatal(err)
			}
			return len(all), len(h.out(t))
		}
		for _, step := range []struct {
			days         int
			events, told int
		}{{6, 7, 3}, {2, 7, 0}, {51, 7, 0}, {2, 0, 0}} {
			h.clock.move(time.Duration(step.days) * 24 * time.Hour)
			time.Sleep(2 * time.Hour) // virtual
			if events, told := kept(); events != step.events || told != step.told {
				t.Errorf("after %d days more %d events are kept and %d can be told, want %+v", step.days, events, told, step)
			}
		}
		sessions, _, err := h.Sessions.List(t.Context(), stage.ARN, control.Page{})
		if err != nil || len(sessions) != 0 {
			t.Errorf("sessions %v, %v", sessions, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
