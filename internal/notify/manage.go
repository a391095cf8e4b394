package notify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// View is a target as operators see it: without its secrets.
type View struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Declared bool            `json:"declared"`
	URL      string          `json:"url,omitempty"`
	Pattern  json.RawMessage `json:"pattern,omitempty"`
	Envelope string          `json:"envelope,omitempty"`
	Subject  string          `json:"subject,omitempty"`
	Bus      string          `json:"bus,omitempty"`
	Source   string          `json:"source,omitempty"`
	Region   string          `json:"region,omitempty"`

	State         string    `json:"state"` // on, off, retrying
	Why           string    `json:"why,omitempty"`
	Position      int64     `json:"position"`
	Behind        int64     `json:"behind"`
	Delivered     int64     `json:"delivered"`
	Failed        int64     `json:"failed"`
	Dropped       int64     `json:"dropped"`
	LastDelivered time.Time `json:"lastDeliveredAt,omitzero"`
	LastError     string    `json:"lastError,omitempty"`
	LastErrorAt   time.Time `json:"lastErrorAt,omitzero"`
	CreatedAt     time.Time `json:"createdAt,omitzero"`
}

// List returns all targets by name.
func (s *Service) List(ctx context.Context) ([]View, error) {
	var rows []store.Target
	var last int64
	err := s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if rows, err = tx.Targets(ctx); err == nil {
			_, last, err = tx.OutRange(ctx)
		}
		return err
	})
	views := []View{}
	for _, row := range rows {
		views = append(views, s.view(row, last))
	}
	return views, err
}

// Get returns a target, or NotFound.
func (s *Service) Get(ctx context.Context, name string) (View, error) {
	var row store.Target
	var last int64
	err := s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Target(ctx, name); err == nil {
			_, last, err = tx.OutRange(ctx)
		}
		return err
	})
	return s.view(row, last), absent(err, name)
}

func absent(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return live.Errorf(live.NotFound, "there is no target %q", name[:min(len(name), 64)])
	}
	return err
}

func (s *Service) view(row store.Target, last int64) View {
	v := View{
		Name: row.Name, Kind: "unusable", Declared: row.Declared, State: "on", Why: row.OffWhy,
		Position: row.Position, Behind: max(0, last-row.Position),
		Delivered: row.Delivered, Failed: row.Failed, Dropped: row.Dropped,
		LastDelivered: row.DeliveredAt, LastError: row.LastError, LastErrorAt: row.LastErrorAt, CreatedAt: row.CreatedAt,
	}
	if t := s.find(row.Name); t != nil {
		it := t.settings
		v.Kind, v.URL, v.Pattern, v.Envelope = it.Kind, it.URL, it.Pattern, it.Envelope
		v.Subject, v.Bus, v.Source, v.Region = it.Subject, it.Bus, it.Source, it.Region
		t.mu.Lock()
		if t.retrying {
			v.State = "retrying"
		}
		v.Failed += t.failed
		if t.errorAt.After(v.LastErrorAt) {
			v.LastError, v.LastErrorAt = t.lastError, t.errorAt
		}
		t.mu.Unlock()
	}
	if row.OffWhy != "" {
		v.State = "off"
	}
	return v
}

func (s *Service) find(name string) *target {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.targets[name]
}

// Add adds a target, which is told of what happens from now on, and returns the secret that signs what a webhook
// gets. It returns Invalid or Conflict, and Exhausted if there are as many as there may be.
func (s *Service) Add(ctx context.Context, it Settings) (View, live.Secret, error) {
	if err := s.check(&it); err != nil {
		return View{}, "", err
	}
	row, err := s.row(it)
	if err != nil {
		return View{}, "", err
	}
	t, err := s.newTarget(it)
	if err != nil {
		return View{}, "", err
	}
	err = s.o.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "targets"); err != nil {
			return err
		}
		all, err := tx.Targets(ctx)
		if err != nil {
			return err
		}
		if len(all) >= maxTargets {
			return live.Errorf(live.Exhausted, "there are %d targets, the limit is %d", len(all), maxTargets)
		}
		if _, row.Position, err = tx.OutRange(ctx); err != nil {
			return err
		}
		added, err := tx.PutTarget(ctx, row)
		if err == nil && !added {
			err = live.Errorf(live.Conflict, "there is a target %q already", it.Name)
		}
		return err
	})
	if err != nil {
		return View{}, "", err
	}
	s.mu.Lock()
	s.targets[it.Name] = t
	if s.running {
		s.start(t)
	}
	s.mu.Unlock()
	return s.view(row, row.Position), live.Secret(it.Secret), nil
}

