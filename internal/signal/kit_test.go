package signal

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sfu"
	"github.com/proscenium-live/proscenium/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const stageOne = live.StageID("stageOne0001")

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var tokenKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := token.GenerateKey()
	if err != nil {
		panic(err)
	}
	return key
})

// house is a whole media node: real sockets, real host, sfu and rtc; the control plane is a few lines.
type house struct {
	t    *testing.T
	bus  *inproc.Bus
	host *host.Host
	rtc  *rtc.Transport
	sig  *Handler
	url  string // http://127.0.0.1:port
	log  *logBuffer

	mu    sync.Mutex
	facts []live.Fact
	gone  map[live.StageID]bool
}

type houseOptions struct {
	host   func(*host.Options)
	signal func(*Options)
	rtc    func(*rtc.Options)
}

func open(t *testing.T, o houseOptions) *house {
	t.Helper()
	h := &house{t: t, bus: inproc.New(), log: &logBuffer{}, gone: make(map[live.StageID]bool)}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.serveBus()
	ro := rtc.Options{Listen: []string{"127.0.0.1:0"}, Log: log}
	if o.rtc != nil {
		o.rtc(&ro)
	}
	transport, err := rtc.Open(ro)
	if err != nil {
		t.Fatal(err)
	}
	h.rtc = transport
	engine := sfu.NewEngine(sfu.Options{NewBatch: transport.NewBatch, Log: log})
	ho := host.Options{
		Node: "node00000001", Bus: h.bus, Engine: engine, Transport: transport,
		Verifier: token.NewVerifier(&tokenKey().PublicKey), Log: log,
		ReconnectWindow: 10 * time.Second, SessionGrace: 2 * time.Minute,
	}
	if o.host != nil {
		o.host(&ho)
	}
	h.host = host.Open(ho)
	so := Options{Host: h.host, Log: log}
	if o.signal != nil {
		o.signal(&so)
	}
	h.sig = New(so)
	server := httptest.NewServer(h.sig)
	h.url = server.URL

	// What is opened first is closed last.
	media, stopMedia := context.WithCancel(context.Background())
	hosting, stopHosting := context.WithCancel(context.Background())
	var running, hosted sync.WaitGroup
	running.Go(func() { h.check(transport.Run(media)) })
	running.Go(func() { h.check(engine.Run(media)) })
	hosted.Go(func() { h.check(h.host.Run(hosting)) })
	t.Cleanup(func() {
		stopHosting()
		hosted.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		h.sig.Close(ctx)
		server.Close()
		stopMedia()
		running.Wait()
		_ = h.bus.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return h
}

func (h *house) check(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		h.t.Errorf("run: %v", err)
	}
}

func (h *house) serveBus() {
	subscribe := func(subject string, handle bus.Handler) {
		if _, err := h.bus.Subscribe(subject, bus.ControlGroup, handle); err != nil {
			h.t.Fatal(err)
		}
	}
	subscribe(bus.OpenSession, bus.Serve(func(_ context.Context, r live.OpenSession) (live.SessionGrant, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.gone[r.Stage] {
			return live.SessionGrant{Refused: live.StageNotFound, Message: "stage deleted"}, nil
		}
		return live.SessionGrant{Session: live.NewSessionID(), Stage: arnOf(r.Stage).String()}, nil
	}))
	subscribe(bus.SessionClosed, bus.Serve(func(context.Context, live.SessionClosed) (struct{}, error) {
		return struct{}{}, nil
	}))
	subscribe(bus.Facts, bus.Serve(func(_ context.Context, r live.Reports) (struct{}, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.facts = append(h.facts, r.Facts...)
		return struct{}{}, nil
	}))
}

func arnOf(stage live.StageID) live.ARN {
	return live.ARN{Region: "us-east-1", Account: "000000000000", Type: live.TypeStage, ID: string(stage)}
}

func (h *house) claims(id live.ParticipantID) live.Claims {
	now := time.Now()
	return live.Claims{
		Participant: id, Stage: arnOf(stageOne), Topic: stageOne, UserID: "user-" + string(id),
		EventsURL: strings.Replace(h.url, "http", "ws", 1) + "/events", WHIPURL: h.url + "/whip",
		Attributes:   map[string]string{"name": string(id)},
		Capabilities: live.Capabilities{Publish: true, Subscribe: true},
		IssuedAt:     now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour),
	}
}

