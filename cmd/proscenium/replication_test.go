package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// told is what the API tells of a replication: its state, and the events of both sides, oldest first.
type told struct {
	state, source, replica, told string
}

// replicationOf asks for it. The source's session and participant are known.
func replicationOf(t *testing.T, s *server, stage, session, participant, destination string) (out told) {
	t.Helper()
	call := func(operation string, in map[string]any, out any) {
		t.Helper()
		if err := s.caller().call(t.Context(), operation, in, out); err != nil {
			t.Fatal(err)
		}
	}
	events := func(stage, session string) string {
		var all struct{ Events []struct{ Name string } }
		call("ListParticipantEvents", map[string]any{"stageArn": stage, "sessionId": session, "participantId": participant}, &all)
		var names []string
		for _, e := range slices.Backward(all.Events) {
			names = append(names, e.Name)
		}
		return strings.Join(names, " ")
	}
	var list struct {
		Replicas []struct{ ReplicationState, DestinationSessionID string }
	}
	call("ListParticipantReplicas", map[string]any{"sourceStageArn": stage, "participantId": participant}, &list)
	if len(list.Replicas) != 1 {
		t.Fatalf("listed %+v", list)
	}
	var shown struct {
		Participant struct{ State, ReplicationState string }
	}
	there := list.Replicas[0].DestinationSessionID
	call("GetParticipant", map[string]any{"stageArn": destination, "sessionId": there, "participantId": participant}, &shown)
	return told{
		list.Replicas[0].ReplicationState, events(stage, session), events(destination, there),
		shown.Participant.State + " " + shown.Participant.ReplicationState,
	}
}

// What a server shows of one stage on another ends with it, also when it is killed: the next start says so.
func TestServe_EndsReplicationsThroughKill9(t *testing.T) {
	dir := t.TempDir()
	s := serveBinary(t, dir, nil, "--demo")
	call := func(operation string, in map[string]any, out any) {
		t.Helper()
		if err := s.caller().call(t.Context(), operation, in, out); err != nil {
			t.Fatal(err)
		}
	}
	var stages struct {
		Stages []struct{ Arn, ActiveSessionID string }
	}
	var people struct {
		Participants []struct{ ParticipantID, UserID string }
	}
	deadline := time.Now().Add(30 * time.Second)
	published := map[string]any{"filterByPublished": true}
	for tick := time.NewTicker(50 * time.Millisecond); len(people.Participants) == 0; <-tick.C { // until the demo publishes
		if time.Now().After(deadline) {
			t.Fatal("the demo does not publish")
		}
		if call("ListStages", map[string]any{}, &stages); len(stages.Stages) == 1 && stages.Stages[0].ActiveSessionID != "" {
			published["stageArn"], published["sessionId"] = stages.Stages[0].Arn, stages.Stages[0].ActiveSessionID
			call("ListParticipants", published, &people)
		}
	}
	stage, session, participant := stages.Stages[0].Arn, stages.Stages[0].ActiveSessionID, people.Participants[0].ParticipantID
	var made struct{ Stage struct{ Arn string } }
	call("CreateStage", map[string]any{}, &made)
	destination := made.Stage.Arn
	call("StartParticipantReplication", map[string]any{
		"sourceStageArn": stage, "destinationStageArn": destination, "participantId": participant, "reconnectWindowSeconds": 300,
	}, nil)
	got := replicationOf(t, s, stage, session, participant, destination)
	if want := (told{"ACTIVE", "JOINED PUBLISH_STARTED REPLICATION_STARTED", "JOINED PUBLISH_STARTED", "CONNECTED ACTIVE"}); got != want {
		t.Errorf("while it is shown: %+v, want %+v", got, want)
	}
	s.signal(t, unix.SIGKILL)
	s.end(t)

	s = serveBinary(t, dir, nil)
	got = replicationOf(t, s, stage, session, participant, destination)
	want := told{
		"STOPPED", "JOINED PUBLISH_STARTED REPLICATION_STARTED REPLICATION_STOPPED PUBLISH_STOPPED LEFT",
		"JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT", "DISCONNECTED STOPPED",
	}
	if got != want {
		t.Errorf("after the kill: %+v, want %+v", got, want)
	}
	s.signal(t, unix.SIGTERM)
	s.end(t)
}
