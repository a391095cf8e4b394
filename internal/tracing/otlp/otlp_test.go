package otlp

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collect serves what a collector does, and hands on the spans it gets.
func collect(t *testing.T) (endpoint string, spans chan *traces.Span) {
	t.Helper()
	spans = make(chan *traces.Span, 64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		var in collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &in); err != nil {
			t.Error(err)
		}
		for _, r := range in.ResourceSpans {
			for _, scope := range r.ScopeSpans {
				for _, span := range scope.Spans {
					spans <- span
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s.URL, spans
}

func open(t *testing.T, endpoint string, ratio float64) *Exporter {
	t.Helper()
	e, err := Open(t.Context(), Options{Endpoint: endpoint, Ratio: ratio, Node: "n", Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExporter_SendsSpansWithTheirParents(t *testing.T) {
	endpoint, spans := collect(t)
	e := open(t, endpoint, 1)
	_, root := e.Tracer().Start(t.Context(), "join")
	child := root.Child("verify token")
	child.Fail("TOKEN_EXPIRED")
	child.End()
	began := time.Now().Add(-time.Second)
	root.Past("ice", began, began.Add(time.Millisecond))
	root.End()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]*traces.Span{}
	for range 3 {
		s := <-spans
		got[s.Name] = s
	}
	join := got["join"]
	if join == nil || got["verify token"] == nil || got["ice"] == nil {
		t.Fatalf("spans are %v", got)
	}
	if string(got["verify token"].ParentSpanId) != string(join.SpanId) || string(got["ice"].ParentSpanId) != string(join.SpanId) {
		t.Error("children are not below their parent")
	}
	if s := got["verify token"].Status; s.Code != traces.Status_STATUS_CODE_ERROR || s.Message != "TOKEN_EXPIRED" {
		t.Errorf("the failed span's status is %v", s)
	}
	if d := got["ice"].EndTimeUnixNano - got["ice"].StartTimeUnixNano; d != uint64(time.Millisecond) {
		t.Errorf("what is past took %d ns", d)
	}
}

func TestExporter_RecordsNothingAtRatio0(t *testing.T) {
	endpoint, spans := collect(t)
	e := open(t, endpoint, 0)
	_, root := e.Tracer().Start(t.Context(), "join")
	root.Child("state").End()
	root.End()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if len(spans) != 0 {
		t.Errorf("%d spans were sent", len(spans))
	}
}

func TestExporter_NobodyWaitsForACollectorThatIsGone(t *testing.T) {
	e := open(t, "http://127.0.0.1:1", 1)
	began := time.Now()
	for range 3 * maxWaiting {
		_, span := e.Tracer().Start(t.Context(), "join")
		span.End()
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d spans took %v", 3*maxWaiting, took)
	}
	_ = e.Close() // the point is that it ends
}

func TestOpen_RefusesWhatIsNoURL(t *testing.T) {
	for _, endpoint := range []string{"", "collector", "://", "http://"} {
		if _, err := Open(t.Context(), Options{Endpoint: endpoint}); err == nil {
			t.Errorf("endpoint %q is taken", endpoint)
		}
	}
}
