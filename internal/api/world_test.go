package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	region  = "us-east-1"
	account = "123456789012"
)

var root = sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}

// world is the API in front of the real control plane, on a new database.
type world struct {
	*httptest.Server
	t   *testing.T
	log *lockedBuffer
}

// lockedBuffer collects a log that many goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newWorld(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	bus := inproc.New()
	svc, err := control.Open(t.Context(), control.Options{
		Store: db, Bus: bus, Node: live.NewNodeID(), Region: region, Account: account,
		Endpoints: live.Endpoints{Events: "ws://127.0.0.1/events", WHIP: "http://127.0.0.1/whip", RTMP: "rtmp://127.0.0.1:1935/app/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	o := api.Options{
		Parts: api.PartsOf(svc),
		Keys:  root, Region: region, Account: account,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&o)
	}
	w := &world{httptest.NewServer(api.New(o)), t, log}
	t.Cleanup(func() {
		w.Close()
		http.DefaultClient.CloseIdleConnections()
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) exception() string { return a.header.Get("X-Amzn-Errortype") }

// at reads a member of the body, by names separated by dots; nil if it is not there.
func (a answer) at(t *testing.T, path string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

func (w *world) request(method, path string, body []byte) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, w.URL+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func sign(r *http.Request, body []byte) *http.Request {
	sigv4.Signer{Key: root, Region: region, Service: "ivs"}.Sign(r, body, time.Now())
	return r
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// call makes a signed call.
func (w *world) call(method, path, body string) answer {
	w.t.Helper()
	return w.send(sign(w.request(method, path, []byte(body)), []byte(body)))
}

func (w *world) post(operation, body string) answer {
	w.t.Helper()
	return w.call(http.MethodPost, "/"+operation, body)
}

// stage makes a stage and returns its ARN.
func (w *world) stage(body string) string {
	w.t.Helper()
	a := w.post("CreateStage", body)
	arn, ok := a.at(w.t, "stage.arn").(string)
	if a.status != http.StatusOK || !ok {
		w.t.Fatalf("CreateStage: %d %s", a.status, a.body)
	}
	return arn
}

func (a answer) want(t *testing.T, status int, exception, part string) {
	t.Helper()
	if a.status != status || a.exception() != exception || !strings.Contains(a.body, part) {
		t.Errorf("want %d %s %q, got %d %s %.300s", status, exception, part, a.status, a.exception(), a.body)
	}
}
