package node

import (
	"context"
	"fmt"

	"github.com/proscenium-live/proscenium/internal/tracing/otlp"
)

// openTracing has calls and joins traced if a collector is configured. Whether it is there shows later: it may
// come and go, and nothing here waits for it.
func (n *Node) openTracing(ctx context.Context) error {
	c := n.config.Tracing
	if c.Endpoint == "" {
		return nil
	}
	e, err := otlp.Open(ctx, otlp.Options{Endpoint: c.Endpoint, Ratio: c.Ratio, Node: string(n.id), Version: n.version, Log: n.log})
	if err != nil {
		return fmt.Errorf("tracing.endpoint: %w", err)
	}
	n.tracer = e.Tracer()
	n.onClose("tracing", func() error {
		if err := e.Close(); err != nil { // that the collector has gone is no failure of ours
			n.log.Warn("last traces not sent", "error", err)
		}
		return nil
	})
	return nil
}
