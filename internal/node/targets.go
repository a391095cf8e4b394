package node

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/notify"
)

// tallyEvery is how old the numbers of targets may be: they are in the database, which no scrape should wait for.
const tallyEvery = 10 * time.Second

// tally sums up what became of the events, by kind of target: a name is a user's, and there may be any number.
type tally struct {
	mu     sync.Mutex
	last   map[string]notify.View // by name
	states map[string]float64
	totals map[string]map[string]float64 // by what, by kind; only grow
	behind float64                       // of the target that is furthest behind
}

// newTally returns one in which every kind has its zero.
func newTally() *tally {
	t := &tally{totals: map[string]map[string]float64{"delivered": {}, "failed": {}, "dropped": {}}}
	for _, totals := range t.totals {
		for _, kind := range []string{notify.Webhook, notify.EventBridge, notify.SQS, notify.NATS, notify.Stdout} {
			totals[kind] = 0
		}
	}
	return t
}

// countEvents has the numbers of the targets read now and then.
func (n *Node) countEvents() {
	t := newTally()
	n.metrics.Add(
		admin.Number{Name: "event_targets", Help: "Targets of events, by state.", Label: "state", Gauge: true, Read: t.byState},
		admin.Number{
			Name: "events_behind", Help: "Events since the position of the target that is furthest behind.", Gauge: true,
			Read: admin.One(t.furthest),
		},
		admin.Number{Name: "events_delivered_total", Help: "Events that targets took.", Label: "kind", Read: t.total("delivered")},
		admin.Number{Name: "events_failed_total", Help: "Attempts that failed, and are made again.", Label: "kind", Read: t.total("failed")},
		admin.Number{Name: "events_dropped_total", Help: "Events given up before they were delivered.", Label: "kind", Read: t.total("dropped")},
	)
	n.add("tally", func(ctx context.Context) error {
		tick := time.NewTicker(tallyEvery)
		defer tick.Stop()
		for {
			if views, err := n.targets(ctx); err == nil { // the metric dependency_up tells of the database
				t.take(views)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}

func (n *Node) targets(ctx context.Context) ([]notify.View, error) {
	ctx, cancel := context.WithTimeout(ctx, askedIn)
	defer cancel()
	return n.notify.List(ctx)
}

// take adds what has happened since the last time. What a target counted before this node looked is not ours.
func (t *tally) take(views []notify.View) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first, now := t.last == nil, make(map[string]notify.View, len(views))
	t.behind, t.states = 0, map[string]float64{"on": 0, "off": 0, "retrying": 0}
	for _, v := range views {
		now[v.Name] = v
		t.states[v.State]++
		if v.State != "off" {
			t.behind = max(t.behind, float64(v.Behind))
		}
		before, known := t.last[v.Name]
		if first || known && before.CreatedAt != v.CreatedAt {
			before = v
		}
		for what, n := range map[string]int64{
			"delivered": v.Delivered - before.Delivered, "failed": v.Failed - before.Failed, "dropped": v.Dropped - before.Dropped,
		} {
			t.totals[what][v.Kind] += float64(max(n, 0))
		}
	}
	t.last = now
}

func (t *tally) byState() map[string]float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.states)
}

func (t *tally) furthest() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.behind
}

func (t *tally) total(what string) func() map[string]float64 {
	return func() map[string]float64 {
		t.mu.Lock()
		defer t.mu.Unlock()
		return maps.Clone(t.totals[what])
	}
}
