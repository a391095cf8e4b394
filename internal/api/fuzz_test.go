package api_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// FuzzCalls gives signed calls of any method, path, query and body to the whole chain, with the real control plane
// behind it: whatever comes, the answer is no fault of ours and has a request id.
func FuzzCalls(f *testing.F) {
	const stage, ch = `"arn:aws:ivs:us-east-1:123456789012:stage/a"`, `"arn:aws:ivs:us-east-1:123456789012:channel/a"`
	for _, o := range realtime.Table() {
		f.Add(o.Method, o.Path, "tagKeys=a", []byte(`{"name":"a","tags":{"a":"b"},"arn":`+stage+`,"stageArn":`+stage+`,"video":{"width":640}}`))
	}
	for _, o := range channel.Table() {
		f.Add(o.Method, o.Path, "", []byte(`{"name":"a","tags":{"a":"b"},"arn":`+ch+`,"channelArn":`+ch+`,"arns":[`+ch+`],"metadata":"x"}`))
	}
	f.Add("POST", "/tags/arn:aws:ivs:us-east-1:123456789012:channel/a", "", []byte(`{"tags":{"é":"\ud83d\ude00"}}`))
	f.Add("DELETE", "/tags/%2e%2e%2f", "tagKeys=%ff&tagKeys", []byte(`{`))
	f.Add("POST", "/CreateStage", "", []byte(`{"name":1e400,"a":[[[[{}]]]]}`))
	h := newHandler(f)
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		u, err := url.ParseRequestURI("http://localhost/" + strings.TrimPrefix(path, "/"))
		if err != nil || !validMethod(method) {
			return
		}
		u.RawQuery = query
		r, err := http.NewRequestWithContext(t.Context(), method, u.String(), bytes.NewReader(body))
		if err != nil {
			return
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, sign(r, body))
		if w.Code >= 500 || w.Code < 200 || w.Header().Get("X-Amzn-Requestid") == "" {
			t.Fatalf("%s %s %.300q: %d %s", method, u, body, w.Code, w.Body)
		}
	})
}

func validMethod(m string) bool {
	return m != "" && strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && m != http.MethodConnect
}

// newHandler returns the API in front of a real control plane with small quotas, so that fuzzing does not fill the
// disk.
func newHandler(tb testing.TB) http.Handler {
	tb.Helper()
	ctx := tb.Context()
	db, err := store.Open(ctx, store.Options{Path: filepath.Join(tb.TempDir(), "test.db")})
	if err != nil {
		tb.Fatal(err)
	}
	bus := inproc.New()
	svc, err := control.Open(ctx, control.Options{
		Store: db, Bus: bus, Node: live.NewNodeID(), Region: region, Account: account, Quotas: control.AWSQuotas(),
		Endpoints: live.Endpoints{Events: "ws://127.0.0.1/events", WHIP: "http://127.0.0.1/whip", RTMP: "rtmp://127.0.0.1:1935/app/"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, closing := range []func() error{svc.Close, bus.Close, db.Close} {
			if err := closing(); err != nil {
				tb.Error(err)
			}
		}
	})
	return api.New(api.Options{Parts: api.PartsOf(svc), Keys: root, Region: region, Account: account})
}
