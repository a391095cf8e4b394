package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ask(t *testing.T, o Options, path, from string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	New(o).Register(mux)
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = from
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestHealth_AnswersWhateverThePartsSay(t *testing.T) { // row 45
	down := []Part{{"api", func() error { return errors.New("no database") }}}
	w := ask(t, Options{Parts: down}, "/healthz", "203.0.113.9:5", nil)
	if w.Code != http.StatusOK {
		t.Errorf("healthz answers %d", w.Code)
	}
}

func TestReady_Is200ExactlyWhenEveryPartServes(t *testing.T) {
	var broken atomic.Bool
	o := Options{Parts: []Part{
		{"api", func() error {
			if broken.Load() {
				return errors.New("dial postgres://secret-host")
			}
			return nil
		}},
		{"media", func() error { return nil }},
	}}
	for _, down := range []bool{false, true, false} {
		broken.Store(down)
		w := ask(t, o, "/readyz", "203.0.113.9:5", nil)
		want := http.StatusOK
		if down {
			want = http.StatusServiceUnavailable
		}
		if w.Code != want {
			t.Errorf("broken=%t: readyz answers %d, want %d", down, w.Code, want)
		}
		var body readiness
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if body.Ready == down || body.Parts["media"] != "serving" || (body.Parts["api"] == "serving") == down {
			t.Errorf("broken=%t: readyz says %+v", down, body)
		}
		if strings.Contains(w.Body.String(), "secret-host") {
			t.Errorf("readyz tells a stranger why: %s", w.Body)
		}
	}
}

func TestMetrics_AreForAllowedNetworksAskedDirectly(t *testing.T) { // row 45
	for _, tc := range []struct {
		from   string
		header http.Header
		want   int
	}{
		{from: "127.0.0.1:5", want: http.StatusOK},
		{from: "[::1]:5", want: http.StatusOK},
		{from: "[::ffff:127.0.0.1]:5", want: http.StatusOK},
		{from: "203.0.113.9:5", want: http.StatusForbidden},
		{from: "[2001:db8::1]:5", want: http.StatusForbidden},
		{from: "", want: http.StatusForbidden},
		{from: "127.0.0.1:5", header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}, want: http.StatusForbidden},
		{from: "127.0.0.1:5", header: http.Header{"Forwarded": {"for=203.0.113.9"}}, want: http.StatusForbidden},
	} {
		for _, path := range []string{"/metrics", "/debug/pprof/"} {
			o := Options{Metrics: NewMetrics(), Allow: loopback, Pprof: true}
			if w := ask(t, o, path, tc.from, tc.header); w.Code != tc.want {
				t.Errorf("%s from %q with %v answers %d, want %d", path, tc.from, tc.header, w.Code, tc.want)
			}
		}
	}
}

func TestPprof_IsOffUnlessWanted(t *testing.T) { // row 45
	if w := ask(t, Options{Allow: loopback}, "/debug/pprof/", "127.0.0.1:5", nil); w.Code != http.StatusNotFound {
		t.Errorf("profiles answer %d without being wanted", w.Code)
	}
	if w := ask(t, Options{Allow: loopback, Pprof: true}, "/debug/pprof/cmdline", "127.0.0.1:5", nil); w.Code != http.StatusNotFound {
		t.Errorf("the command line answers %d", w.Code)
	}
}

func TestMetrics_TellWhatIsCounted(t *testing.T) {
	m := NewMetrics()
	m.ObserveCall("CreateStage", 200, 3*time.Millisecond)
	m.ObserveCall("", 403, time.Millisecond)
	m.ObserveJoin(StateSent, 200*time.Millisecond)
	m.Add(
		Number{Name: "packets_in_total", Help: "Packets in.", Read: One(func() uint64 { return 7 })},
		Number{Name: "dropped_packets_total", Help: "Drops.", Label: "reason", Read: func() map[string]float64 {
			return map[string]float64{"replay": 2, "stale": 3}
		}},
	)
	m.AddHistogram(Histogram{
		Name: "delay_seconds", Help: "Delay.", Bounds: []float64{.001, .01},
		Read: func() ([]uint64, float64) { return []uint64{3, 2, 1}, 0.5 },
	})
	body := ask(t, Options{Metrics: m, Allow: loopback}, "/metrics", "127.0.0.1:5", nil).Body.String()
	for _, want := range []string{
		`proscenium_delay_seconds_bucket{le="0.01"} 5`,
		`proscenium_delay_seconds_bucket{le="+Inf"} 6`,
		`proscenium_delay_seconds_sum 0.5`,
		`proscenium_api_request_duration_seconds_count{operation="CreateStage",status="2xx"} 1`,
		`proscenium_api_request_duration_seconds_count{operation="unknown",status="4xx"} 1`,
		`proscenium_join_duration_seconds_count{step="state"} 1`,
		`proscenium_packets_in_total 7`,
		`proscenium_dropped_packets_total{reason="replay"} 2`,
		`go_goroutines`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestMetrics_BoundTheValuesOfALabel(t *testing.T) { // row 45: 10^6 names as labels
	m := NewMetrics()
	for i := range 100_000 {
		m.ObserveCall(fmt.Sprintf("Operation%d", i), i, time.Millisecond)
	}
	m.Add(Number{Name: "dropped_packets_total", Help: "Drops.", Label: "reason", Read: func() map[string]float64 {
		out := map[string]float64{}
		for i := range 100_000 {
			out[fmt.Sprint(i)] = 1
		}
		return out
	}})
	m.AddFamily(Family{Name: "crowd", Help: "Crowd.", Labels: []string{"a", "b"}, Read: func(tell func(float64, ...string)) {
		for i := range 100_000 {
			tell(1, "a", fmt.Sprint(i))
		}
	}})
	body := ask(t, Options{Metrics: m, Allow: loopback}, "/metrics", "127.0.0.1:5", nil).Body.String()
	if n := strings.Count(body, "proscenium_crowd{"); n != maxSeries {
		t.Errorf("a family has %d series, want %d", n, maxSeries)
	}
	if n := strings.Count(body, "proscenium_dropped_packets_total{"); n != maxLabels+1 {
		t.Errorf("%d reasons are told apart, want %d and other", n, maxLabels)
	}
	if n := strings.Count(body, "proscenium_api_request_duration_seconds_count{"); n > 6*(maxLabels+1) {
		t.Errorf("%d series of calls", n)
	}
}
