package node

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pires/go-proxyproto"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func itoa(n int) string { return strconv.Itoa(n) }

// authority makes certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert, key, x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

// write puts a certificate with the serial number, and its key, into files.
func (a *authority) write(t *testing.T, serial int64, cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// encryptedNode runs a node with a certificate of the authority.
func encryptedNode(t *testing.T, a *authority, args ...string) (n *Node, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	a.write(t, 1, cert, key)
	n = open(t, settings(t, append([]string{"--tls-cert", cert, "--tls-key", key}, args...)...))
	run(t, n)
	return n, cert, key
}

// client trusts the authority, and does not follow redirects.
func (a *authority) client(t *testing.T, h2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool}, ForceAttemptHTTP2: h2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func do(t *testing.T, c *http.Client, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(data)
}

func TestTLS_SpeaksHTTP2AndHTTP1(t *testing.T) {
	a := newAuthority(t)
	n, _, _ := encryptedNode(t, a)
	if !strings.HasPrefix(n.PublicURL(), "https://127.0.0.1:") {
		t.Errorf("the public URL is %s", n.PublicURL())
	}
	for _, h2 := range []bool{true, false} {
		answer, _ := do(t, a.client(t, h2), http.MethodPost, n.PublicURL()+"/ListStages", "{}")
		if answer.ProtoMajor == 2 != h2 || answer.StatusCode != http.StatusForbidden {
			t.Errorf("HTTP/2 %v: %s %s", h2, answer.Proto, answer.Status)
		}
		if answer.Header.Get("Strict-Transport-Security") == "" {
			t.Error("nothing is said of transport security over TLS")
		}
	}
	plain := open(t, settings(t))
	run(t, plain)
	if answer, _ := do(t, a.client(t, true), http.MethodPost, plain.PublicURL()+"/ListStages", "{}"); answer.Header.Get("Strict-Transport-Security") != "" {
		t.Error("transport security is promised without TLS")
	}
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: a.pool, MinVersion: version, MaxVersion: version}}).DialContext(t.Context(), "tcp", n.HTTP().String())
		if err == nil {
			conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

func TestTLS_CarriesStateSockets(t *testing.T) {
	a := newAuthority(t)
	n, _, _ := encryptedNode(t, a)
	c, _, err := websocket.Dial(t.Context(), "wss://"+n.HTTP().String()+"/events/abcdefghijkl", &websocket.DialOptions{
		HTTPClient: a.client(t, false), Subprotocols: []string{"not-a-token"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if _, data, err := c.Read(t.Context()); err != nil || !strings.Contains(string(data), "JOIN_ERROR") {
		t.Errorf("%s, %v", data, err)
	}
}

func TestTLS_ReadsFilesAgainWhenTheyChange(t *testing.T) {
	a := newAuthority(t)
	n, cert, key := encryptedNode(t, a)
	serial := func() int64 {
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: a.pool}}).DialContext(t.Context(), "tcp", n.HTTP().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64() //nolint:forcetypeassert // it is one
	}
	if got := serial(); got != 1 {
		t.Fatalf("serial number %d", got)
	}
	if err := os.WriteFile(cert, []byte("half a certifi"), 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for rewritten, looks := false, 0; ; {
		got := serial()
		switch {
		case !rewritten && got != 1:
			t.Fatalf("with half a file it is %d", got)
		case !rewritten && looks > 60: // more than a second, so the half has been seen
			a.write(t, 2, cert, key)
			rewritten = true
		case rewritten && got == 2:
			return
		}
		looks++
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the new certificate is not in use")
		}
	}
}

func TestTLS_RefusesFilesThatAreNone(t *testing.T) {
	_, err := Open(t.Context(), Options{Config: settings(t, "--tls-cert", "/none/c.pem", "--tls-key", "/none/k.pem"), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "tls_cert and tls_key") || !strings.Contains(err.Error(), "/none/c.pem") {
		t.Errorf("%v", err)
	}
}

func TestRedirect_SendsBrowsersOnAndTellsOthers(t *testing.T) {
	a := newAuthority(t)
	n, _, _ := encryptedNode(t, a, "--http-redirect", "127.0.0.1:0")
	plain, c := "http://"+n.redirectAt.String(), a.client(t, false)
	answer, _ := do(t, c, http.MethodGet, plain+"/console/watch?x=1", "")
	if want := n.PublicURL() + "/console/watch?x=1"; answer.StatusCode != http.StatusPermanentRedirect || answer.Header.Get("Location") != want {
		t.Errorf("%s to %s", answer.Status, answer.Header.Get("Location"))
	}
	if answer, _ := do(t, c, http.MethodGet, plain+"//elsewhere.example.org/", ""); !strings.HasPrefix(answer.Header.Get("Location"), n.PublicURL()+"/") {
		t.Errorf("redirected to %s", answer.Header.Get("Location"))
	}
	for _, target := range []string{"x:@elsewhere.example.org/", "http://elsewhere.example.org/a"} {
		answer := firstWords(t, n.redirectAt.String(), "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if !strings.Contains(answer, "Location: "+n.PublicURL()+"/") || strings.Contains(answer, "elsewhere") && strings.Contains(answer, "@") {
			t.Errorf("%s: %s", target, answer)
		}
	}
	if answer, _ := do(t, c, http.MethodPost, plain+"/CreateStage", "{}"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a call in the clear: %s", answer.Status)
	}
	if answer, _ := do(t, c, http.MethodGet, plain+"/tags/x", "", "Authorization", "Bearer secret"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a secret in the clear: %s", answer.Status)
	}
}

// frames speaks HTTP/2 frame by frame.
func frames(t *testing.T, a *authority, addr string) (*http2.Framer, net.Conn) {
	t.Helper()
	d := &tls.Dialer{Config: &tls.Config{RootCAs: a.pool, NextProtos: []string{"h2"}}}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(conn, bufio.NewReader(conn))
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f, conn
}

func headers(path string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "x"}, {":path", path}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// security.md row 7: streams that are opened and left, and streams that are opened and reset.
func TestSecurityRow7_HTTP2FloodsAreBounded(t *testing.T) {
	a := newAuthority(t)
	n, _, _ := encryptedNode(t, a, "--door-http2-streams", "20")
	t.Run("idle streams", func(t *testing.T) {
		f, _ := frames(t, a, n.HTTP().String())
		for id := uint32(1); id < 2*100; id += 2 { // their bodies never come
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers("/ListStages"), EndHeaders: true}); err != nil {
				t.Fatal(err)
			}
		}
		ended, announced := outcome(t, f, 100)
		if announced != 20 || ended != 100 {
			t.Errorf("%d streams may be open, and of 100 opened %d were answered or refused", announced, ended)
		}
	})
	t.Run("rapid reset", func(t *testing.T) {
		f, conn := frames(t, a, n.HTTP().String())
		gone := make(chan error, 1)
		go func() {
			for {
				frame, err := f.ReadFrame()
				if err != nil {
					gone <- err
					return
				}
				if g, ok := frame.(*http2.GoAwayFrame); ok && g.ErrCode == http2.ErrCodeEnhanceYourCalm {
					gone <- nil
					return
				}
			}
		}()
		for id := uint32(1); id < 2*100_000; id += 2 {
			if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers("/ListStages"), EndHeaders: true}) != nil ||
				f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
				break // the server has had enough
			}
		}
		if err := <-gone; err != nil {
			t.Logf("the connection ended by %v", err)
		}
		conn.Close()
	})
	// Others are served meanwhile and after.
	if answer, _ := do(t, a.client(t, true), http.MethodGet, n.PublicURL()+"/healthz", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("healthz: %s", answer.Status)
	}
}

