package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// heard is what a webhook was told: each event once, in the order of its first coming.
type heard struct {
	mu   sync.Mutex
	seen map[string]bool
	all  []heardEvent
}

type heardEvent struct {
	Resources []string
	Detail    struct {
		Name        string `json:"event_name"`
		At          string `json:"event_time"`
		Participant string `json:"participant_id"`
	}
}

func (h *heard) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	var e heardEvent
	if err != nil || json.Unmarshal(data, &e) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if id := r.Header.Get("Webhook-Id"); !h.seen[id] {
		h.seen[id] = true
		h.all = append(h.all, e)
	}
}

// visit joins a stage, tries to publish what its token does not allow, and leaves; false when the server is gone.
func visit(ctx context.Context, url, token, topic string) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, answer, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/events/"+topic, &websocket.DialOptions{Subprotocols: []string{token}})
	if err != nil {
		return false
	}
	if answer.Body != nil {
		answer.Body.Close()
	}
	defer func() { _ = conn.CloseNow() }()
	if _, _, err := conn.Read(ctx); err != nil { // the state: it is in
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/whip", strings.NewReader("v=0\r\n"))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/sdp")
	refused, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	refused.Body.Close()
	return conn.Close(websocket.StatusNormalClosure, "") == nil
}

// Issue 4, shown by 2: kill -9 during 500 joins and leaves; after a restart every fact that the API reports has its
// event exactly once, in order.
func TestServe_TellsEveryFactOnceThroughKill9(t *testing.T) {
	hook := &heard{seen: map[string]bool{}}
	receiver := httptest.NewServer(hook)
	defer receiver.Close()
	env := []string{
		"PROSCENIUM_EVENTS_ALLOW_PRIVATE=127.0.0.0/8", "PROSCENIUM_LOG_ACCESS=false",
		`PROSCENIUM_EVENTS_TARGETS=[{"name":"hook","kind":"webhook","url":"` + receiver.URL + `"}]`,
	}
	dir := t.TempDir()
	s := serveBinary(t, dir, env)
	arn, ids := eventfulHour(t, s)
	s = serveBinary(t, dir, env)
	want := factsOf(t, s, arn, ids)
	if len(want) == 0 {
		t.Fatal("nothing was written before the kill")
	}
	var targets struct{ Targets []struct{ Behind int64 } }
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		if err := s.caller().operate(t.Context(), http.MethodGet, "/admin/v1/targets", nil, &targets); err != nil {
			t.Fatal(err)
		}
		if targets.Targets[0].Behind == 0 || time.Now().After(deadline) {
			break
		}
	}
	hook.mu.Lock()
	defer hook.mu.Unlock()
	var got, times []string
	for _, e := range hook.all {
		if e.Resources[0] == arn {
			got, times = append(got, e.Detail.Participant+" "+e.Detail.Name), append(times, e.Detail.At)
		}
	}
	if !slices.IsSorted(times) {
		t.Error("they came out of order")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the API tells of %d, the webhook was told %d:\n%q\n%q", len(want), len(got), want, got)
	}
	t.Logf("%d events of %d visitors, each once and in order", len(got), len(ids))
	s.signal(t, unix.SIGTERM)
	s.end(t)
}

// eventfulHour has visitors come and go until the server is killed in the midst of it.
func eventfulHour(t *testing.T, s *server) (arn string, ids []string) {
	t.Helper()
	var made struct{ Stage struct{ Arn string } }
	if err := s.caller().call(t.Context(), "CreateStage", struct{}{}, &made); err != nil {
		t.Fatal(err)
	}
	arn = made.Stage.Arn
	topic := arn[strings.LastIndex(arn, "/")+1:]
	tokens := make(chan string, 500)
	for range 500 {
		var out struct {
			ParticipantToken struct{ Token, ParticipantID string }
		}
		in := map[string]any{"stageArn": arn, "capabilities": []string{"SUBSCRIBE"}}
		if err := s.caller().call(t.Context(), "CreateParticipantToken", in, &out); err != nil {
			t.Fatal(err)
		}
		tokens <- out.ParticipantToken.Token
		ids = append(ids, out.ParticipantToken.ParticipantID)
	}
	close(tokens)
	var visits atomic.Int64
	var killed sync.Once
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for token := range tokens {
				if !visit(t.Context(), s.url, token, topic) {
					return
				}
				if visits.Add(1) == 300 {
					killed.Do(func() { s.signal(t, unix.SIGKILL) })
				}
			}
		})
	}
	wg.Wait()
	s.end(t)
	return arn, ids
}

// factsOf returns those events of participants that the outside is to be told, as the API has them.
func factsOf(t *testing.T, s *server, arn string, ids []string) []string {
	t.Helper()
	var sessions struct{ StageSessions []struct{ SessionID string } }
	if err := s.caller().call(t.Context(), "ListStageSessions", map[string]any{"stageArn": arn}, &sessions); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"PUBLISH_STARTED": "Participant Published", "PUBLISH_STOPPED": "Participant Unpublished", "PUBLISH_ERROR": "Participant Publish Error",
	}
	var facts []string
	for _, session := range sessions.StageSessions {
		for _, id := range ids {
			var out struct{ Events []struct{ Name string } }
			in := map[string]any{"stageArn": arn, "sessionId": session.SessionID, "participantId": id}
			if err := s.caller().call(t.Context(), "ListParticipantEvents", in, &out); err != nil {
				t.Fatal(err)
			}
			all := ""
			for _, e := range out.Events {
				all = fmt.Sprint(e.Name, " ", all)
				if name := names[e.Name]; name != "" {
					facts = append(facts, id+" "+name)
				}
			}
			if all != "" && (!strings.HasPrefix(all, "JOINED ") || !strings.HasSuffix(all, "LEFT ")) {
				t.Errorf("the history of %s is %s", id, all) // who was there when it was killed has left, too
			}
		}
	}
	return facts
}

func TestTargets_AreManagedFromTheShell(t *testing.T) {
	hook := &heard{seen: map[string]bool{}}
	receiver := httptest.NewServer(hook)
	defer receiver.Close()
	dir := t.TempDir()
	s := serveBinary(t, dir, []string{"PROSCENIUM_EVENTS_ALLOW_PRIVATE=127.0.0.0/8"})
	say := func(args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), binary, append(args, "--endpoint", s.url, "--data-dir", dir)...)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for _, step := range []struct{ args, want string }{
		{"targets add a --url " + receiver.URL, "whsec_"},
		{"targets add a --url " + receiver.URL, "already"},
		{"targets add b --url http://169.254.169.254/", "never connected to"},
		{"targets test a", "taken after"},
		{"targets list", "webhook"},
		{"targets rotate a", "whsec_"},
		{"targets replay a --after 0", ""},
		{"targets remove a", ""},
		{"targets remove a", `there is no target "a"`},
		{"events", ""},
		{"events --pattern {", "pattern"},
	} {
		out, err := say(strings.Fields(step.args)...)
		if !strings.Contains(out, step.want) || step.want == "" && (out != "" || err != nil) {
			t.Errorf("%s says %s (%v), want %q", step.args, out, err, step.want)
		}
	}
	if len(hook.all) != 1 || hook.all[0].Detail.Name != "Target Test" {
		t.Errorf("the webhook heard %+v", hook.all)
	}
	s.signal(t, unix.SIGTERM)
	s.end(t)
}
