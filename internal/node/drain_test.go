package node

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// frame is one frame of the signalling (docs/signalling.md).
type frame struct {
	Type    string
	Payload struct{ Reason, Code string }
}

// joinSocket opens a state socket with a fresh token for the stage and returns how to read its next frame.
func joinSocket(t *testing.T, n *Node, stage string) (next func() (frame, error)) {
	t.Helper()
	var made struct{ ParticipantToken struct{ Token string } }
	status, body := call(t, n, "CreateParticipantToken", `{"stageArn":"`+stage+`"}`)
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	topic := stage[strings.LastIndex(stage, "/")+1:]
	conn, answer, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(n.PublicURL(), "http")+"/events/"+topic,
		&websocket.DialOptions{Subprotocols: []string{made.ParticipantToken.Token}})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body != nil {
		answer.Body.Close()
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return func() (frame, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, data, err := conn.Read(ctx)
		if err != nil {
			return frame{}, err
		}
		var f frame
		return f, json.Unmarshal(data, &f)
	}
}

func newStage(t *testing.T, n *Node) string {
	t.Helper()
	var made struct{ Stage struct{ Arn string } }
	status, body := call(t, n, "CreateStage", `{"name":"s"}`)
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return made.Stage.Arn
}

func expect(t *testing.T, next func() (frame, error), want frame) {
	t.Helper()
	got, err := next()
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestNode_DrainRefusesNewcomersAndTakesLeaveOfThoseWhoAreThere(t *testing.T) {
	n := open(t, settings(t, "--drain-timeout", "3s"))
	stop := run(t, n)
	stage := newStage(t, n)
	there := joinSocket(t, n, stage)
	expect(t, there, frame{Type: "STAGE_STATE"})

	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	// While someone is there the node drains: it answers, but is not ready and takes nobody new.
	for status := 200; status != http.StatusServiceUnavailable; {
		status, _, _ = get(t, n.PublicURL()+"/readyz")
	}
	late := joinSocket(t, n, stage)
	refused := frame{Type: "JOIN_ERROR"}
	refused.Payload.Code = "SERVER_DRAINING"
	expect(t, late, refused)

	leave := frame{Type: "FORCED_LEAVE"}
	leave.Payload.Reason = "server-draining"
	expect(t, there, leave)
	if _, err := there(); websocket.CloseStatus(err) != 4410 {
		t.Errorf("the socket ends with %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run ends with %v", err)
	}
	if took := time.Since(began); took < 2*time.Second || took > 12*time.Second {
		t.Errorf("with someone there the node took %s to stop", took)
	}
}

func TestNode_WithoutTheRoleMediaServesTheAPI(t *testing.T) {
	n := open(t, settings(t, "--roles", "api"))
	run(t, n)
	newStage(t, n)
	if status, _, body := get(t, n.PublicURL()+"/readyz"); status != http.StatusOK || strings.Contains(body, "media") {
		t.Errorf("readyz answers %d %s", status, body)
	}
	for _, path := range []string{"/whip", "/events/AbCdEfGhIjKl"} {
		if status, _, body := get(t, n.PublicURL()+path); status != http.StatusServiceUnavailable || !strings.Contains(body, "role media") {
			t.Errorf("%s answers %d %s", path, status, body)
		}
	}
}
