// Package nats is the bus of a node: a NATS server inside the process and a client of it, joined in memory.
//
// The server listens on nothing: a single node is a cluster of one. When nodes form a cluster, their routes
// become options here and nothing else changes. JetStream is off, because nothing on the bus has to be kept.
//
// The goroutines are those of the server and the client; Close waits for them.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
)

const (
	// maxPayload bounds one message. The largest is a live.SessionGrant with all who are barred from a stage:
	// 50,000 ids of 64 characters are 3.4 MB.
	maxPayload = 8 << 20
	// readyIn is how long the server may take to start. It takes milliseconds.
	readyIn = 10 * time.Second
	// flushIn is how long the server may take to note a subscription.
	flushIn = 5 * time.Second
	// failed marks an answer that is the text of a handler's error.
	failed = "Proscenium-Failed"
)

// Options say how the node appears on the bus.
type Options struct {
	// Node names the server.
	Node live.NodeID
	// Log gets the server's warnings and errors; nil discards.
	Log *slog.Logger
}

// Bus is a bus.Bus. Make it with Open.
type Bus struct {
	server *server.Server
	conn   *nats.Conn

	mu     sync.Mutex
	closed bool
	subs   []*subscription
}

// Open starts the server and connects to it.
func Open(o Options) (*Bus, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: string(o.Node), DontListen: true, NoSigs: true, MaxPayload: maxPayload,
	})
	if err != nil {
		return nil, fmt.Errorf("make bus server: %w", err)
	}
	s.SetLoggerV2(logger{log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyIn) {
		s.Shutdown()
		return nil, fmt.Errorf("start bus server: not ready in %v", readyIn)
	}
	conn, err := nats.Connect("", nats.InProcessServer(s), nats.Name(string(o.Node)), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("bus trouble", "subject", subject, "error", err)
		}))
	if err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("connect to bus server: %w", err)
	}
	return &Bus{server: s, conn: conn}, nil
}

// Publish implements bus.Bus.
func (b *Bus) Publish(ctx context.Context, subject string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := bus.CheckSubject(subject); err != nil {
		return err
	}
	return translate(b.conn.Publish(subject, data))
}

// Request implements bus.Bus.
func (b *Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := bus.CheckSubject(subject); err != nil {
		return nil, err
	}
	m, err := b.conn.RequestWithContext(ctx, subject, data)
	if err != nil {
		return nil, translate(err)
	}
	if m.Header.Get(failed) != "" {
		return nil, &bus.RemoteError{Text: string(m.Data)}
	}
	return m.Data, nil
}

// Subscribe implements bus.Bus.
func (b *Bus) Subscribe(pattern, group string, handle bus.Handler) (bus.Subscription, error) {
	if err := bus.CheckPattern(pattern); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &subscription{bus: b, handle: handle, ctx: ctx, cancel: cancel}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		cancel()
		return nil, bus.ErrClosed
	}
	var err error
	if group == "" {
		s.sub, err = b.conn.Subscribe(pattern, s.take)
	} else {
		s.sub, err = b.conn.QueueSubscribe(pattern, group, s.take)
	}
	if err == nil {
		err = b.conn.FlushTimeout(flushIn)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("subscribe to %s: %w", pattern, translate(err))
	}
	b.subs = append(b.subs, s)
	return s, nil
}

// Ready implements bus.Bus.
func (b *Bus) Ready() error {
	if b.conn.IsClosed() {
		return bus.ErrClosed
	}
	if !b.conn.IsConnected() {
		return errors.New("bus: not connected")
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
		_ = s.Close() // the connection's closing does what is left
	}
	b.conn.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
	return nil
}

func (b *Bus) remove(s *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = slices.DeleteFunc(b.subs, func(other *subscription) bool { return other == s })
}

// translate gives errors the port's names.
func translate(err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return bus.ErrNobody
	case errors.Is(err, nats.ErrConnectionClosed):
		return bus.ErrClosed
	}
	return err
}
