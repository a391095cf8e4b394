package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// connectWait bounds the time from an answer to a connected transport.
const connectWait = 10 * time.Second

// mediaSession is one WHIP or WHEP session, negotiated anew whenever its transport fails.
type mediaSession struct {
	p     *Participant
	url   string
	build func(*webrtc.PeerConnection) error // adds the tracks
	done  context.Context
	end   context.CancelCauseFunc
	anew  chan struct{} // asks for a new negotiation, capacity 1

	mu       sync.Mutex // guards what follows
	pc       *webrtc.PeerConnection
	location string
	etag     string
	answer   string
}

// startMedia negotiates a session and returns when its transport is connected.
func (p *Participant) startMedia(ctx context.Context, url string, build func(*webrtc.PeerConnection) error) (*mediaSession, error) {
	s := &mediaSession{p: p, url: url, build: build, anew: make(chan struct{}, 1)}
	s.done, s.end = context.WithCancelCause(p.left)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		s.end(ErrLeft)
		return nil, p.leftError()
	}
	p.media[s] = struct{}{}
	p.sessions.Add(1) // for tend; under the lock, so that Leave cannot be waiting already
	p.mu.Unlock()

	l, err := s.negotiate(ctx)
	if err != nil {
		s.close(err)
		p.sessions.Done()
		return nil, err
	}
	go func() {
		defer p.sessions.Done()
		s.tend(l)
	}()
	return s, nil
}

func (p *Participant) leftError() error {
	if err := p.Err(); err != nil {
		return err
	}
	return ErrLeft
}

// negotiate makes a peer connection, exchanges offer and answer, and returns when the transport is connected.
func (s *mediaSession) negotiate(ctx context.Context) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	stop := context.AfterFunc(s.done, cancel)
	defer stop()
	pc, err := s.p.newPeer(s.url)
	if err != nil {
		return line{}, err
	}
	l := watch(pc)
	c, err := s.exchange(ctx, pc)
	if err != nil {
		_ = pc.Close()
		return line{}, err
	}
	s.mu.Lock()
	s.pc, s.location, s.etag, s.answer = pc, c.location.String(), c.etag, c.answer
	s.mu.Unlock()
	select {
	case <-l.connected:
		return l, nil
	case <-l.failed:
		err = errors.New("media transport failed to connect")
	case <-l.closed:
		err = ErrEnded
	case <-ctx.Done():
		err = fmt.Errorf("connect media transport: %w", ctx.Err())
	}
	s.discard(context.WithoutCancel(ctx))
	return line{}, err
}

func (s *mediaSession) exchange(ctx context.Context, pc *webrtc.PeerConnection) (created, error) {
	if err := s.build(pc); err != nil {
		return created{}, err
	}
	if err := offerOwn(pc); err != nil {
		return created{}, err
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return created{}, fmt.Errorf("create offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return created{}, fmt.Errorf("set offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return created{}, fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	c, err := offerTo(ctx, s.p.http, s.p.bearer(), s.url, pc.LocalDescription().SDP)
	if err != nil {
		return created{}, err
	}
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.answer})
	if err != nil {
		_ = deleteAt(ctx, s.p.http, s.p.bearer(), c.location.String())
		return created{}, fmt.Errorf("set answer: %w", err)
	}
	return c, nil
}

// tend waits for the transport to fail and negotiates anew, until the session is over.
func (s *mediaSession) tend(l line) {
	for {
		var err error
		select {
		case <-s.done.Done():
			return
		case <-s.anew:
		case <-l.failed:
		case <-l.closed:
			// While we were away the server may have given us up: then we come back with the socket.
			if !s.p.away() {
				err = ErrEnded
			}
		}
		if err == nil {
			l, err = s.renew()
		}
		if err != nil {
			s.p.o.Log.Info("media session over", "error", err)
			s.close(err)
			return
		}
	}
}

func (s *mediaSession) renew() (line, error) {
	ctx, cancel := context.WithTimeout(s.done, s.p.o.ReconnectWindow)
	defer cancel()
	s.discard(ctx)
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		l, err := s.negotiate(ctx)
		if err == nil {
			return l, nil
		}
		var refused *MediaError
		if errors.As(err, &refused) && refused.Status < 500 && refused.RetryAfter == 0 {
			return line{}, err
		}
		select {
		case <-ctx.Done():
			return line{}, err
		case <-time.After(jittered(wait)):
		}
	}
}

