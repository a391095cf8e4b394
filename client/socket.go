package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	firstFrameWait = 10 * time.Second
	writeWait      = 5 * time.Second
	minRetry       = 200 * time.Millisecond
	maxRetry       = 4 * time.Second
	defaultPing    = 15 * time.Second
)

// socket is the participant's state socket over all its connections. One goroutine (run) reads; anybody sends.
type socket struct {
	p       *Participant
	ended   chan struct{} // closed when run has returned
	leaving atomic.Bool   // we said good-bye: a lost connection is meant

	mu   sync.Mutex // guards what follows
	conn *websocket.Conn
	ping time.Duration
	back chan struct{} // closed when conn is there
}

func newSocket(p *Participant) *socket {
	return &socket{p: p, ended: make(chan struct{}), back: make(chan struct{})}
}

// open connects, and returns when the first state has been taken. It returns a *JoinError if the server refuses.
func (s *socket) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstFrameWait)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	state, err := firstState(ctx, conn)
	if err != nil {
		_ = conn.CloseNow()
		return err
	}
	forgotten := s.p.took(state)
	s.connected(conn, state)
	if forgotten {
		s.p.renewMedia()
	}
	return nil
}

func (s *socket) dial(ctx context.Context) (*websocket.Conn, error) {
	u, err := url.Parse(s.p.o.EventsURL)
	if err != nil {
		return nil, fmt.Errorf("events URL: %w", err)
	}
	u = u.JoinPath(s.p.Claims().Stage)
	if key := s.p.resumeKey(); key != "" {
		u.RawQuery = url.Values{"resume": {key}}.Encode()
	}
	h := *s.p.http
	h.CheckRedirect, h.Timeout = nil, 0
	conn, res, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient: &h, Subprotocols: []string{s.p.bearer()},
	})
	if err != nil {
		if res != nil && res.StatusCode == http.StatusUnauthorized {
			return nil, &JoinError{Code: "TOKEN_INVALID", Message: res.Status}
		}
		return nil, fmt.Errorf("open state socket: %w", err)
	}
	conn.SetReadLimit(maxFrame)
	return conn, nil
}

func firstState(ctx context.Context, conn *websocket.Conn) (*statePayload, error) {
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("join: %w", err)
		}
		_, payload, err := parseFrame(data)
		if err != nil {
			return nil, err
		}
		switch v := payload.(type) {
		case *statePayload:
			return v, nil
		case *refusalPayload:
			return nil, v.err()
		case *forcedPayload:
			return nil, &LeftError{Reason: v.Reason, Message: v.Message}
		}
	}
}

func (s *socket) connected(conn *websocket.Conn, state *statePayload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	s.ping = time.Duration(min(max(state.PingSeconds, 0), 300)) * time.Second
	if s.ping == 0 {
		s.ping = defaultPing
	}
	close(s.back)
}

func (s *socket) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.CloseNow()
	s.conn = nil
	s.back = make(chan struct{})
}

// run reads until the participation is over, connecting again as often as needed.
func (s *socket) run() {
	defer close(s.ended)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.conn != nil {
			_ = s.conn.CloseNow()
		}
	}()
	for {
		err := s.listen()
		if s.leaving.Load() {
			<-s.p.left.Done()
		}
		if s.p.left.Err() != nil {
			return
		}
		if end := finalError(err); end != nil {
			s.p.over(end)
			return
		}
		s.p.o.Log.Info("state socket lost", "error", err)
		s.lost()
		s.p.exchangeFailed(errUnanswered)
		s.tellConnection(false)
		if err := s.reopen(); err != nil {
			s.p.over(err)
			return
		}
		s.tellConnection(true)
	}
}

func (s *socket) tellConnection(there bool) {
	if s.p.o.OnConnection != nil {
		s.p.o.OnConnection(there)
	}
}

// finalError returns err if it says that connecting again is in vain.
func finalError(err error) error {
	var left *LeftError
	if errors.As(err, &left) {
		return left
	}
	var refused *JoinError
	if errors.As(err, &refused) && refused.RetryAfter == 0 {
		return refused
	}
	return nil
}

// listen reads one connection until it ends.
func (s *socket) listen() error {
	s.mu.Lock()
	conn, ping := s.conn, s.ping
	s.mu.Unlock()
	pinging, stop := context.WithCancel(s.p.left)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keepAlive(pinging, ping)
	}()
	defer func() { stop(); <-done }()
	for {
		// Three silent intervals: the server answers each PING.
		ctx, cancel := context.WithTimeout(s.p.left, 3*ping)
		_, data, err := conn.Read(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("read state socket: %w", err)
		}
		if err := s.handle(data); err != nil {
			return err
		}
	}
}

func (s *socket) keepAlive(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			_ = s.send(ctx, "PING", nil) // a dead socket is noticed by the reader
		}
	}
}

func (s *socket) handle(data []byte) error {
	kind, payload, err := parseFrame(data)
	if err != nil {
		return err
	}
	switch v := payload.(type) {
	case *statePayload:
		s.p.took(v)
	case *updatePayload:
		if !s.p.updated(v) {
			return s.send(s.p.left, "GET_STATE", nil)
		}
	case *SubscriptionState:
		if s.p.o.OnSubscription != nil {
			s.p.o.OnSubscription(*v)
		}
	case *layersPayload:
		s.p.layersWanted(v)
	case *exchangedPayload:
		s.p.exchanged(v)
	case *exchangeFailedPayload:
		s.p.exchangeFailed(v.err())
	case *forcedPayload:
		return &LeftError{Reason: v.Reason, Message: v.Message}
	case *refusalPayload:
		if kind == "JOIN_ERROR" {
			return v.err()
		}
		s.p.o.Log.Warn("server refused a frame", "code", v.Code, "message", v.Message)
	default:
		if kind == "PING" {
			return s.send(s.p.left, "PONG", nil)
		}
	}
	return nil
}

// reopen tries to connect until it succeeds, is refused for good, or the window is over.
func (s *socket) reopen() error {
	ctx, cancel := context.WithTimeout(s.p.left, s.p.o.ReconnectWindow)
	defer cancel()
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		err := s.open(ctx)
		if err == nil {
			return nil
		}
		if end := finalError(err); end != nil {
			return end
		}
		pause := jittered(wait)
		var refused *JoinError
		if errors.As(err, &refused) {
			pause = max(pause, refused.RetryAfter)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrLost, err)
		case <-time.After(pause):
		}
	}
}

// jittered spreads a wait: a server that restarts must not meet everybody at once.
func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2) //nolint:gosec // no secret
}

// send writes a frame, waiting for a connection if there is none at the moment.
func (s *socket) send(ctx context.Context, kind string, payload any) error {
	if payload == nil {
		payload = struct{}{}
	}
	body, err := json.Marshal(map[string]any{"type": kind, "payload": payload})
	if err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	conn, err := s.connection(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, body); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	return nil
}

func (s *socket) connection(ctx context.Context) (*websocket.Conn, error) {
	for {
		s.mu.Lock()
		conn, back := s.conn, s.back
		s.mu.Unlock()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-back:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.p.left.Done():
			return nil, s.p.Err()
		}
	}
}

// leave says good-bye: the server then waits for nobody to come back.
func (s *socket) leave(ctx context.Context) error {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil {
		return nil
	}
	s.leaving.Store(true)
	if err := s.send(ctx, "LEAVE", nil); err != nil {
		return err
	}
	// The server answers by closing, which the reader may have seen first.
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// drop cuts the connection as a failing network would; for tests of reconnecting.
func (s *socket) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.CloseNow()
	}
}
