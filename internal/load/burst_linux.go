package load

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/proscenium-live/proscenium/client"
)

// recordsWait is how long records may take to be complete.
const recordsWait = 30 * time.Second

// invite makes the tokens of the burst, before anything is measured.
func (r *run) invite(ctx context.Context, arn string) error {
	if r.o.Joins == 0 {
		return nil
	}
	r.say("making %d tokens", r.o.Joins)
	r.crowd = &crowd{
		guests: make([]*guest, r.o.Joins), rate: r.o.JoinRate,
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if r.o.JoinMedia {
		to, err := client.ParseToken(r.joins[0].Token)
		if err != nil {
			return err
		}
		r.crowd.watch, r.crowd.id = to.WHIPURL+"/subscribe/"+to.Participant, r.id
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(joinsAtOnce)
	for i := range r.crowd.guests {
		work.Go(func() error {
			token, err := r.api.createToken(ctx, arn, "SUBSCRIBE", fmt.Sprintf("guest-%d", i))
			if err != nil {
				return err
			}
			claims, err := client.ParseToken(token)
			r.crowd.guests[i] = &guest{token: token, id: claims.Participant}
			return err
		})
	}
	return work.Wait()
}

// burst has the crowd join and leave while the media goes on, and measures both.
func (r *run) burst(ctx context.Context, arn string) error {
	if r.crowd == nil {
		return nil
	}
	b := &Burst{Joins: r.o.Joins, Rate: r.o.JoinRate, Media: r.o.JoinMedia, Before: windowOf(&r.r)}
	defer r.crowd.leave()
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	if r.o.JoinMedia {
		r.goAsync(func() { r.crowd.feed(feeding) })
	}
	r.say("%d joins, %.0f a second", b.Joins, b.Rate)
	var err error
	if b.During, err = r.during(func() { r.crowd.join(ctx) }); err != nil {
		return err
	}
	if b.Seconds = b.During.Seconds; ctx.Err() != nil {
		return ctx.Err()
	}
	who := r.crowd.inside()
	if b.Leaving, err = r.during(func() { b.Cut = r.crowd.leave() }); err != nil {
		return err
	}
	var took []time.Duration
	for _, g := range r.crowd.guests {
		if g.err == nil {
			took = append(took, g.took)
			continue
		}
		if b.Failed++; b.FirstError == "" {
			b.FirstError = g.err.Error()
		}
	}
	r.say("looking for the records")
	if err := r.records(ctx, arn, who, b); err != nil {
		return err
	}
	b.finish(took)
	r.r.Burst = b
	return nil
}

// during measures the media while something else happens.
func (r *run) during(happens func()) (Window, error) {
	before, err := r.snapshot(true)
	if err != nil {
		return Window{}, err
	}
	happens()
	after, err := r.snapshot(true)
	if err != nil {
		return Window{}, err
	}
	var w Report
	w.fill(r.o, before, after)
	return windowOf(&w), nil
}

// records counts those of the crowd that the API has a record of, until it has all as left, or recordsWait is over.
func (r *run) records(ctx context.Context, arn string, who []*guest, b *Burst) error {
	in := map[string]bool{}
	for _, g := range who {
		in[g.id] = true
	}
	began := time.Now()
	for {
		states, err := r.api.participants(ctx, arn)
		if err != nil {
			return err
		}
		b.RecordsIn, b.Recorded, b.Left = time.Since(began).Seconds(), 0, 0
		for id, state := range states {
			if !in[id] {
				continue
			}
			if b.Recorded++; state == "DISCONNECTED" {
				b.Left++
			}
		}
		if b.Left == len(in) || time.Since(began) > recordsWait {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}
