package host

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// replicating orders a replication as the control plane does, and returns the answer.
func (h *house) replicating(order live.ReplicationOrder, r live.Replication) live.ReplicationAnswer {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 6*time.Second)
	defer cancel()
	a, err := bus.Ask[live.ReplicationAnswer](ctx, h.bus, bus.ReplicateParticipant(live.StageID(r.SourceStage.ID)),
		live.ReplicateParticipant{Order: order, Replication: r})
	if err != nil {
		h.t.Errorf("%s of %s: %v", order, r.ID, err)
	}
	return a
}

func (h *house) replication(id string, from, to live.StageID, who live.ParticipantID) live.Replication {
	s := h.host.lookup(from)
	if s == nil {
		h.t.Fatalf("stage %s has no session", from)
	}
	return live.Replication{
		ID: id, Participant: who, SourceStage: arnOf(from), SourceSession: s.id, DestinationStage: arnOf(to),
		Attributes: map[string]string{"role": "guest"},
	}
}

// started begins a replication, and fails the test if that is refused.
func (h *house) started(r live.Replication) live.SessionID {
	h.t.Helper()
	a := h.replicating(live.ReplicationStart, r)
	if a.Refused != nil || a.Session == "" {
		h.t.Fatalf("start of %s: %+v", r.ID, a.Refused)
	}
	synctest.Wait()
	return a.Session
}

// shown returns the stage's participant as a fresh state would say, false if it is not there.
func (h *house) shown(stage live.StageID, id live.ParticipantID) (roster.Participant, bool) {
	s := h.host.lookup(stage)
	if s == nil {
		return roster.Participant{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster.Find(id)
}

// hangUp ends what a participant publishes.
func (h *house) hangUp(stage live.StageID, id live.ParticipantID) {
	h.t.Helper()
	s := h.host.lookup(stage)
	if err := s.do(roster.Ended{Media: s.publication(id).id}); err != nil {
		h.t.Error(err)
	}
}

// told returns what was reported of a participant on a stage, in words.
func (h *house) told(stage live.StageID, id live.ParticipantID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, f := range h.facts {
		if f.Stage == stage && f.Participant == id {
			names = append(names, string(f.Name))
		}
	}
	return strings.Join(names, " ")
}

func TestReplication_ShowsAPublisherElsewhereUntilItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := withOwnKey(t)
		ada, _ := h.joinOwn(stageOne, "ada", mayBoth+asHost)
		pub := h.publish(stageOne, "ada")
		r := h.replication("r1", stageOne, stageTwo, "ada")
		session := h.started(r)
		if s := h.host.lookup(stageTwo); s == nil || s.id != session {
			t.Fatalf("the destination's session is not %s", session)
		}
		if a := h.replicating(live.ReplicationAsk, r); a.Session != session {
			t.Errorf("asked, the host says %+v", a)
		}
		_, viewer := h.join(stageTwo, "bob")
		welcomes, _ := viewer.seen()
		people := welcomes[0].State.Participants
		i := slices.IndexFunc(people, func(p roster.Participant) bool { return p.ID == "ada" })
		if i < 0 || !people[i].IsPublishing || people[i].Attributes["role"] != "guest" || people[i].Attributes["seat"] != "2" ||
			people[i].UserID != "Lovelace" || len(people[i].Tracks) != 2 {
			t.Fatalf("bob sees %+v", people)
		}
		// The tracks are the same, not copies.
		from, to := h.host.lookup(stageOne), h.host.lookup(stageTwo)
		for _, kind := range []media.Kind{media.Audio, media.Video} {
			up := from.publication("ada").up[kind].Load()
			if up == nil || to.publication("ada").up[kind].Load() != up {
				t.Errorf("the %s is another track there", kind)
			}
		}
		ada.SetMedia(new(true), nil)
		synctest.Wait()
		if c := viewer.last(t); c.Op != roster.OpUpdate || !c.Participant.AudioMuted {
			t.Errorf("bob was told %+v", c)
		}
		time.Sleep(2 * time.Second)
		if err := ada.Exchange(ownSaying(t, tokenKey(), stageOne, "ada", mayBoth+asGuest)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c := viewer.last(t); c.Participant.UserID != "Ada" || len(c.Participant.Attributes) != 1 {
			t.Errorf("after the exchange bob was told %+v", c)
		}
		// Another publication takes over in both.
		again := h.publish(stageOne, "ada")
		<-pub.Done()
		if from.publication("ada").up[media.Video].Load() != to.publication("ada").up[media.Video].Load() {
			t.Error("after another publication the tracks differ")
		}
		if n := len(from.publication("ada").shownAs); n != 1 {
			t.Errorf("the publication is shown %d times", n)
		}

		again.Close()
		synctest.Wait()
		if c := viewer.last(t); c.Op != roster.OpLeave {
			t.Errorf("at the end bob was told %+v", c)
		}
		if _, there := h.shown(stageTwo, "ada"); there {
			t.Error("the replica stays")
		}
		if a := h.replicating(live.ReplicationAsk, r); a.Session != "" {
			t.Error("the replication goes on")
		}
		if got := h.told(stageTwo, "ada"); got != "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT" {
			t.Errorf("of the replica is told %s", got)
		}
		if got := h.told(stageOne, "ada"); got != "JOINED PUBLISH_STARTED TOKEN_EXCHANGED PUBLISH_STOPPED REPLICATION_STOPPED" {
			t.Errorf("of the source is told %s", got)
		}
		if _, some := h.host.links.m.Load("r1"); some {
			t.Error("the link is still there")
		}
	})
}