// outcome waits until so many streams have been answered or refused, and tells how many the server says may be
// open at once.
func outcome(t *testing.T, f *http2.Framer, streams int) (ended int, announced uint32) {
	t.Helper()
	over := map[uint32]bool{}
	for len(over) < streams {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Errorf("after the end of %d streams: %v", len(over), err)
			return len(over), announced
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if n, ok := frame.Value(http2.SettingMaxConcurrentStreams); ok {
				announced = n
			}
		case *http2.RSTStreamFrame:
			over[frame.StreamID] = true
		case *http2.HeadersFrame:
			if frame.StreamEnded() {
				over[frame.StreamID] = true
			}
		case *http2.DataFrame:
			if frame.StreamEnded() {
				over[frame.StreamID] = true
			}
		}
	}
	return len(over), announced
}

func TestDoor_LimitsAreSettings(t *testing.T) {
	n := open(t, settings(t, "--door-header-bytes", "4096", "--door-body-bytes", "16384", "--door-header-timeout", "1s"))
	run(t, n)
	if answer := firstWords(t, n.HTTP().String(), "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 16<<10)); !strings.HasPrefix(answer, "HTTP/1.1 431") {
		t.Errorf("a long header: %s", answer)
	}
	long := "POST /ListStages HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\nConnection: close\r\n\r\n"
	if answer := firstWords(t, n.HTTP().String(), long); !strings.HasPrefix(answer, "HTTP/1.1 413") || !strings.Contains(answer, "16384") {
		t.Errorf("a long body: %s", answer)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", n.HTTP().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, io.EOF) {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("a header that never ends is waited for")
		}
	}
}

// firstWords sends something and returns what comes back until the connection ends, however it does: what is
// not read of a request makes its end a reset.
func firstWords(t *testing.T, addr, sent string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, sent)
	data, _ := io.ReadAll(conn)
	return string(data)
}