// Remove removes a target. It returns NotFound, and Conflict for one of the configuration.
func (s *Service) Remove(ctx context.Context, name string) error {
	err := s.o.Store.Write(ctx, func(tx *store.Tx) error {
		row, err := tx.Target(ctx, name)
		if err != nil {
			return err
		}
		if row.Declared {
			return live.Errorf(live.Conflict, "target %q stands in the configuration: take it out there", name)
		}
		return tx.DeleteTarget(ctx, name)
	})
	if err != nil {
		return absent(err, name)
	}
	s.mu.Lock()
	t := s.targets[name]
	delete(s.targets, name)
	s.mu.Unlock()
	if t != nil && t.stop != nil {
		t.stop()
		<-t.ended
	}
	return nil
}

// Rotate gives a webhook a new secret. The one before signs as well for a day, so that receivers can change theirs.
func (s *Service) Rotate(ctx context.Context, name string) (live.Secret, error) {
	t := s.find(name)
	if t == nil {
		return "", absent(store.ErrNotFound, name)
	}
	it := t.settings
	if it.Kind != Webhook {
		return "", live.Errorf(live.Invalid, "target %q is no webhook: it has no secret that signs", name)
	}
	it.Secret = NewSecret()
	it.signing = []signing{{Secret: it.Secret}, {Secret: t.settings.signing[0].Secret, Until: s.o.Now().Add(24 * time.Hour)}}
	row, err := s.row(it)
	if err != nil {
		return "", err
	}
	err = s.o.Store.Write(ctx, func(tx *store.Tx) error {
		before, err := tx.Target(ctx, name)
		if err != nil {
			return err
		}
		if before.Declared {
			return live.Errorf(live.Conflict, "target %q stands in the configuration: change its secret there", name)
		}
		row.OffWhy = before.OffWhy
		return tx.UpdateTarget(ctx, row)
	})
	if err != nil {
		return "", absent(err, name)
	}
	fresh, err := s.newTarget(it)
	if err != nil {
		return "", err
	}
	if t.stop != nil {
		t.stop()
		<-t.ended
	}
	s.mu.Lock()
	s.targets[name] = fresh
	if s.running {
		s.start(fresh)
	}
	s.mu.Unlock()
	return live.Secret(it.Secret), nil
}

// Replay has a target told again of everything after a number or, if from is not zero, since a time. A target that
// was off is on again.
func (s *Service) Replay(ctx context.Context, name string, after int64, from time.Time) (View, error) {
	err := s.o.Store.Write(ctx, func(tx *store.Tx) error {
		if !from.IsZero() {
			var err error
			if after, err = tx.OutBefore(ctx, from); err != nil {
				return err
			}
		}
		first, last, err := tx.OutRange(ctx)
		if err != nil {
			return err
		}
		if after < 0 || after > last {
			return live.Errorf(live.Invalid, "after must be from 0 to %d, the number of the last event", last)
		}
		return tx.MoveTarget(ctx, name, max(after, first-1))
	})
	if err != nil {
		return View{}, absent(err, name)
	}
	if t := s.find(name); t != nil {
		t.poke()
	}
	return s.Get(ctx, name)
}

// Test sends a target an event of its own, and returns how long it took and what went wrong.
func (s *Service) Test(ctx context.Context, name string) (time.Duration, error) {
	t := s.find(name)
	if t == nil {
		return 0, absent(store.ErrNotFound, name)
	}
	e := live.BridgeEvent{
		ID: newUUID(), DetailType: live.TargetTest, Account: s.o.Home.Account, At: s.o.Now(), Region: s.o.Home.Region,
		Detail: live.TestDetail{Name: "Target Test", Target: name},
	}
	text, err := e.Text()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Attempt)
	defer cancel()
	began := time.Now()
	err = t.sender.send(ctx, message{id: e.ID, stage: "test", at: e.At, body: text})
	took := time.Since(began)
	if err != nil {
		err = &testError{brief(err)}
	}
	return took, err
}

// testError is what a target answered to a test.
type testError struct{ text string }

func (e *testError) Error() string { return e.text }

// newUUID makes a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
