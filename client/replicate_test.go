package client_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// sees waits until a participant sees another as it should be.
func sees(t *testing.T, who *client.Participant, id, what string, right func(client.Info, bool) bool) {
	t.Helper()
	eventually(t, what, func() bool { return right(who.Lookup(id)) })
}

func publishing(p client.Info, there bool) bool { return there && p.Publishing }

// onAir waits until the stage knows that the participant publishes: its own end of the media path may be up a moment before.
func onAir(t *testing.T, p *client.Participant) {
	t.Helper()
	sees(t, p, p.ID(), "the publication", publishing)
}

func gone(_ client.Info, there bool) bool { return !there }

// replication is a replication as the API names it.
type replication struct {
	Source      string            `json:"sourceStageArn"`
	Destination string            `json:"destinationStageArn"`
	Participant string            `json:"participantId"`
	Window      int               `json:"reconnectWindowSeconds,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
}

// replicas returns a participant's replications, latest first: the destination's session, and the state.
func replicas(n *nodetest.Node, stage, participant string) (sessions, states []string) {
	var out struct {
		Replicas []struct{ DestinationSessionID, ReplicationState string }
	}
	n.Call("ListParticipantReplicas", map[string]string{"sourceStageArn": stage, "participantId": participant}, &out)
	for _, r := range out.Replicas {
		sessions, states = append(sessions, r.DestinationSessionID), append(states, r.ReplicationState)
	}
	return sessions, states
}

// eventNames returns a participant's events, oldest first; those of replicas have a star.
func eventNames(n *nodetest.Node, stage, session, participant string) string {
	var out struct {
		Events []struct {
			Name    string
			Replica bool
		}
	}
	n.Call("ListParticipantEvents", map[string]string{"stageArn": stage, "sessionId": session, "participantId": participant}, &out)
	var names []string
	for _, e := range slices.Backward(out.Events) {
		if e.Replica {
			e.Name += "*"
		}
		names = append(names, e.Name)
	}
	return strings.Join(names, " ")
}

// Ada is shown on a stage where nobody was, and is watched on both at once; her mute reaches both; she comes back within
// the window; and it ends with the stage. Bob is shown the other way meanwhile.
func TestReplication_IsWatchedOnBothStages(t *testing.T) {
	n := nodetest.Start(t)
	one, two := n.CreateStage(), n.CreateStage()
	ada := join(t, n.Token(one, "Ada", "PUBLISH"), client.Options{})
	pub := show(t, ada)
	onAir(t, ada)
	eyeOne := join(t, n.Token(one, "eye"), client.Options{})
	there := replication{Source: one, Destination: two, Participant: ada.ID(), Attributes: map[string]string{"role": "guest"}}
	n.Call("StartParticipantReplication", there, nil)
	sessions, states := replicas(n, one, ada.ID())
	if !slices.Equal(states, []string{"ACTIVE"}) {
		t.Fatalf("listed %v", states)
	}
	eyeTwo := join(t, n.Token(two, "eye"), client.Options{})
	if eyeTwo.Session() != sessions[0] {
		t.Errorf("the session is %s, the API says %s", eyeTwo.Session(), sessions[0])
	}
	if p, ok := eyeTwo.Lookup(ada.ID()); !ok || !p.Publishing || p.UserID != "Ada" || p.Attributes["role"] != "guest" {
		t.Fatalf("the replica is %+v, %t", p, ok)
	}
	subOne, kindsOne := watch(t, eyeOne, ada.ID())
	subTwo, kindsTwo := watch(t, eyeTwo, ada.ID())
	both(t, kindsOne)
	both(t, kindsTwo)

	bob := join(t, n.Token(two, "Bob", "PUBLISH"), client.Options{})
	show(t, bob)
	onAir(t, bob)
	n.Call("StartParticipantReplication", replication{Source: two, Destination: one, Participant: bob.ID()}, nil)
	sees(t, eyeOne, bob.ID(), "the way back", publishing)
	_, kindsBob := watch(t, eyeOne, bob.ID())
	both(t, kindsBob)

	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := ada.SetMuted(ctx, true, false); err != nil {
		t.Fatal(err)
	}
	sees(t, eyeTwo, ada.ID(), "the mute", func(p client.Info, _ bool) bool { return p.AudioMuted })

	type side struct{ ReplicationType, ReplicationState, SourceStageARN, SourceSessionID, State, Protocol, UserID string }
	get := func(stage, session, id string) side {
		var out struct{ Participant side }
		n.Call("GetParticipant", map[string]string{"stageArn": stage, "sessionId": session, "participantId": id}, &out)
		return out.Participant
	}
	if p := get(one, ada.Session(), ada.ID()); p.ReplicationType != "SOURCE" || p.ReplicationState != "ACTIVE" || p.SourceStageARN != "" {
		t.Errorf("the source is %+v", p)
	}
	if p, want := get(two, sessions[0], ada.ID()), (side{"REPLICA", "ACTIVE", one, ada.Session(), "CONNECTED", "WHIP", "Ada"}); p != want {
		t.Errorf("the replica is %+v, want %+v", p, want)
	}

	n.Call("StopParticipantReplication", there, nil)
	ended(t, subTwo.Done())
	sees(t, eyeTwo, ada.ID(), "the end", gone)
	select {
	case <-subOne.Done():
		t.Error("the source's own viewer is cut off")
	default:
	}

	// Away and back within the window.
	there.Window = 60
	n.Call("StartParticipantReplication", there, nil)
	sees(t, eyeTwo, ada.ID(), "the replica again", publishing)
	if err := pub.Unpublish(ctx); err != nil {
		t.Fatal(err)
	}
	sees(t, eyeTwo, ada.ID(), "the pause", gone)
	if _, states := replicas(n, one, ada.ID()); !slices.Equal(states, []string{"ACTIVE", "STOPPED"}) {
		t.Errorf("in the window: %v", states)
	}
	show(t, ada)
	sees(t, eyeTwo, ada.ID(), "the return", publishing)
	_, kindsTwo = watch(t, eyeTwo, ada.ID())
	both(t, kindsTwo)

	n.Call("DeleteStage", map[string]string{"arn": two}, nil)
	ended(t, eyeTwo.Done())
	ended(t, bob.Done())
	if _, states := replicas(n, one, ada.ID()); !slices.Equal(states, []string{"STOPPED", "STOPPED"}) {
		t.Errorf("without the destination: %v", states)
	}
	sees(t, eyeOne, bob.ID(), "the end of what came from there", gone)
	eventually(t, "the replica's events", func() bool {
		return eventNames(n, two, sessions[0], ada.ID()) == "JOINED* PUBLISH_STARTED* PUBLISH_STOPPED* LEFT* JOINED* "+
			"PUBLISH_STARTED* PUBLISH_STOPPED* PUBLISH_STARTED* PUBLISH_STOPPED* LEFT*"
	})
	eventually(t, "the viewer's events", func() bool {
		return eventNames(n, two, sessions[0], eyeTwo.Claims().Participant) ==
			"JOINED SUBSCRIBE_STARTED* SUBSCRIBE_STOPPED* SUBSCRIBE_STARTED* SUBSCRIBE_STOPPED* LEFT"
	})
	eventually(t, "the source's events", func() bool {
		return eventNames(n, one, ada.Session(), ada.ID()) == "JOINED PUBLISH_STARTED REPLICATION_STARTED REPLICATION_STOPPED "+
			"REPLICATION_STARTED PUBLISH_STOPPED PUBLISH_STARTED REPLICATION_STOPPED"
	})
}

// What an exchange at the source changes is seen on the destination, under what the call said.
func TestReplication_FollowsAnExchange(t *testing.T) {
	n := nodetest.Start(t)
	i := newIssuer(t, n)
	one, two := n.CreateStage(), n.CreateStage()
	ada := join(t, i.sign(i.claims(one, "ada")), client.Options{})
	show(t, ada)
	onAir(t, ada)
	n.Call("StartParticipantReplication", replication{
		Source: one, Destination: two, Participant: "ada", Attributes: map[string]string{"role": "guest"},
	}, nil)
	eye := join(t, n.Token(two, "eye"), client.Options{})
	c := i.claims(one, "ada")
	c["user_id"], c["attributes"] = "Lovelace", map[string]string{"role": "judge", "seat": "2"}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ada.Exchange(ctx, i.sign(c)); err != nil {
		t.Fatal(err)
	}
	sees(t, eye, "ada", "the new name and attributes", func(p client.Info, _ bool) bool {
		return p.UserID == "Lovelace" && p.Attributes["role"] == "guest" && p.Attributes["seat"] == "2"
	})
	sessions, _ := replicas(n, one, "ada")
	var out struct {
		Participant struct {
			UserID     string
			Attributes map[string]string
		}
	}
	eventually(t, "the replica's record", func() bool {
		n.Call("GetParticipant", map[string]string{"stageArn": two, "sessionId": sessions[0], "participantId": "ada"}, &out)
		return out.Participant.UserID == "Lovelace" && out.Participant.Attributes["role"] == "guest" && out.Participant.Attributes["seat"] == "2"
	})
}