func TestClients_AreNamedByTrustedProxiesOnly(t *testing.T) {
	c := clients{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, tc := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"203.0.113.9"}, "192.0.2.1"},
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[::ffff:10.0.0.1]:5", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[fd00::1]:5", []string{"2001:db8::7"}, "2001:db8::7"},
		{"10.0.0.1:5", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},             // the first is the client's own word
		{"10.0.0.1:5", []string{"1.1.1.1", "203.0.113.9, 10.0.0.2"}, "203.0.113.9"}, // over two proxies
		{"10.0.0.1:5", []string{"203.0.113.9:1234"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{"[2001:db8::7]:1234"}, "2001:db8::7"},
		{"10.0.0.1:5", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.9" + strings.Repeat(",10.0.0.2", 1000)}, "10.0.0.2"},
		{"nonsense", []string{"203.0.113.9"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{}}
		for _, f := range tc.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := c.of(r).String(); got != tc.want {
			t.Errorf("%s for %.60v: %s, want %s", tc.remote, tc.forwarded, got, tc.want)
		}
	}
}

// logged is a log that tests read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestProxyProtocol_SpeaksForClientsOfTrustedProxies(t *testing.T) {
	for _, tc := range []struct{ trusted, client string }{{"127.0.0.0/8", "203.0.113.9"}, {"10.0.0.0/8", ""}} {
		log := &logged{}
		n, err := Open(t.Context(), Options{
			Config: settings(t, "--proxy-protocol", "--trusted-proxies", tc.trusted), Log: slog.New(slog.NewTextHandler(log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, n)
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", n.HTTP().String())
		if err != nil {
			t.Fatal(err)
		}
		from := &net.TCPAddr{IP: net.ParseIP("203.0.113.9"), Port: 1}
		to := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}
		if _, err := proxyproto.HeaderProxyFromAddrs(2, from, to).WriteTo(conn); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "POST /ListStages HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(conn) // a reset is an answer, too
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := strings.HasPrefix(string(answer), "HTTP/1.1 403"); got != (tc.client != "") {
			t.Errorf("trusted %s: answered %.40q", tc.trusted, answer)
		}
		if tc.client != "" && !strings.Contains(log.String(), "msg=request client="+tc.client+" ") {
			t.Errorf("the log does not name the client:\n%s", log)
		}
	}
}

func TestProxyProtocol_IsDemandedOfTrustedProxies(t *testing.T) {
	n := open(t, settings(t, "--proxy-protocol", "--trusted-proxies", "127.0.0.0/8"))
	run(t, n)
	if answer := exchange(t, n.HTTP().String(), "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); strings.Contains(answer, "200 OK") {
		t.Errorf("without the header: %q", answer)
	}
}

// security.md rows 13 and 41: nothing of what a client says gets into the access log.
func TestAccessLog_HoldsNothingOfTheClientsChoosing(t *testing.T) {
	log := &logged{}
	n, err := Open(t.Context(), Options{Config: settings(t), Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, n)
	for _, target := range []string{
		"/events/SECRET?token=SECRET", "/whip/sessions/SECRET", "/SECRET\x1b[31m", "/tags/SECRET", "/console/SECRET",
		"/CreateStage?X-Amz-Signature=SECRET", "/whip",
	} {
		r := httptest.NewRequestWithContext(context.Background(), "SECRET", "/", strings.NewReader("SECRET"))
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
		for _, name := range []string{"Authorization", "X-Amz-Security-Token", "User-Agent", "Referer", "X-Forwarded-For", "Sec-Websocket-Protocol"} {
			r.Header.Set(name, "SECRET")
		}
		n.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	if status, _ := call(t, n, "CreateStage", `{}`); status != http.StatusOK {
		t.Error(status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "SECRET") || strings.Contains(log.String(), "\x1b") {
		t.Errorf("the log holds it:\n%s", log)
	}
	line := regexp.MustCompile(`msg=request client=127\.0\.0\.1 protocol=HTTP/1\.1 method=POST path="" operation=CreateStage status=200 bytes=\d+ duration=\S+ request_id=[0-9a-f-]{36} access_key_id=test\n`)
	if !line.MatchString(log.String()) {
		t.Errorf("no line for the call:\n%s", log)
	}
}

func TestAccessLog_CanBeOff(t *testing.T) {
	log := &logged{}
	n, err := Open(t.Context(), Options{Config: settings(t, "--log-access=false"), Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, n)
	call(t, n, "ListStages", `{}`)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "msg=request") {
		t.Error("it is written all the same")
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.2", "10.0.0.1:5")
	f.Add("[2001:db8::7]:80,,,", "[fd00::1]:5")
	f.Fuzz(func(t *testing.T, header, remote string) {
		c := clients{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {header}}}
		from, _ := netip.ParseAddrPort(remote)
		if got := c.of(r); !c.trusts(from.Addr()) && got != from.Addr().Unmap() {
			t.Fatalf("%q names %s for %q", header, got, remote)
		}
	})
}
