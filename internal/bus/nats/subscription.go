package nats

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/proscenium-live/proscenium/internal/bus"
)

// subscription is a standing interest. The client calls take from one goroutine.
type subscription struct {
	bus    *Bus
	sub    *nats.Subscription
	handle bus.Handler
	ctx    context.Context //nolint:containedctx // the life of the subscription, handed to its handler
	cancel context.CancelFunc

	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

func (s *subscription) take(m *nats.Msg) {
	if !s.begin() {
		return
	}
	defer s.running.Done()
	data, err := s.handle(s.ctx, m.Data)
	if m.Reply == "" {
		return
	}
	answer := nats.NewMsg(m.Reply)
	answer.Data = data
	if err != nil {
		answer.Data = []byte(err.Error())
		answer.Header.Set(failed, "1")
	}
	if err = m.RespondMsg(answer); errors.Is(err, nats.ErrMaxPayload) {
		answer.Data = []byte("the answer is too large for the bus")
		answer.Header.Set(failed, "1")
		err = m.RespondMsg(answer)
	}
	_ = err // the bus is closed: the requester learns it from its own side
}

// begin tells whether a message is still to be handled. If it is, running counts it.
func (s *subscription) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// Close implements bus.Subscription.
func (s *subscription) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	if again {
		return nil
	}
	s.bus.remove(s)
	if err := s.sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return err
	}
	return nil
}