func (h *house) mint(c live.Claims) string {
	h.t.Helper()
	s, err := token.NewMinter(tokenKey()).Mint(c)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(s)
}

func (h *house) token(id live.ParticipantID) string { return h.mint(h.claims(id)) }

// disconnect and remove do what the control plane does once it has noted its decision.
func (h *house) disconnect(id live.ParticipantID) {
	h.t.Helper()
	h.order(bus.DisconnectParticipant(stageOne), live.DisconnectParticipant{Stage: stageOne, Participant: id, Message: "house rules"})
}

func (h *house) remove(stage live.StageID) {
	h.t.Helper()
	h.mu.Lock()
	h.gone[stage] = true
	h.mu.Unlock()
	h.order(bus.CloseStage(stage), live.CloseStage{Stage: stage})
}

func (h *house) order(subject string, command any) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if _, err := bus.Ask[struct{}](ctx, h.bus, subject, command); err != nil && !errors.Is(err, bus.ErrNobody) {
		h.t.Errorf("%s: %v", subject, err)
	}
}

// until waits for a condition that nothing tells of.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("did not come: %s", what)
		}
	}
}

// client is the client's end of a state socket.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

// frameIn is a frame as a client reads it.
type frameIn struct {
	Type    string `json:"type"`
	Payload struct {
		state
		Changes           []change `json:"changes"`
		Code              string   `json:"code"`
		Message           string   `json:"message"`
		Reason            string   `json:"reason"`
		RetryAfterSeconds int      `json:"retryAfterSeconds"`
	} `json:"payload"`
}

// dial opens a state socket; the token is the subprotocol.
func (h *house) dial(tok, query string) *client {
	h.t.Helper()
	o := &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover, HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}}
	if tok != "" {
		o.Subprotocols = []string{tok}
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, h.url+"/events/"+string(stageOne)+query, o)
	if err != nil {
		h.t.Fatalf("dial: %v", err)
	}
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
		h.t.Errorf("extensions %q were negotiated", got)
	}
	if conn.Subprotocol() != tok {
		h.t.Error("the server did not select the token as subprotocol")
	}
	conn.SetReadLimit(1 << 20)
	c := &client{h.t, conn}
	h.t.Cleanup(func() { _ = conn.CloseNow() })
	return c
}

func (c *client) next() frameIn {
	c.t.Helper()
	f, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return f
}

func (c *client) read() (f frameIn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, data, err := c.conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	return f, err
}

// expect reads the next frame, which has to be of the type.
func (c *client) expect(kind string) frameIn {
	c.t.Helper()
	f := c.next()
	if f.Type != kind {
		c.t.Fatalf("got %+v, want %s", f, kind)
	}
	return f
}

// closed reads until the close and returns its code and the last frame.
func (c *client) closed() (websocket.StatusCode, frameIn) {
	c.t.Helper()
	var last frameIn
	for {
		f, err := c.read()
		if err != nil {
			return websocket.CloseStatus(err), last
		}
		last = f
	}
}

// closedSoon is closed for a socket that may also have been welcomed: then it leaves.
func (c *client) closedSoon() (websocket.StatusCode, frameIn) {
	c.t.Helper()
	f, err := c.read()
	if err == nil && f.Type == typeState {
		c.send(`{"type":"LEAVE"}`)
	}
	code, last := c.closed()
	if last.Type == "" {
		last = f
	}
	return code, last
}

func (c *client) send(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// call makes an HTTP request and returns the answer with its body.
func (h *house) call(method, path, tok, contentType, body string) (*http.Response, string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if tok != "" {
		r.Header.Set("Authorization", "Bearer "+tok)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return h.roundTrip(r)
}

func (h *house) roundTrip(r *http.Request) (*http.Response, string) {
	h.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, string(data)
}

// code returns the code of a problem body.
func code(t *testing.T, resp *http.Response, body string) string {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q of %s", got, body)
	}
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != resp.StatusCode || p.Title == "" || p.Detail == "" {
		t.Errorf("problem %q of status %d: %v", body, resp.StatusCode, err)
	}
	return string(p.Code)
}

// logBuffer keeps all that was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var loopback = netip.MustParseAddr("127.0.0.1")
