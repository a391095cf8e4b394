package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Main(m,
		// The ACME client limits its rate, and the ACME test server validates, with goroutines that nothing ends.
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// settings makes a Config for a test: every port a free one, data in a folder of its own.
func settings(t *testing.T, args ...string) *config.Config {
	t.Helper()
	c := config.New()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.AddFlags(set)
	args = append([]string{"--data-dir", t.TempDir(), "--http", "127.0.0.1:0", "--media", "127.0.0.1:0"}, args...)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := c.Load(config.Sources{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, c *config.Config) *Node {
	t.Helper()
	n, err := Open(t.Context(), Options{Config: c, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// run runs a node until the test ends, or until the function it returns is called, which returns Run's error.
func run(t *testing.T, n *Node) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		http.DefaultClient.CloseIdleConnections()
		return <-done
	}
	t.Cleanup(func() {
		if !stopped {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
	<-n.Ready()
	return stop
}

func get(t *testing.T, url string, header ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

func TestNode_EachPathHasItsOwner(t *testing.T) {
	n := open(t, settings(t))
	run(t, n)
	at := "http://" + n.HTTP().String()
	for _, tc := range []struct {
		path   string
		header []string
		status int
		want   string // in the body, or the header Location
	}{
		{path: "/healthz", status: 200, want: "ok"},
		{path: "/readyz", status: 200, want: `"ready":true`},
		{path: "/metrics", status: 200, want: "proscenium_participants 0"},
		{path: "/debug/pprof/", status: 404},
		{path: "/console/", status: 200, want: "<!doctype html"},
		{path: "/console/watch", status: 200, want: "<!doctype html"},
		{path: "/console", status: 308, want: "/console/"},
		{path: "/", header: []string{"Accept", "text/html,*/*"}, status: 302, want: "/console/"},
		{path: "/", status: 404, want: "UnknownOperationException"},
		{path: "/nothing/here", status: 404, want: "UnknownOperationException"},
		{path: "//healthz", status: 404, want: "UnknownOperationException"},
		{path: "/tags/arn%3Aaws%3Aivs%3Aus-east-1%3A000000000000%3Astage%2Fx", status: 403, want: "Missing Authentication Token"},
		{path: "/whip", status: 405},
	} {
		status, header, body := get(t, at+tc.path, tc.header...)
		found := strings.Contains(strings.ToLower(body+header.Get("Location")), strings.ToLower(tc.want)) ||
			strings.Contains(header.Get("X-Amzn-Errortype"), tc.want)
		if status != tc.status || !found {
			t.Errorf("%s answers %d %q %v, want %d with %q", tc.path, status, body, header, tc.status, tc.want)
		}
	}
}

func TestNode_IsReadyFromRunUntilItDrains(t *testing.T) {
	n := open(t, settings(t))
	ask := func() int {
		w := httptest.NewRecorder()
		n.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("before Run readyz answers %d", got)
	}
	stop := run(t, n)
	if got := ask(); got != http.StatusOK {
		t.Errorf("readyz answers %d, want 200", got)
	}
	began := time.Now()
	if err := stop(); err != nil {
		t.Errorf("Run ends with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("an empty node took %s to stop", took)
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("after Run readyz answers %d", got)
	}
}

func TestNode_HealthDependsOnNothingOutside(t *testing.T) { // row 45
	n := open(t, settings(t))
	run(t, n)
	if err := errors.Join(n.store.Close(), n.bus.Close()); err != nil {
		t.Fatal(err)
	}
	at := "http://" + n.HTTP().String()
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _, body := get(t, at+path); status != http.StatusOK {
			t.Errorf("without database and bus %s answers %d %s", path, status, body)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, want := range []string{`proscenium_dependency_up{dependency="database"} 0`, `proscenium_dependency_up{dependency="bus"} 0`} {
		for {
			_, _, body := get(t, at+"/metrics") // it asks every few seconds
			if strings.Contains(body, want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("metrics do not say %s", want)
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-t.Context().Done():
			}
		}
	}
}

func TestNode_DemoGivesALink(t *testing.T) {
	n := open(t, settings(t, "--demo"))
	run(t, n)
	select {
	case link := <-n.DemoLink():
		if !strings.HasPrefix(link, n.PublicURL()+"/console/watch#ey") {
			t.Errorf("the link is %s", link)
		}
	case <-time.After(time.Minute):
		t.Fatal("no link")
	}
}

func TestNode_RefusesPortsAndFoldersInUseByName(t *testing.T) {
	n := open(t, settings(t))
	run(t, n)
	media := n.media.transport.Addrs()[0].String()
	for _, tc := range []struct{ args, want []string }{
		{[]string{"--http", n.HTTP().String()}, []string{"http " + n.HTTP().String(), "address already in use", "--http"}},
		{[]string{"--media", media}, []string{"media " + media, "address already in use", "--media"}},
		{[]string{"--data-dir", n.DataDir()}, []string{"data_dir", "in use by another server, process ", n.DataDir(), "--data-dir"}},
		{[]string{"--roles", "media"}, []string{"roles", "api"}},
	} {
		other, err := Open(t.Context(), Options{Config: settings(t, tc.args...), Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			t.Errorf("%q: opened", tc.args)
			_ = other.Close()
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v does not say %q", tc.args, err, want)
			}
		}
	}
}

func TestNode_ThrottlesOnlyWithQuotasOfAWS(t *testing.T) {
	for _, tc := range []struct {
		quotas    string
		throttled bool
	}{{"open", false}, {"aws", true}} {
		n := open(t, settings(t, "--quotas", tc.quotas))
		stop := run(t, n)
		throttled := false
		for range 40 {
			status, _ := call(t, n, "ListStages", `{}`)
			throttled = throttled || status == http.StatusTooManyRequests
		}
		if throttled != tc.throttled {
			t.Errorf("quotas %s: throttled is %t", tc.quotas, throttled)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

func call(t *testing.T, n *Node, operation, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.PublicURL()+"/"+operation, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	keys := n.Credentials()
	sigv4.Signer{
		Key:    sigv4.OneKey{AccessKeyID: keys.AccessKeyID, SecretKey: string(keys.SecretAccessKey)},
		Region: n.config.Region, Service: "ivs",
	}.Sign(r, []byte(body), time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func TestNode_StagesTellTheirEndpoints(t *testing.T) {
	n := open(t, settings(t, "--public-url", "https://live.example.org", "--region", "eu-west-1", "--account-id", "123456789012"))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/CreateStage", strings.NewReader("{}"))
	r.Host = "live.example.org"
	sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, Region: "eu-west-1", Service: "ivs"}.Sign(r, []byte("{}"), time.Now())
	n.handler.ServeHTTP(w, r)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	var out struct {
		Stage struct {
			Arn       string
			Endpoints map[string]string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if !strings.HasPrefix(out.Stage.Arn, "arn:aws:ivs:eu-west-1:123456789012:stage/") {
		t.Errorf("the ARN is %s", out.Stage.Arn)
	}
	for name, want := range map[string]string{
		"events": "wss://live.example.org/events", "whip": "https://live.example.org/whip", "rtmp": "rtmp://live.example.org:1935/app/",
	} {
		if got := out.Stage.Endpoints[name]; got != want {
			t.Errorf("endpoint %s is %q, want %q", name, got, want)
		}
	}
}

// Row 7: headers that are too large are refused, and HTTP/2 is not spoken at all.
func TestNode_BoundsHeadersAndSpeaksHTTP1Only(t *testing.T) {
	n := open(t, settings(t))
	run(t, n)
	for _, tc := range []struct{ sent, want string }{
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 404"}, // a path like any other
		{"GET /healthz HTTP/1.1\r\n\r\n", "400"},             // no Host
	} {
		if got := exchange(t, n.HTTP().String(), tc.sent); !strings.Contains(got, tc.want) {
			t.Errorf("%.20q is answered %q, want %s", tc.sent, got, tc.want)
		}
	}
}

// Row 7: whoever dribbles a header is cut off, and others are served meanwhile.
func TestNode_IsPatientWithHeadersForAWhileOnly(t *testing.T) {
	n := open(t, settings(t))
	server := n.server()
	if server.ReadHeaderTimeout <= 0 || server.ReadHeaderTimeout > 15*time.Second || server.ReadTimeout <= 0 ||
		server.WriteTimeout <= 0 || server.IdleTimeout <= 0 {
		t.Errorf("patience is not bounded: %+v", server)
	}
	server.ReadHeaderTimeout = 50 * time.Millisecond // the mechanism is net/http's; this says that it is in use
	go func() { _ = server.Serve(n.listen) }()
	defer func() {
		_ = server.Close()
		_ = n.Close()
	}()
	if got := exchange(t, n.HTTP().String(), "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "); got != "" {
		t.Errorf("half a header is answered %q", got)
	}
}

// exchange sends bytes and returns the first line that comes back, "" if the connection is closed without one.
func exchange(t *testing.T, addr, sent string) string {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, sent) // the far end may have closed already
	line, err := bufio.NewReader(conn).ReadString('\n')
	var timeout net.Error
	if err != nil && strings.Contains(err.Error(), "i/o timeout") {
		t.Errorf("nothing came back: %v", timeout)
	}
	return strings.TrimSpace(line)
}

// Row 46: over the limit of connections newcomers wait, and those who are there are served.
func TestNode_BoundsConnections(t *testing.T) {
	n := open(t, settings(t, "--max-sockets", "1"))
	run(t, n)
	var d net.Dialer
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := d.DialContext(t.Context(), "tcp", n.HTTP().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	const ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	first, fromFirst := dial()
	second, fromSecond := dial()
	defer second.Close()
	for _, conn := range []net.Conn{first, second} {
		if _, err := io.WriteString(conn, ask); err != nil {
			t.Fatal(err)
		}
	}
	if line, err := fromFirst.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("the first is answered %q, %v", line, err)
	}
	first.Close()
	if line, err := fromSecond.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("after the first has gone the second is answered %q, %v", line, err)
	}
}

func TestNode_APanicIsAnsweredAndLogged(t *testing.T) {
	var log strings.Builder
	n := &Node{log: slog.New(slog.NewTextHandler(&log, nil))}
	w := httptest.NewRecorder()
	n.recovered(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("belief broken") })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "belief") || !strings.Contains(log.String(), "belief broken") {
		t.Errorf("answered %d %q, logged %q", w.Code, w.Body, log.String())
	}
}
