package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

const (
	// together is how many events are looked at in one turn.
	together = 100
	// abreast is how many stages a target is told of at once.
	abreast = 8
)

// target is one of those who are told.
type target struct {
	s        *Service
	settings Settings
	sender   sender
	moved    chan struct{} // has a token when its position or state was changed from outside

	stop  context.CancelFunc // ends run; set by start
	ended chan struct{}

	mu        sync.Mutex
	retrying  bool
	failed    int64 // attempts that are not noted yet
	lastError string
	errorAt   time.Time
}

func (s *Service) newTarget(it Settings) (*target, error) {
	sender, err := s.newSender(it)
	if err != nil {
		return nil, err
	}
	return &target{s: s, settings: it, sender: sender, moved: make(chan struct{}, 1)}, nil
}

// poke has the target look at its record anew.
func (t *target) poke() {
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

// run tells the target until ctx ends.
func (t *target) run(ctx context.Context) {
	defer t.sender.close()
	for ctx.Err() == nil {
		news := t.s.bell.next()
		more, err := t.turn(ctx)
		if errors.Is(err, store.ErrNotFound) {
			return // removed
		}
		if err != nil && ctx.Err() == nil {
			t.s.o.Log.Warn("target not told: the records cannot be reached", "target", t.settings.Name, "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-news:
		case <-t.moved:
		case <-ctx.Done():
		}
	}
}

// turn tells the target of some events and notes how far it came; more says that there may be others.
func (t *target) turn(ctx context.Context) (more bool, err error) {
	var row store.Target
	var events []store.OutEvent
	var first int64
	err = t.s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Target(ctx, t.settings.Name); err != nil || row.OffWhy != "" {
			return err
		}
		if events, err = tx.Out(ctx, row.Position, together); err == nil {
			first, _, err = tx.OutRange(ctx)
		}
		return err
	})
	if err != nil || row.OffWhy != "" {
		return false, err
	}
	p := store.Progress{From: row.Position, To: row.Position}
	if p.To < first-1 { // forgotten before they could be told
		p.Dropped, p.To = first-1-p.To, first-1
	}
	if len(events) == 0 && p.To == p.From {
		return false, nil
	}
	moved := t.tell(ctx, events, &p)
	return moved || p.OffWhy == "" && len(events) == together, t.note(ctx, p)
}

// noteIn is how long it may take to note how far a target was told; who stops waits for it.
const noteIn = 2 * time.Second

// note writes down what became of a turn. It tries until the records can be reached.
func (t *target) note(ctx context.Context, p store.Progress) error {
	t.mu.Lock()
	p.Failed, p.LastError, p.LastErrorAt = t.failed, t.lastError, t.errorAt
	t.mu.Unlock()
	for {
		// What has been told is noted even if we are to end: it would be told again.
		save, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteIn)
		err := t.s.o.Store.Write(save, func(tx *store.Tx) error {
			_, err := tx.NoteProgress(save, t.settings.Name, p)
			return err
		})
		cancel()
		if err == nil {
			t.mu.Lock()
			t.failed -= p.Failed
			t.mu.Unlock()
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(t.s.o.Poll):
		}
	}
}

// tell sends the events that the target wants, those of one stage one after another. It returns when all have been
// sent, or given up; or with a part of them when ctx ends or the target was moved: then the position stays.
func (t *target) tell(ctx context.Context, events []store.OutEvent, p *store.Progress) (moved bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stages := map[live.StageID][]message{}
	var order []live.StageID
	for _, e := range events {
		if !t.settings.pattern.Matches([]byte(e.Body)) {
			continue
		}
		if stages[e.Stage] == nil {
			order = append(order, e.Stage)
		}
		stages[e.Stage] = append(stages[e.Stage], message{e.ID, e.Seq, string(e.Stage), e.At, e.Body})
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-t.moved:
			moved = true
			cancel()
		case <-ctx.Done():
		}
	}()
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, abreast)
	for _, id := range order {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			for _, m := range stages[id] {
				err := t.insist(ctx, m)
				mu.Lock()
				switch {
				case err == nil:
					p.Delivered++
					p.DeliveredAt = t.s.o.Now()
				case errors.Is(err, errTooOld):
					p.Dropped++
				case errors.Is(err, errGone):
					p.OffWhy = err.Error()
					cancel()
				}
				mu.Unlock()
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	whole := ctx.Err() == nil
	cancel()
	<-watched
	if whole && len(events) > 0 {
		p.To = events[len(events)-1].Seq
	}
	if p.OffWhy != "" {
		t.s.o.Log.Warn("target is told no more", "target", t.settings.Name, "reason", p.OffWhy)
	}
	return moved
}

// errTooOld says that an event would not be kept any longer.
var errTooOld = errors.New("the event is too old")

// insist sends a message until it is taken, is too old, or the target is gone; or ctx ends.
func (t *target) insist(ctx context.Context, m message) error {
	pause := t.s.o.FirstRetry
	for {
		err := t.attempt(ctx, m)
		if err == nil || errors.Is(err, errGone) || ctx.Err() != nil {
			return err
		}
		if t.s.o.Now().Sub(m.at) > t.s.o.Keep {
			return errTooOld
		}
		wait := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // G404: spreads load, hides nothing
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, t.s.o.LastRetry)
	}
}

// attempt sends a message once, and remembers how that went.
func (t *target) attempt(ctx context.Context, m message) error {
	short, cancel := context.WithTimeout(ctx, t.s.o.Attempt)
	defer cancel()
	err := t.sender.send(short, m)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retrying = err != nil && ctx.Err() == nil
	if t.retrying {
		if t.failed == 0 {
			t.s.o.Log.Warn("target could not be told", "target", t.settings.Name, "error", err)
		}
		t.failed++
		t.lastError, t.errorAt = brief(err), t.s.o.Now()
	}
	return err
}

// maxError is how much of an error is kept.
const maxError = 300

func brief(err error) string {
	text := []rune(err.Error())
	return string(text[:min(len(text), maxError)])
}
