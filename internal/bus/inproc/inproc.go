// Package inproc is a bus inside one process, for tests in virtual time: everything waits on channels, so that
// testing/synctest sees when nothing more can happen.
//
// Each subscription owns one goroutine, which ends when the subscription or the bus is closed. What a cluster
// adds, other nodes and lost connections, is not here: bus/nats has it.
package inproc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/proscenium-live/proscenium/internal/bus"
)

// maxPending is how many messages wait for one subscription; more are dropped, as they would be in a cluster.
const maxPending = 1 << 16

// Bus is a bus.Bus. Make it with New.
type Bus struct {
	mu     sync.Mutex
	closed bool
	subs   []*subscription
	turns  map[string]int // per pattern and group: whose turn it is
}

// New returns an open bus.
func New() *Bus { return &Bus{turns: map[string]int{}} }

// message is what a subscription is given. Answers is nil when nobody waits for one.
type message struct {
	data    []byte
	answers chan<- answer
}

type answer struct {
	data []byte
	err  error
}

// Publish implements bus.Bus.
func (b *Bus) Publish(ctx context.Context, subject string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	receivers, err := b.receivers(subject)
	if err != nil {
		return err
	}
	for _, s := range receivers {
		s.put(message{data: slices.Clone(data)})
	}
	return nil
}

// Request implements bus.Bus.
func (b *Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	receivers, err := b.receivers(subject)
	if err != nil {
		return nil, err
	}
	answers := make(chan answer, len(receivers))
	for _, s := range receivers {
		s.put(message{data: slices.Clone(data), answers: answers})
	}
	for range receivers {
		select {
		case a := <-answers:
			if !errors.Is(a.err, bus.ErrNobody) {
				return a.data, a.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, bus.ErrNobody
}

// receivers returns who gets a message: all subscriptions without a group, and one of each group.
func (b *Bus) receivers(subject string) ([]*subscription, error) {
	if err := bus.CheckSubject(subject); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, bus.ErrClosed
	}
	var all []*subscription
	groups := map[string][]*subscription{}
	for _, s := range b.subs {
		switch {
		case !s.matches(subject):
		case s.group == "":
			all = append(all, s)
		default:
			groups[s.group] = append(groups[s.group], s)
		}
	}
	for group, members := range groups {
		key := group + " " + subject
		all = append(all, members[b.turns[key]%len(members)])
		b.turns[key]++
	}
	return all, nil
}

// Subscribe implements bus.Bus.
func (b *Bus) Subscribe(pattern, group string, handle bus.Handler) (bus.Subscription, error) {
	if err := bus.CheckPattern(pattern); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, bus.ErrClosed
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &subscription{
		bus: b, parts: strings.Split(pattern, "."), group: group, handle: handle,
		cancel: cancel, wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	b.subs = append(b.subs, s)
	go s.run(ctx)
	return s, nil
}

// Ready implements bus.Bus.
func (b *Bus) Ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return bus.ErrClosed
	}
	return nil
}

// Close implements bus.Bus.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.closed = true
	subs := slices.Clone(b.subs)
	b.mu.Unlock()
	for _, s := range subs {
		_ = s.Close() // it returns nil
	}
	return nil
}

func (b *Bus) remove(s *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = slices.DeleteFunc(b.subs, func(other *subscription) bool { return other == s })
}
