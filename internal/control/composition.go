package control

import (
	"context"
	"errors"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Compositions are pictures made of stages' participants.
type Compositions struct{ *core }

const (
	// shownAfter is how long a composition that has ended is shown (control-plane.md 1.14).
	shownAfter = 5 * time.Minute
	// idempotentFor is how long a token stands for what it made, at least (control-plane.md 1.9).
	idempotentFor = 24 * time.Hour
)

// startComposition is the operation as idempotency tokens know it.
const startComposition = "StartComposition"

// Start records a composition, hands it to the compositor and returns it as it was then, STARTING. The same
// token with the same request returns the same composition. Errors are Invalid; NotFound if there is no such
// stage, channel, encoder or storage configuration; Conflict if the channel is live, or the token was used with
// another request; Exhausted if the account or the stage has all the compositions it may have.
func (c *Compositions) Start(ctx context.Context, r StartComposition) (live.Composition, error) {
	fresh, err := c.newComposition(r)
	if err != nil {
		return live.Composition{}, err
	}
	made, err := c.again(ctx, r)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return made, err
	}
	if err := c.offline(ctx, fresh); err != nil {
		return live.Composition{}, err
	}
	err = c.store.Write(ctx, func(tx *store.Tx) (err error) {
		if err := c.lockAll(ctx, tx, live.TypeComposition); err != nil {
			return err
		}
		if made, err = c.earlier(ctx, tx, r); err == nil || !errors.Is(err, store.ErrNotFound) {
			return err // another call with the token was quicker
		}
		made = fresh
		return c.insert(ctx, tx, r, &fresh)
	})
	if err != nil {
		return live.Composition{}, err
	}
	if made.ARN == fresh.ARN {
		c.hand(ctx, fresh)
	}
	return made, nil
}

// insert adds a composition if what it names exists and the quotas allow it.
func (c *Compositions) insert(ctx context.Context, tx *store.Tx, r StartComposition, fresh *live.Composition) error {
	if _, err := tx.LockStage(ctx, r.Stage); err != nil {
		return noStage(err, r.Stage)
	}
	if err := c.use(ctx, tx, named(fresh)...); err != nil {
		return err
	}
	most := limit{c.quotas.CompositionsPerStage, "compositions of one stage", "quotas.compositions_per_stage"}
	stage := live.Reference{Role: live.RefersStage, Target: r.Stage.String()}
	if err := most.room(ctx, tx, c.composing(stage)); err != nil {
		return err
	}
	most = limit{c.quotas.Compositions, "compositions", "quotas.compositions"}
	if err := most.room(ctx, tx, c.composing()); err != nil {
		return err
	}
	if err := tx.InsertRecord(ctx, fresh); err != nil || r.Idempotency == "" {
		return err
	}
	return tx.InsertIdempotent(ctx, store.Idempotent{
		Home: c.home, Operation: startComposition, Token: r.Idempotency, Request: digest(r),
		Resource: fresh.ARN, MadeAt: c.now(),
	})
}

// earlier returns what the request's token made before, or ErrNotFound. It is kept after it is shown no more.
func (c *Compositions) earlier(ctx context.Context, tx *store.Tx, r StartComposition) (live.Composition, error) {
	none := live.Composition{}
	if r.Idempotency == "" {
		return none, store.ErrNotFound
	}
	token, err := tx.Idempotent(ctx, c.home, startComposition, r.Idempotency)
	if err != nil {
		return none, err
	}
	if token.Request != digest(r) {
		return none, live.Errorf(live.Conflict, "idempotencyToken was used with other parameters before")
	}
	return store.FindRecord[live.Composition](ctx, tx, token.Resource)
}

// again is earlier before anything has been decided.
func (c *Compositions) again(ctx context.Context, r StartComposition) (made live.Composition, err error) {
	if r.Idempotency == "" {
		return made, store.ErrNotFound
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		made, err = c.earlier(ctx, tx, r)
		return err
	})
	return made, err
}

// named are the resources of ours that a composition uses.
func named(c *live.Composition) []live.ARN {
	var all []live.ARN
	for _, d := range c.Destinations {
		if out := d.Channel; out != nil {
			all = append(all, out.Channel)
			if out.Encoder != (live.ARN{}) {
				all = append(all, out.Encoder)
			}
		}
		if out := d.S3; out != nil {
			all = append(append(all, out.Storage), out.Encoders...)
		}
	}
	return all
}

// offline returns Conflict if the composition is to go to a channel that is live.
func (c *Compositions) offline(ctx context.Context, fresh live.Composition) error {
	for _, d := range fresh.Destinations {
		if d.Channel == nil {
			continue
		}
		if err := c.notLive(ctx, d.Channel.Channel); err != nil {
			return err
		}
	}
	return nil
}

// hand gives a composition to the compositor. What cannot be made has failed, and is recorded so. The caller's
// going away does not stop it.
func (c *Compositions) hand(ctx context.Context, fresh live.Composition) {
	ctx = context.WithoutCancel(ctx)
	err := c.compositor.Start(ctx, fresh)
	if err == nil {
		return
	}
	if err := c.Ended(ctx, fresh.ARN, live.CompositionFailed, err.Error()); err != nil {
		c.log.Error("composition not ended", "composition", fresh.ARN.String(), "error", err)
	}
}