func TestReplication_WaitsForItsPublisherWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		pub := h.publish(stageOne, "ada")
		r := h.replication("r1", stageOne, stageTwo, "ada")
		r.ReconnectWindow = 5 * time.Minute
		session := h.started(r)
		pub.Close()
		synctest.Wait()
		if p, there := h.shown(stageTwo, "ada"); !there || p.IsPublishing {
			t.Errorf("while it is away the replica is %+v, %t", p, there)
		}
		time.Sleep(4 * time.Minute) // longer than an empty session lasts
		h.publish(stageOne, "ada")
		if p, there := h.shown(stageTwo, "ada"); !there || !p.IsPublishing {
			t.Errorf("when it is back the replica is %+v, %t", p, there)
		}
		if a := h.replicating(live.ReplicationAsk, r); a.Session != session {
			t.Errorf("when it is back the replication is %+v", a)
		}
		if got := h.told(stageTwo, "ada"); got != "JOINED PUBLISH_STARTED PUBLISH_STOPPED PUBLISH_STARTED" {
			t.Errorf("of the replica is told %s", got)
		}
		if len(h.host.Sessions()) != 2 {
			t.Errorf("sessions %+v", h.host.Sessions())
		}
		h.hangUp(stageOne, "ada")
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if got := h.told(stageOne, "ada"); !strings.HasSuffix(got, "LEFT REPLICATION_STOPPED") {
			t.Errorf("of the source is told %s", got)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if sessions := h.host.Sessions(); len(sessions) != 0 {
			t.Errorf("sessions are left: %+v", sessions)
		}
	})
}

// Each end of a replication, and what is told of it.
func TestReplication_Ends(t *testing.T) {
	for name, c := range map[string]struct {
		end          func(*house, live.Replication)
		source, copy string // what is told of them from the start
	}{
		"by order": {
			func(h *house, r live.Replication) {
				h.replicating(live.ReplicationStop, r)
				if _, there := h.shown(stageTwo, "ada"); there {
					h.t.Error("it is shown when the order has been obeyed")
				}
				h.replicating(live.ReplicationStop, r)
			},
			"JOINED PUBLISH_STARTED", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT",
		},
		"thrown out of the source": {
			func(h *house, _ live.Replication) { h.disconnect(stageOne, "ada") },
			"JOINED PUBLISH_STARTED REPLICATION_STOPPED PUBLISH_STOPPED LEFT", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT",
		},
		"thrown out of the destination": {
			func(h *house, _ live.Replication) { h.disconnect(stageTwo, "ada") },
			"JOINED PUBLISH_STARTED REPLICATION_STOPPED", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT",
		},
		"source deleted": {
			func(h *house, _ live.Replication) {
				h.order(bus.CloseStage(stageOne), live.CloseStage{Stage: stageOne})
			},
			"JOINED PUBLISH_STARTED REPLICATION_STOPPED PUBLISH_STOPPED LEFT", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT",
		},
		"destination deleted": {
			func(h *house, _ live.Replication) {
				h.order(bus.CloseStage(stageTwo), live.CloseStage{Stage: stageTwo})
			},
			"JOINED PUBLISH_STARTED REPLICATION_STOPPED", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT",
		},
		"the id takes part itself": {
			func(h *house, _ live.Replication) { h.join(stageTwo, "ada") },
			"JOINED PUBLISH_STARTED REPLICATION_STOPPED", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT JOINED",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, nil)
				h.publish(stageOne, "ada")
				h.join(stageTwo, "bob")
				r := h.replication("r1", stageOne, stageTwo, "ada")
				r.ReconnectWindow = time.Minute
				h.started(r)
				c.end(h, r)
				synctest.Wait()
				if got := h.told(stageOne, "ada"); got != c.source {
					t.Errorf("of the source is told %s, want %s", got, c.source)
				}
				if got := h.told(stageTwo, "ada"); got != c.copy {
					t.Errorf("of the replica is told %s, want %s", got, c.copy)
				}
				if s := h.host.lookup(stageOne); s != nil && s.roster.Replicates("r1") {
					t.Error("it goes on")
				}
				h.host.links.m.Range(func(id, _ any) bool { t.Errorf("link %s is left", id); return true })
			})
		})
	}
}

