package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/live"
)

// desk is a control plane that writes reports down, or cannot.
type desk struct {
	mu    sync.Mutex
	down  bool
	had   uint64
	facts []live.Fact
	calls int
}

func (d *desk) take(_ context.Context, r live.Reports) (struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.down {
		return struct{}{}, errors.New("the records cannot be reached")
	}
	for i, f := range r.Facts {
		if n := r.First + uint64(i); n == d.had+1 {
			d.had, d.facts = n, append(d.facts, f)
		}
	}
	if d.calls%3 == 0 {
		return struct{}{}, errors.New("the acknowledgement is lost")
	}
	return struct{}{}, nil
}

// close says whether it can write.
func (d *desk) close(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// reporting runs a reporter against a desk, in virtual time.
func reporting(t *testing.T, limit int, test func(*testing.T, *reporter, *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New()
		d := &desk{}
		if _, err := b.Subscribe(bus.Facts, bus.ControlGroup, bus.Serve(d.take)); err != nil {
			t.Fatal(err)
		}
		r := newReporter(Options{Bus: b, Node: "n", FactQueue: limit, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.run(ctx)
		}()
		test(t, r, d)
		cancel()
		<-ended
		_ = b.Close()
	})
}

func fact(name live.FactName, i int) live.Fact {
	return live.Fact{Name: name, Participant: live.ParticipantID(fmt.Sprint(i)), At: time.Now()}
}

// The database is gone for a minute: nobody waits for it, and everything is written afterwards, once and in order.
func TestReports_WaitForADatabaseThatIsGone(t *testing.T) {
	reporting(t, 10_000, func(t *testing.T, r *reporter, d *desk) {
		d.close(true)
		began := time.Now()
		for i := range 5000 {
			r.fact(fact(live.ParticipantJoined, i))
		}
		if time.Since(began) != 0 {
			t.Error("whoever reports waits")
		}
		time.Sleep(time.Minute) // virtual
		d.close(false)
		r.flush(t.Context())
		if len(d.facts) != 5000 || r.lost.Load() != 0 {
			t.Fatalf("%d of 5000 facts were written, %d lost", len(d.facts), r.lost.Load())
		}
		for i, f := range d.facts {
			if f.Participant != live.ParticipantID(fmt.Sprint(i)) {
				t.Fatalf("fact %d is of %s", i, f.Participant)
			}
		}
	})
}

func TestReports_OfSubscriptionsGiveWayFirst(t *testing.T) {
	reporting(t, 100, func(t *testing.T, r *reporter, d *desk) {
		d.close(true)
		for i := range 100 {
			r.fact(fact(live.SubscribeStarted, i))
		}
		for i := range 100 {
			r.fact(fact(live.ParticipantLeft, i))
		}
		d.close(false)
		r.flush(t.Context())
		kinds := map[live.FactName]int{}
		for _, f := range d.facts {
			kinds[f.Name]++
		}
		if kinds[live.SubscribeStarted] != 75 || kinds[live.ParticipantLeft] != 25 || r.lost.Load() != 100 {
			t.Errorf("kept %v, lost %d", kinds, r.lost.Load())
		}
	})
}

func TestReports_HaveTimesThatRiseThoughTheClockStepsBack(t *testing.T) {
	reporting(t, 100, func(t *testing.T, r *reporter, d *desk) {
		now := time.Now()
		for i, step := range []time.Duration{0, -time.Hour, -time.Hour, time.Second, time.Second, -time.Second} {
			f := fact(live.ParticipantJoined, i)
			f.At = now.Add(step)
			r.fact(f)
		}
		r.flush(t.Context())
		for i := 1; i < len(d.facts); i++ {
			if !d.facts[i].At.After(d.facts[i-1].At) {
				t.Errorf("fact %d is of %s, the one before of %s", i, d.facts[i].At, d.facts[i-1].At)
			}
		}
		if len(d.facts) != 6 {
			t.Errorf("%d facts", len(d.facts))
		}
	})
}