// Get returns a composition, or NotFound, also some minutes after it has ended.
func (c *Compositions) Get(ctx context.Context, arn live.ARN) (live.Composition, error) {
	return get[live.Composition](ctx, c.core, arn, live.TypeComposition)
}

// Stop has a composition come to its end, or returns NotFound. For one that has ended it does nothing.
func (c *Compositions) Stop(ctx context.Context, arn live.ARN) error {
	if err := c.home.Check(arn, live.TypeComposition); err != nil {
		return err
	}
	var stopping live.Composition
	err := c.store.Write(ctx, func(tx *store.Tx) (err error) {
		stopping, err = change(ctx, c.core, tx, arn, func(it *live.Composition) error {
			stop(it)
			return nil
		})
		return err
	})
	if err != nil || stopping.State.Over() {
		return err
	}
	c.halt(ctx, stopping, live.CompositionStopped, "")
	return nil
}

// stop marks what goes on as stopping.
func stop(it *live.Composition) {
	if it.State.Over() {
		return
	}
	it.State = live.CompositionStopping
	for i := range it.Destinations {
		if d := &it.Destinations[i]; !d.State.Over() {
			d.State = live.CompositionStopping
		}
	}
}

// halt tells the compositor to stop a composition; one that nobody makes has come to the end given.
func (c *core) halt(ctx context.Context, it live.Composition, end live.CompositionState, reason string) {
	ctx = context.WithoutCancel(ctx)
	if c.compositor.Stop(ctx, it) == nil {
		return
	}
	if err := c.endComposition(ctx, it.ARN, end, reason); err != nil {
		c.log.Error("composition not ended", "composition", it.ARN.String(), "error", err)
	}
}

// Ended records that a composition is over, STOPPED or FAILED, and for what reason. One that has ended keeps its
// end.
func (c *Compositions) Ended(ctx context.Context, arn live.ARN, state live.CompositionState, reason string) error {
	return c.endComposition(ctx, arn, state, reason)
}

func (c *core) endComposition(ctx context.Context, arn live.ARN, state live.CompositionState, reason string) error {
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		_, err := change(ctx, c, tx, arn, func(it *live.Composition) error {
			if !it.State.Over() {
				finish(it, state, reason, c.moment())
			}
			return nil
		})
		return err
	})
	if err == nil {
		c.log.Info("composition ended", "composition", arn.String(), "state", state, "reason", reason)
	}
	return err
}

// finish gives a composition and all its destinations their end.
func finish(it *live.Composition, state live.CompositionState, reason string, at time.Time) {
	it.State, it.Reason, it.EndedAt, it.GoneAt = state, reason, at, at.Add(shownAfter)
	for i := range it.Destinations {
		if d := &it.Destinations[i]; !d.State.Over() {
			d.State, d.EndedAt = state, at
		}
	}
}

// List returns a page of the compositions that match the filter, newest first, those included that have ended
// some minutes ago.
func (c *Compositions) List(
	ctx context.Context, f CompositionFilter, p Page,
) (items []live.Composition, next string, err error) {
	q := store.Query{Type: live.TypeComposition}
	if f.Stage != (live.ARN{}) {
		if err := c.stageARN(f.Stage); err != nil {
			return nil, "", err
		}
		q.Refers = append(q.Refers, live.Reference{Role: live.RefersStage, Target: f.Stage.String()})
	}
	if f.Encoder != (live.ARN{}) {
		if err := c.home.Check(f.Encoder, live.TypeEncoderConfiguration); err != nil {
			return nil, "", err
		}
		q.Refers = append(q.Refers, live.Reference{Role: live.RefersEncoder, Target: f.Encoder.String()})
	}
	return list[live.Composition](ctx, c.core, q, p, ofHundred)
}

// stopCompositionsOf marks what is composed of a stage as stopping, and returns it.
func (c *core) stopCompositionsOf(ctx context.Context, tx *store.Tx, stage live.ARN) ([]live.Composition, error) {
	q := c.composing(live.Reference{Role: live.RefersStage, Target: stage.String()})
	const all = 10_000 // of one stage at once: beyond any machine
	found, err := store.ListRecords[live.Composition](ctx, tx, q, store.Cursor{}, all)
	if err != nil {
		return nil, err
	}
	for i := range found {
		stop(&found[i])
		if err := tx.UpdateRecord(ctx, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// failLeftCompositions ends what an earlier life of this server left going: nobody makes it any more.
func (c *core) failLeftCompositions(ctx context.Context) error {
	return c.store.Write(ctx, func(tx *store.Tx) error {
		const some = 1000
		for {
			left, err := store.ListRecords[live.Composition](ctx, tx, c.composing(), store.Cursor{}, some)
			if err != nil || len(left) == 0 {
				return err
			}
			for i := range left {
				finish(&left[i], live.CompositionFailed, "the server ended while it was composing", c.moment())
				if err := tx.UpdateRecord(ctx, &left[i]); err != nil {
					return err
				}
			}
		}
	})
}
