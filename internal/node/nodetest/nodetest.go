// Package nodetest starts whole nodes for tests: journeys through everything that a client meets.
//
// Start owns the node and its goroutines, and ends both with the test. Free ports and a data directory of the
// test's own let nodes run side by side. Nothing here knows what a test is about.
package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// Node is a running node with the credentials test and test.
type Node struct {
	*node.Node
	URL string // of the API and everything else on the HTTP listener

	t      testing.TB
	log    *testLog
	cancel context.CancelFunc
	done   chan struct{}
}

// Start runs a node until the test ends. Each change is made to its configuration first.
func Start(t testing.TB, changes ...func(*config.Config)) *Node {
	t.Helper()
	c := config.New()
	c.DataDir = t.TempDir()
	c.HTTP, c.Media, c.RTMP = "127.0.0.1:0", []string{"127.0.0.1:0"}, "127.0.0.1:0"
	c.DrainTimeout = 0
	for _, change := range changes {
		change(c)
	}
	written := &testLog{t: t, news: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(written, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opened, err := node.Open(t.Context(), node.Options{Config: c, Log: log})
	if err != nil {
		t.Fatalf("open node: %v", err)
	}
	n := &Node{Node: opened, URL: "http://" + opened.HTTP().String(), t: t, log: written, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() {
		defer close(n.done)
		if err := opened.Run(ctx); err != nil {
			t.Errorf("run node: %v", err)
		}
	}()
	t.Cleanup(n.Stop)
	select {
	case <-opened.Ready():
	case <-n.done:
		t.Fatal("node ended before it was ready")
	case <-time.After(20 * time.Second):
		t.Fatal("node was not ready within 20 s")
	}
	return n
}

// Stop ends the node, and returns when it has ended. The test's end does it too.
func (n *Node) Stop() {
	n.cancel()
	<-n.done
	http.DefaultClient.CloseIdleConnections()
}

// Call calls an operation of the AWS API and fails the test unless it answers 200. out may be nil.
func (n *Node) Call(operation string, in, out any) {
	n.t.Helper()
	if err := n.call(operation, in, out); err != nil {
		n.t.Fatalf("%s: %v", operation, err)
	}
}

func (n *Node) call(operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.URL+"/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	sigv4.Signer{
		Key: sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, Region: "us-east-1", Service: "ivs",
	}.Sign(req, body, time.Now())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	reply, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, reply)
	}
	if out == nil || len(reply) == 0 {
		return nil
	}
	return json.Unmarshal(reply, out)
}

// CreateStage makes a stage and returns its ARN.
func (n *Node) CreateStage() string {
	n.t.Helper()
	var out struct{ Stage struct{ ARN string } }
	n.Call("CreateStage", map[string]string{}, &out)
	return out.Stage.ARN
}

// Token issues a participant token for the stage; without capabilities it has both.
func (n *Node) Token(stage, userID string, capabilities ...string) string {
	n.t.Helper()
	in := map[string]any{"stageArn": stage, "userId": userID}
	if len(capabilities) > 0 {
		in["capabilities"] = capabilities
	}
	var out struct{ ParticipantToken struct{ Token string } }
	n.Call("CreateParticipantToken", in, &out)
	return out.ParticipantToken.Token
}

// Logged waits until the node has logged the text, and fails the test if it does not within 20 s.
func (n *Node) Logged(text string) {
	n.t.Helper()
	deadline := time.After(20 * time.Second)
	for !n.log.has(text) {
		select {
		case <-n.log.news:
		case <-deadline:
			n.t.Fatalf("node did not log %q", text)
		}
	}
}

// testLog writes what the node logs to the test's own log, and remembers it.
type testLog struct {
	t    testing.TB
	news chan struct{} // gets something when a line was written

	mu    sync.Mutex // guards what follows
	lines []string
}

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimRight(p, "\n"))
	l.mu.Lock()
	l.lines = append(l.lines, string(p))
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *testLog) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, text) })
}
