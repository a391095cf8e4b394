//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	region  = "us-east-1"
	account = "000000000000"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 4, 5, 6, 7, 89_012_345, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// house is a control plane with what it stands on.
type house struct {
	*control.Service
	store *store.Store
	bus   bus.Bus
	clock *clock
}

// each runs the test with a fresh control plane on each database.
func each(t *testing.T, quotas control.Quotas, test func(*testing.T, *house)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, o store.Options) { test(t, build(t, storetest.Open(t, o), quotas)) })
}

func build(t testing.TB, s *store.Store, quotas control.Quotas) *house {
	t.Helper()
	b := inproc.New()
	t.Cleanup(func() { _ = b.Close() })
	h := &house{store: s, bus: b, clock: newClock()}
	h.Service = open(t, h.options(quotas))
	return h
}

// sqlite returns an empty store in a file.
func sqlite(t testing.TB) *store.Store {
	t.Helper()
	return storetest.Open(t, storetest.SQLite(t))
}

// houseOn returns a control plane on SQLite, for what the database has no part in.
func houseOn(t *testing.T) *house {
	t.Helper()
	return build(t, sqlite(t), control.Quotas{})
}

// setIngest changes an ingest configuration's record, as whoever takes its stream will.
func (h *house) setIngest(t *testing.T, arn live.ARN, change func(*live.Ingest)) {
	t.Helper()
	err := h.store.Write(t.Context(), func(tx *store.Tx) error {
		in, err := store.FindRecord[live.Ingest](t.Context(), tx, arn)
		if err != nil {
			return err
		}
		change(&in)
		return tx.UpdateRecord(t.Context(), &in)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) options(quotas control.Quotas) control.Options {
	return control.Options{
		Store: h.store, Bus: h.bus, Node: "node00000001", Region: region, Account: account,
		Endpoints: live.Endpoints{Events: "ws://localhost/events", WHIP: "http://localhost/whip", RTMP: "rtmp://localhost/app/"},
		Quotas:    quotas, Now: h.clock.now, Buckets: somewhere{},
	}
}

func open(t testing.TB, o control.Options) *control.Service {
	t.Helper()
	s, err := control.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// restart closes the control plane and opens another on the same records.
func (h *house) restart(t *testing.T, change func(*control.Options)) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	o := h.options(control.Quotas{})
	if change != nil {
		change(&o)
	}
	h.Service = open(t, o)
}

func (h *house) stage(t *testing.T) live.Stage {
	t.Helper()
	stage, _, err := h.Stages.Create(t.Context(), control.CreateStage{})
	if err != nil {
		t.Fatal(err)
	}
	return stage
}

// host obeys what control tells the host of a stage, and notes it.
func (h *house) host(t *testing.T, stage live.StageID) (obeyed chan any) {
	t.Helper()
	obeyed = make(chan any, 16)
	subscribe(t, h.bus, bus.DisconnectParticipant(stage), func(_ context.Context, c live.DisconnectParticipant) (struct{}, error) {
		obeyed <- c
		return struct{}{}, nil
	})
	subscribe(t, h.bus, bus.CloseStage(stage), func(_ context.Context, c live.CloseStage) (struct{}, error) {
		obeyed <- c
		return struct{}{}, nil
	})
	return obeyed
}

func subscribe[In any](t *testing.T, b bus.Bus, subject string, serve func(context.Context, In) (struct{}, error)) {
	t.Helper()
	if _, err := b.Subscribe(subject, "", bus.Serve(serve)); err != nil {
		t.Fatal(err)
	}
}

func (h *house) openSession(t *testing.T, stage live.StageID, node live.NodeID) live.SessionGrant {
	t.Helper()
	grant, err := bus.Ask[live.SessionGrant](t.Context(), h.bus, bus.OpenSession, live.OpenSession{Stage: stage, Node: node})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func wantKind(t *testing.T, what string, err error, want live.Kind) {
	t.Helper()
	if err == nil || live.KindOf(err) != want {
		t.Errorf("%s: got %v, expected kind %d", what, err, want)
	}
}

func arn(text string) live.ARN {
	a, err := live.ParseARN(text)
	if err != nil {
		panic(err)
	}
	return a
}

func TestOpen_NeedsWhatItStandsOn(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	for name, change := range map[string]func(*control.Options){
		"store":   func(o *control.Options) { o.Store = nil },
		"bus":     func(o *control.Options) { o.Bus = nil },
		"node":    func(o *control.Options) { o.Node = "" },
		"region":  func(o *control.Options) { o.Region = "" },
		"account": func(o *control.Options) { o.Account = "" },
	} {
		o := h.options(control.Quotas{})
		change(&o)
		if s, err := control.Open(t.Context(), o); err == nil {
			_ = s.Close()
			t.Errorf("opened without %s", name)
		}
	}
}