// discard ends the present peer connection and the server's side of it.
func (s *mediaSession) discard(ctx context.Context) {
	s.mu.Lock()
	pc, location := s.pc, s.location
	s.pc, s.location = nil, ""
	s.mu.Unlock()
	if location != "" {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_ = deleteAt(ctx, s.p.http, s.p.bearer(), location)
	}
	if pc != nil {
		_ = pc.Close()
	}
}

// stop ends the session and tells the server.
func (s *mediaSession) stop(ctx context.Context) error {
	s.mu.Lock()
	location := s.location
	s.location = ""
	s.mu.Unlock()
	var err error
	if location != "" {
		err = deleteAt(ctx, s.p.http, s.p.bearer(), location)
	}
	s.close(ErrLeft)
	return err
}

// close ends the session without telling the server.
func (s *mediaSession) close(cause error) {
	s.end(cause)
	s.mu.Lock()
	pc := s.pc
	s.pc = nil
	s.mu.Unlock()
	if pc != nil {
		_ = pc.Close()
	}
	s.p.mu.Lock()
	delete(s.p.media, s)
	s.p.mu.Unlock()
}

func (s *mediaSession) peer() *webrtc.PeerConnection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pc
}

// line is what becomes of a transport: each channel is closed when it has happened.
type line struct{ connected, failed, closed chan struct{} }

func watch(pc *webrtc.PeerConnection) line {
	l := line{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	var connected, failed, closed sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			connected.Do(func() { close(l.connected) })
		case webrtc.PeerConnectionStateFailed:
			failed.Do(func() { close(l.failed) })
		case webrtc.PeerConnectionStateClosed:
			closed.Do(func() { close(l.closed) })
		}
	})
	return l
}

// away says that the state socket is lost for the moment.
func (p *Participant) away() bool {
	if p.socket == nil {
		return false
	}
	p.socket.mu.Lock()
	defer p.socket.mu.Unlock()
	return p.socket.conn == nil
}

// renewMedia negotiates all media sessions anew: the server has forgotten this participation.
func (p *Participant) renewMedia() {
	for _, s := range p.openMedia(false) {
		select {
		case s.anew <- struct{}{}:
		default:
		}
	}
}

// openMedia returns the sessions; no new ones come after final.
func (p *Participant) openMedia(final bool) []*mediaSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = p.closed || final
	out := make([]*mediaSession, 0, len(p.media))
	for s := range p.media {
		out = append(out, s)
	}
	return out
}

func (p *Participant) closeMedia(ctx context.Context) error {
	var errs []error
	for _, s := range p.openMedia(true) {
		errs = append(errs, s.stop(ctx))
	}
	return errors.Join(errs...)
}

func (p *Participant) dropMedia() {
	for _, s := range p.openMedia(true) {
		s.close(p.leftError())
	}
}

// newPeer makes a peer connection with the codecs, feedback and extensions of a browser.
func (p *Participant) newPeer(server string) (*webrtc.PeerConnection, error) {
	var engine webrtc.MediaEngine
	if err := registerCodecs(&engine); err != nil {
		return nil, err
	}
	var registry interceptor.Registry
	var stamper ridStamper
	registry.Add(&stamper) // before the others: it has the last word on packets that go out
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(&engine, &registry); err != nil {
		return nil, fmt.Errorf("set up TWCC: %w", err)
	}
	if err := webrtc.RegisterDefaultInterceptors(&engine, &registry); err != nil {
		return nil, fmt.Errorf("set up interceptors: %w", err)
	}
	var settings webrtc.SettingEngine
	if u, err := url.Parse(server); err == nil && isLoopback(u.Hostname()) {
		settings.SetIncludeLoopbackCandidate(true)
	}
	if p.o.Settings != nil {
		p.o.Settings(&settings)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&registry),
		webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("make peer connection: %w", err)
	}
	stamper.pc.Store(pc)
	return pc, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