func TestReplication_IsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *Options) { o.PublishersPerStage, o.Publishers = 2, 6 })
		h.publish(stageOne, "ada")
		h.publish(stageTwo, "bob")
		h.join(stageOne, "idle")
		h.disconnect(stageTwo, "ada") // barred there
		h.publish(stageOne, "cyd")
		refused := func(what string, r live.Replication, want live.Kind) {
			t.Helper()
			a := h.replicating(live.ReplicationStart, r)
			if a.Refused == nil || a.Refused.Kind != want {
				t.Errorf("%s gives %+v, want kind %d", what, a.Refused, want)
			}
		}
		refused("barred there", h.replication("r", stageOne, stageTwo, "ada"), live.Denied)
		refused("nobody", h.replication("r", stageOne, stageTwo, "nobody"), live.NotFound)
		refused("idle", h.replication("r", stageOne, stageTwo, "idle"), live.Conflict)
		over := h.replication("r", stageOne, stageTwo, "cyd")
		over.SourceSession = "st-another0000"
		refused("another session", over, live.NotFound)
		elsewhere := h.replication("r", stageOne, stageTwo, "cyd")
		elsewhere.DestinationStage.Account = "999999999999"
		refused("another account's stage of that id", elsewhere, live.NotFound)
		h.started(h.replication("r1", stageOne, stageTwo, "cyd"))
		refused("it is there", h.replication("r2", stageOne, stageTwo, "cyd"), live.Conflict)
		refused("the replica", h.replication("r3", stageTwo, stageThen, "cyd"), live.Invalid)
		h.publish(stageThen, "dan")
		refused("the stage is full", h.replication("r5", stageThen, stageTwo, "dan"), live.Exhausted)
		h.started(h.replication("r6", stageOne, stageThen, "cyd"))
		refused("the node is full", h.replication("r7", stageOne, "stageLast004", "cyd"), live.Exhausted)
		h.grants(func(live.OpenSession) (live.SessionGrant, error) {
			return live.SessionGrant{Refused: live.StageNotFound, Message: "gone"}, nil
		})
		h.replicating(live.ReplicationStop, h.replication("r6", stageOne, stageThen, "cyd"))
		refused("the destination is gone", h.replication("r8", stageOne, "stageLast004", "cyd"), live.NotFound)
		if s := h.host.lookup(stageOne); s.roster.Replicates("r8") || !s.roster.Replicates("r1") {
			t.Error("a refusal left something behind, or took something away")
		}
	})
}

// Two stages that show each other's participants, start and stop at once, publish and leave: nothing waits for ever.
func TestReplication_BothWaysAtOnceDoesNotLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		stages := []live.StageID{stageOne, stageTwo}
		who := map[live.StageID]live.ParticipantID{stageOne: "ada", stageTwo: "bob"}
		for _, s := range stages {
			h.join(s, "viewer")
			h.publish(s, who[s])
		}
		var all sync.WaitGroup
		for i, from := range stages {
			to := stages[1-i]
			all.Go(func() {
				for n := range 50 {
					r := h.replication(string(from)+string(rune('a'+n)), from, to, who[from])
					r.ReconnectWindow = time.Duration(n%2) * time.Second
					h.replicating(live.ReplicationStart, r)
					if n%3 != 0 {
						h.replicating(live.ReplicationStop, r)
					}
				}
			})
			all.Go(func() {
				for range 30 {
					pub, err := h.host.PublishLocal(t.Context(), from, LocalParticipant{ID: who[from]}, []media.Source{
						source{media.Track{ID: "v", Kind: media.Video}},
					})
					if err != nil {
						t.Errorf("publish: %v", err)
						return
					}
					pub.Close()
				}
			})
		}
		all.Wait()
		for _, s := range stages {
			h.disconnect(s, who[s])
		}
		synctest.Wait()
		for _, s := range stages {
			for _, id := range who {
				if _, there := h.shown(s, id); there {
					t.Errorf("%s is still on %s", id, s)
				}
			}
		}
		h.host.links.m.Range(func(id, _ any) bool { t.Errorf("link %s is left", id); return true })
		if n := h.host.counts.publications.Load(); n != 0 {
			t.Errorf("%d publications are counted", n)
		}
	})
}

// A host that drains does not wait for somebody who is only shown, and whose own part is over.
func TestDrain_DoesNotWaitForReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		pub := h.publish(stageOne, "ada")
		r := h.replication("r1", stageOne, stageTwo, "ada")
		r.ReconnectWindow = 5 * time.Minute
		h.started(r)
		drained := make(chan error, 1)
		ctx := t.Context()
		go func() { drained <- h.host.Drain(ctx) }()
		synctest.Wait()
		if a := h.replicating(live.ReplicationStart, h.replication("r2", stageOne, stageThen, "ada")); a.Refused == nil || a.Refused.Reason != live.NoCapacity {
			t.Errorf("while it drains another replication gives %+v", a)
		}
		pub.Close()
		time.Sleep(time.Second)
		select {
		case err := <-drained:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("it waits")
		}
	})
}
