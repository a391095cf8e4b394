package inproc

import (
	"context"
	"strings"
	"sync"

	"github.com/proscenium-live/proscenium/internal/bus"
)

// subscription is a standing interest. Its goroutine takes one message after another out of pending.
type subscription struct {
	bus    *Bus
	parts  []string
	group  string
	handle bus.Handler
	cancel context.CancelFunc
	wake   chan struct{} // holds a token while there may be messages
	ended  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	closed  bool
	pending []message
}

func (s *subscription) matches(subject string) bool {
	i := 0
	for part := range strings.SplitSeq(subject, ".") {
		if i == len(s.parts) || s.parts[i] != "*" && s.parts[i] != part {
			return false
		}
		i++
	}
	return i == len(s.parts)
}

// put hands a message over without waiting.
func (s *subscription) put(m message) {
	s.mu.Lock()
	taken := !s.closed && len(s.pending) < maxPending
	closed := s.closed
	if taken {
		s.pending = append(s.pending, m)
	}
	s.mu.Unlock()
	if closed {
		m.refuse()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the next message that waits.
func (s *subscription) take() (message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.pending) == 0 {
		return message{}, false
	}
	m := s.pending[0]
	s.pending = s.pending[1:]
	return m, true
}

func (s *subscription) run(ctx context.Context) {
	defer close(s.ended)
	for {
		m, ok := s.take()
		if ok {
			m.answer(s.handle(ctx, m.data))
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
	}
}

// Close implements bus.Subscription.
func (s *subscription) Close() error {
	s.mu.Lock()
	s.closed = true
	left := s.pending
	s.pending = nil
	s.mu.Unlock()
	s.bus.remove(s)
	s.cancel()
	<-s.ended
	for _, m := range left {
		m.refuse()
	}
	return nil
}

// refuse tells a requester that this subscription will not answer.
func (m message) refuse() {
	if m.answers != nil {
		m.answers <- answer{err: bus.ErrNobody}
	}
}

func (m message) answer(data []byte, err error) {
	switch {
	case m.answers == nil:
	case err != nil:
		m.answers <- answer{err: &bus.RemoteError{Text: err.Error()}}
	default:
		m.answers <- answer{data: append([]byte(nil), data...)}
	}
}
