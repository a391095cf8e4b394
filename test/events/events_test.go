// Package events_test has things happen on a whole node, and looks at what the API and a webhook tell of them.
package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

const (
	patience = 20 * time.Second
	secret   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// delivery is one request of a webhook.
type delivery struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// told is what a webhook was told, of which an event that came twice counts once.
type told struct {
	*httptest.Server
	mu   sync.Mutex
	all  []delivery
	seen map[string]bool
}

func receive(t *testing.T) *told {
	w := &told{seen: map[string]bool{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		d := delivery{map[string]string{}, string(body)}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature", "proscenium-sequence"} {
			d.Headers[name] = r.Header.Get(name)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.seen[d.Headers["webhook-id"]] {
			w.seen[d.Headers["webhook-id"]] = true
			w.all = append(w.all, d)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *told) deliveries() []delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// names returns what came, as name, user and code.
func (w *told) names() []string {
	var out []string
	for _, d := range w.deliveries() {
		var e struct {
			Detail struct {
				Name string `json:"event_name"`
				User string `json:"user_id"`
				Code string `json:"error_code"`
			}
		}
		_ = json.Unmarshal([]byte(d.Body), &e)
		out = append(out, strings.TrimSpace(e.Detail.Name+" "+e.Detail.User+" "+e.Detail.Code))
	}
	return out
}

func within(t *testing.T, what string, holds func() bool) {
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

func join(t *testing.T, token string) *client.Participant {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := client.Join(ctx, token, client.Options{})
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(func() { _ = p.Leave(context.Background()) }) // it may have left
	return p
}

// publish offers picture and sound.
func publish(t *testing.T, p *client.Participant) error {
	t.Helper()
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := client.NewOpusTrack("audio")
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err = p.Publish(ctx, client.PublishOptions{}, video, audio); err == nil {
		for i, payload := range l.Frames[0].Payloads {
			_ = video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i)}, Payload: payload})
		}
	}
	return err
}

// offer posts a body to the WHIP endpoint and returns the status.
func offer(t *testing.T, n *nodetest.Node, token, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL+"/whip", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/sdp")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// history returns a participant's events as the API has them, oldest first.
func history(n *nodetest.Node, stage, session, participant string) []string {
	var out struct {
		Events []struct{ Name, ErrorCode, RemoteParticipantID string }
	}
	n.Call("ListParticipantEvents", map[string]string{"stageArn": stage, "sessionId": session, "participantId": participant}, &out)
	var names []string
	for _, e := range slices.Backward(out.Events) {
		names = append(names, strings.TrimSpace(e.Name+" "+e.ErrorCode))
	}
	return names
}

// One real cause for each event: what the API lists, and what the webhook was told.
func TestEvents_EachHasItsCause(t *testing.T) {
	hook := receive(t)
	n := nodetest.Start(t, func(c *config.Config) {
		c.Events.AllowPrivate = []string{"127.0.0.0/8"}
		c.Events.Targets = config.Secret(`[{"name":"hook","kind":"webhook","url":"` + hook.URL + `","secret":"` + secret + `"}]`)
		c.Quotas.PublishersPerStage.N, c.MaxParticipants = 1, 4
	})
	stage := n.CreateStage()
	tokenOfAda := n.Token(stage, "ada")
	ada := join(t, tokenOfAda)
	if err := publish(t, ada); err != nil {
		t.Fatal(err)
	}
	tokenOfBob := n.Token(stage, "bob", "SUBSCRIBE")
	bob, cyd, dan := join(t, tokenOfBob), join(t, n.Token(stage, "cyd")), join(t, n.Token(stage, "dan", "PUBLISH"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()

	sub, err := bob.Subscribe(ctx, ada.ID(), client.SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Unsubscribe(ctx); err != nil {
		t.Fatal(err)
	}
	if status := offer(t, n, tokenOfBob, "v=0\r\n"); status != http.StatusForbidden {
		t.Errorf("publishing without the capability gives %d", status)
	}
	if err := publish(t, cyd); err == nil {
		t.Error("a second publisher was let in")
	}
	if _, err := dan.Subscribe(ctx, ada.ID(), client.SubscribeOptions{}); err == nil {
		t.Error("subscribing without the capability was let through")
	}
	if _, err := cyd.Subscribe(ctx, "nobody000000", client.SubscribeOptions{}); err == nil {
		t.Error("a publisher that there is not was found")
	}
	tokenOfEve := n.Token(stage, "eve")
	if _, err := client.Join(ctx, tokenOfEve, client.Options{}); err == nil {
		t.Error("a fifth participant was let in")
	}
	if status := offer(t, n, tokenOfAda, "nonsense"); status < 400 {
		t.Errorf("nonsense gives %d", status)
	}
	n.Call("DisconnectParticipant", map[string]string{"stageArn": stage, "participantId": ada.ID()}, nil)
	session := ada.Session()
	for _, p := range []*client.Participant{bob, cyd, dan} {
		if err := p.Leave(ctx); err != nil {
			t.Error(err)
		}
	}
	claims, err := client.ParseToken(tokenOfEve)
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]string{
		ada.ID():           "JOINED, PUBLISH_STARTED, PUBLISH_ERROR INVALID_INPUT, PUBLISH_STOPPED, LEFT",
		bob.ID():           "JOINED, SUBSCRIBE_STARTED, SUBSCRIBE_STOPPED, PUBLISH_ERROR INSUFFICIENT_CAPABILITIES, LEFT",
		cyd.ID():           "JOINED, PUBLISH_ERROR QUOTA_EXCEEDED, SUBSCRIBE_ERROR PUBLISHER_NOT_FOUND, LEFT",
		dan.ID():           "JOINED, SUBSCRIBE_ERROR INSUFFICIENT_CAPABILITIES, LEFT",
		claims.Participant: "JOIN_ERROR QUOTA_EXCEEDED",
	} {
		var got string
		deadline := time.Now().Add(patience)
		for tick := time.NewTicker(20 * time.Millisecond); got != want && time.Now().Before(deadline); <-tick.C {
			got = strings.Join(history(n, stage, session, who), ", ")
		}
		if got != want {
			t.Errorf("the API tells of %s: %s\nwant: %s", who, got, want)
		}
	}
	var shown struct {
		Participant struct {
			Published                           bool
			State, Protocol, SDKVersion, UserID string
		}
	}
	n.Call("GetParticipant", map[string]string{"stageArn": stage, "sessionId": session, "participantId": ada.ID()}, &shown)
	if p := shown.Participant; !p.Published || p.State != "DISCONNECTED" || p.Protocol != "WHIP" || !strings.HasPrefix(p.SDKVersion, "Go-http-client") {
		t.Errorf("ada is shown as %+v", p)
	}

	want := []string{
		"Participant Published ada", "Participant Publish Error bob INSUFFICIENT_CAPABILITIES", "Participant Publish Error cyd QUOTA_EXCEEDED",
		"Participant Publish Error ada INVALID_INPUT", "Participant Unpublished ada",
	}
	within(t, "the webhook", func() bool { return len(hook.names()) >= len(want) })
	if got := hook.names(); !slices.Equal(got, want) {
		t.Errorf("the webhook is told %q\nwant %q", got, want)
	}
	verify(t, hook.deliveries())
}

// verify has the JavaScript library of Standard Webhooks check what came.
func verify(t *testing.T, all []delivery) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("js", "node_modules", "standardwebhooks")); err != nil {
		t.Fatal("the library of Standard Webhooks is not installed: run make test, or npm ci in test/events/js")
	}
	in, err := json.Marshal(map[string]any{"secret": secret, "deliveries": all})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "verify.js")
	node.Dir, node.Stdin = "js", bytes.NewReader(in)
	out, err := node.CombinedOutput()
	if want := fmt.Sprintf("%d verified\n", len(all)); err != nil || string(out) != want {
		t.Errorf("the library says %s (%v), want %s", out, err, want)
	}
}
