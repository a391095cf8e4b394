package signal

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Close codes of the protocol (docs/signalling.md 1.4 and 1.8).
const (
	closeToken        websocket.StatusCode = 4401
	closeBarred       websocket.StatusCode = 4403
	closeNoStage      websocket.StatusCode = 4404
	closeSlow         websocket.StatusCode = 4408
	closeForced       websocket.StatusCode = 4410
	closeFull         websocket.StatusCode = 4429
	closeNotNow       websocket.StatusCode = 4503
	lastWords                              = 3 * time.Second // for all that is left to write once a socket ends
	closeSlowReason                        = "frames are not read as fast as they come"
	closeRetireReason                      = "another connection goes on"
)

// socket is the writing half of a state socket: a bounded queue and the goroutine that empties it. It is a host.Socket.
type socket struct {
	conn *websocket.Conn
	o    *Options
	wake chan struct{}
	told chan struct{} // closed when run has written its last
	done chan struct{} // closed when run has returned

	accepted time.Time
	span     *tracing.Span // of the join, until its state was sent; nil: nobody traces

	mu     sync.Mutex
	came   arrival
	queue  [][]byte
	over   bool // nothing more is taken
	code   websocket.StatusCode
	reason string
}

// arrival is how a socket has come in, once its first frame is in the queue.
type arrival uint8

const (
	outside arrival = iota
	joined
	resumed
)

func (s *socket) arrive(how arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.came == outside {
		s.came = how
	}
}

var _ host.Socket = (*socket)(nil)

func newSocket(conn *websocket.Conn, o *Options) *socket {
	return &socket{conn: conn, o: o, wake: make(chan struct{}, 1), told: make(chan struct{}), done: make(chan struct{})}
}

// Welcome, Replay, Announce, Expel and Retire are host.Socket's.
func (s *socket) Welcome(w host.Welcome) {
	s.arrive(joined)
	s.send(encodeState(typeState, w, s.o))
}

// Replay sends what was missed.
func (s *socket) Replay(w host.Welcome, missed []*host.Announcement) {
	s.arrive(resumed)
	s.send(encodeState(typeResumed, w, s.o))
	for _, a := range missed {
		s.Announce(a)
	}
}

// Announce sends an update.
func (s *socket) Announce(a *host.Announcement) { s.send(a.Text(encodeUpdate)) }

// Tell sends what was wrong with something other than a frame.
func (s *socket) Tell(code live.Reason, message string) {
	s.send(encode(typeError, refusal{Code: string(code), Message: message}))
}

// Subscribed tells what is sent of a publisher's picture.
func (s *socket) Subscribed(state host.SubscriptionState) { s.send(encodeSubscription(state)) }

// WantLayers tells which layers anybody wants.
func (s *socket) WantLayers(list []host.WantedLayer) { s.send(encodeWanted(list)) }

// Expel tells why it is over.
func (s *socket) Expel(reason live.LeaveReason, message string) <-chan struct{} {
	s.end(encode(typeForced, forcedLeave{Reason: reason, Message: message}), closeForced, string(reason))
	return s.told
}

// Retire closes quietly.
func (s *socket) Retire() { s.end(nil, websocket.StatusGoingAway, closeRetireReason) }

// send queues a frame. A reader too slow for the queue is cut off: it may resume.
func (s *socket) send(text []byte) {
	s.mu.Lock()
	switch {
	case s.over:
	case len(s.queue) >= s.o.Queue:
		s.over, s.queue = true, nil
		s.code, s.reason = closeSlow, closeSlowReason
	default:
		s.queue = append(s.queue, text)
	}
	s.mu.Unlock()
	s.poke()
}

// end queues a last frame, if any, and the close.
func (s *socket) end(last []byte, code websocket.StatusCode, reason string) {
	s.mu.Lock()
	if !s.over {
		s.over, s.code, s.reason = true, code, reason
		if last != nil {
			s.queue = append(s.queue, last)
		}
	}
	s.mu.Unlock()
	s.poke()
}

func (s *socket) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes until the socket ends, or ctx does. Then the connection is closed, which ends the reader as well.
func (s *socket) run(ctx context.Context) {
	defer close(s.done)
	var pings sync.WaitGroup
	defer pings.Wait()
	defer func() { _ = s.conn.CloseNow() }()
	told := sync.OnceFunc(func() { close(s.told) })
	defer told()
	ping := time.NewTicker(s.o.PingInterval)
	defer ping.Stop()
	defer s.span.End()
	for in := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			pings.Go(func() { s.ping(ctx) })
			continue
		case <-s.wake:
		}
		frames, came, over := s.take()
		if !s.write(ctx, frames, over) {
			return
		}
		if !in && came != outside && len(frames) > 0 {
			in = true
			s.span.End()
			if came == joined {
				s.o.Joined(time.Since(s.accepted))
			}
		}
		if over {
			told()
			_ = s.conn.Close(s.code, s.reason) // the far end may be gone, and that is fine
			return
		}
	}
}

func (s *socket) take() (frames [][]byte, came arrival, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, s.queue = s.queue, nil
	return frames, s.came, s.over
}

// write sends frames. The last ones of a socket have to hurry.
func (s *socket) write(ctx context.Context, frames [][]byte, last bool) bool {
	if last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lastWords)
		defer cancel()
	}
	for _, text := range frames {
		one, cancel := context.WithTimeout(ctx, s.o.WriteTimeout)
		err := s.conn.Write(one, websocket.MessageText, text)
		cancel()
		if err != nil {
			return false
		}
	}
	return true
}

// ping asks whether anyone is there, and cuts the connection if not.
func (s *socket) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.o.PingInterval)
	defer cancel()
	if s.conn.Ping(ctx) != nil {
		_ = s.conn.CloseNow()
	}
}
