package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
)

const (
	// orderTimeout is how long a caller of the API waits for a host to have obeyed.
	orderTimeout = time.Second
	// orderPause is the time between two attempts at orders that were not acknowledged.
	orderPause = 2 * time.Second
	// maxOrders is how many are remembered, at about 200 bytes each. So many go unanswered only when a host is
	// lost, and then they are moot.
	maxOrders = 10_000
)

// orders tells hosts what has been decided. What was decided stands in the records already, so that a host
// which hears of it late, or starts anew, comes to the same: an order only makes it prompt. Orders that were
// not acknowledged are therefore kept in memory only.
type orders struct {
	bus bus.Bus
	log *slog.Logger

	mu      sync.Mutex
	waiting []order
}

type order struct {
	subject string
	data    []byte
}

func newOrders(b bus.Bus, log *slog.Logger) *orders {
	return &orders{bus: b, log: log}
}

// give tells the host on the subject, and returns when it has obeyed, when nobody hosts the stage, or after
// orderTimeout; then the order is repeated in the background. The caller's going away does not stop it.
func (o *orders) give(ctx context.Context, subject string, message any) {
	data, err := json.Marshal(message)
	if err != nil {
		panic("control: order cannot be written: " + err.Error())
	}
	it := order{subject, data}
	if !o.try(context.WithoutCancel(ctx), it) {
		o.keep(it)
	}
}

// try makes one attempt and tells whether the matter is settled.
func (o *orders) try(ctx context.Context, it order) bool {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	_, err := o.bus.Request(ctx, it.subject, it.data)
	if err == nil || errors.Is(err, bus.ErrNobody) {
		return true
	}
	if errors.Is(err, bus.ErrClosed) {
		return true // the server is going down and its host with it
	}
	o.log.Warn("order not acknowledged", "subject", it.subject, "error", err)
	return false
}

// keep remembers an order for repeat.
func (o *orders) keep(it order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == maxOrders {
		o.log.Error("order given up: too many are not acknowledged", "subject", it.subject)
		return
	}
	o.waiting = append(o.waiting, it)
}

// repeat tries the orders that wait once.
func (o *orders) repeat(ctx context.Context) {
	o.mu.Lock()
	batch := o.waiting
	o.waiting = nil
	o.mu.Unlock()
	for _, it := range batch {
		if ctx.Err() != nil || !o.try(ctx, it) {
			o.keep(it)
		}
	}
}
