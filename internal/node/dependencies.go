package node

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
)

// How often the node looks whether what it depends on is there, and how long an answer may take.
const (
	askEvery = 5 * time.Second
	askedIn  = 2 * time.Second
)

// dependency is something outside that the node can be without for a while.
type dependency struct {
	name string
	ask  func(context.Context) error
	up   atomic.Bool
}

// watchDependencies looks after what /readyz does not ask for: the metric dependency_up and a line in the log say
// when it goes and comes.
func (n *Node) watchDependencies() {
	all := []*dependency{
		{name: "database", ask: n.store.Ping},
		{name: "bus", ask: func(context.Context) error { return n.bus.Ready() }},
	}
	for _, d := range all {
		d.up.Store(true) // the node has just opened them
	}
	n.metrics.Add(admin.Number{
		Name: "dependency_up", Help: "1 while what the node depends on answers, 0 while not.", Label: "dependency", Gauge: true,
		Read: func() map[string]float64 {
			out := map[string]float64{}
			for _, d := range all {
				out[d.name] = 0
				if d.up.Load() {
					out[d.name] = 1
				}
			}
			return out
		},
	})
	n.add("dependencies", func(ctx context.Context) error {
		tick := time.NewTicker(askEvery)
		defer tick.Stop()
		for {
			for _, d := range all {
				n.ask(ctx, d)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}

func (n *Node) ask(ctx context.Context, d *dependency) {
	within, cancel := context.WithTimeout(ctx, askedIn)
	defer cancel()
	err := d.ask(within)
	if ctx.Err() != nil {
		return
	}
	switch was := d.up.Swap(err == nil); {
	case was && err != nil:
		n.log.Warn("dependency does not answer", "dependency", d.name, "error", err)
	case !was && err == nil:
		n.log.Info("dependency answers again", "dependency", d.name)
	}
}
