package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

const (
	joinWait   = 20 * time.Second
	feedRounds = 10 // a tenth of the viewers gets its feedback sent every 10 ms
)

// run is one measurement.
type run struct {
	o     Options
	api   *api
	http  *http.Client
	id    *identity
	pins  pins
	pin   *unix.CPUSet // the server's core, nil: any
	pid   int
	loop  *loop.Loop
	pubs  []*publisher
	views []*viewer
	joins []client.Exchanger // of the publishers
	crowd *crowd             // nil: no burst
	tasks sync.WaitGroup
	r     Report
}

// Run plays the participants and returns what was measured.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &run{o: o, pid: o.ServerPID}
	r.http = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: joinsAtOnce}}
	defer r.http.CloseIdleConnections()
	if err := r.prepare(); err != nil {
		return nil, err
	}
	if o.Spawn != "" {
		var flags []string
		if o.Profile != "" {
			flags = append(flags, "--pprof")
		}
		s, err := spawn(ctx, o.Spawn, r.pin, o.ServerOutput, flags...)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		r.o.Server, r.pid = s.url, s.cmd.Process.Pid
		r.say("server ready at %s", s.url)
	}
	r.api = &api{server: r.o.Server, http: r.http, signer: sigv4.Signer{
		Key: sigv4.OneKey{AccessKeyID: o.AccessKey, SecretKey: o.SecretKey}, Region: o.Region, Service: "ivs",
	}}
	return r.measure(ctx)
}

func (r *run) say(format string, args ...any) { _, _ = fmt.Fprintf(r.o.Progress, format+"\n", args...) }

func (r *run) prepare() error {
	var err error
	if r.o.Pin {
		if r.pins, err = choosePins(); err != nil {
			return err
		}
		if err := pinSelf(r.pins.load); err != nil {
			return err
		}
		r.pin = &r.pins.server
	}
	if r.id, err = newIdentity(); err != nil {
		return err
	}
	r.loop, err = loop.Load()
	return err
}

func (r *run) measure(ctx context.Context) (*Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.tasks.Wait()
	defer cancel()
	s := newStream(r.loop, r.o.Bitrate)
	// RTP header with the TWCC extension, AES-GCM tag.
	size := s.meanSize() + 12 + 8 + gcmTag
	if err := r.floor(ctx, size); err != nil {
		return nil, err
	}
	arn, err := r.api.createStage(ctx)
	if err != nil {
		return nil, err
	}
	defer r.clear(context.WithoutCancel(ctx), arn)
	if err := r.joinPublishers(ctx, arn, s); err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	if err := r.invite(ctx, arn); err != nil {
		return nil, err
	}
	base := r.resident()
	if err := r.joinViewers(ctx, arn); err != nil {
		return nil, err
	}
	views := r.views
	r.goAsync(func() { feed(ctx, views) })
	if err := pause(ctx, r.o.Settle); err != nil {
		return nil, err
	}
	if err := r.window(ctx); err != nil {
		return nil, err
	}
	if full := r.resident(); base > 0 && len(r.views) > 0 {
		r.r.ServerRSS, r.r.BytesPerViewer = full, (full-base)/int64(len(r.views))
	}
	if err := r.burst(ctx, arn); err != nil {
		return nil, err
	}
	r.leave(ctx)
	cancel()
	r.tasks.Wait()
	if err := r.floor(context.WithoutCancel(ctx), size); err != nil {
		return nil, err
	}
	r.r.finish()
	return &r.r, nil
}

func (r *run) goAsync(f func()) {
	r.tasks.Add(1)
	go func() {
		defer r.tasks.Done()
		f()
	}()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (r *run) floor(ctx context.Context, size int) error {
	if r.o.NoFloor || r.pid == 0 {
		return nil
	}
	r.say("measuring the floor: one encrypted sendto of %d bytes", size)
	f, err := measureFloor(ctx, r.pin, size, min(max(len(r.views), r.o.Publishers*r.o.Viewers, 1), 200))
	if err != nil {
		return err
	}
	r.r.Floors = append(r.r.Floors, f)
	return nil
}

func (r *run) resident() int64 {
	if r.pid == 0 {
		return 0
	}
	n, err := residentBytes(r.pid)
	if err != nil {
		return 0
	}
	return n
}

func (r *run) joinPublishers(ctx context.Context, arn string, s *stream) error {
	for i := range r.o.Publishers {
		token, err := r.api.createToken(ctx, arn, "PUBLISH", fmt.Sprintf("publisher-%d", i))
		if err != nil {
			return err
		}
		c, err := client.ParseToken(token)
		if err != nil {
			return fmt.Errorf("publisher's token: %w", err)
		}
		joining, cancel := context.WithTimeout(ctx, joinWait)
		p, err := joinPublisher(joining, r.id, client.Exchanger{Token: token, HTTP: r.http}, c.WHIPURL, s, r.loop, r.o.Audio)
		cancel()
		if err != nil {
			return fmt.Errorf("publisher %d: %w", i, err)
		}
		r.pubs, r.joins = append(r.pubs, p), append(r.joins, p.exchange)
		r.goAsync(func() { p.run(ctx) })
	}
	r.say("%d publishing", len(r.pubs))
	return nil
}

func (r *run) joinViewers(ctx context.Context, arn string) error {
	type result struct {
		v   *viewer
		err error
	}
	total := r.o.Publishers * r.o.Viewers
	results := make(chan result)
	slots := make(chan struct{}, r.o.AtOnce)
	r.goAsync(func() {
		for i := range total {
			slots <- struct{}{}
			go func() {
				v, err := r.joinViewer(ctx, arn, i)
				<-slots
				results <- result{v, err}
			}()
		}
	})
	var errs []error
	for range total {
		got := <-results
		if got.err != nil {
			errs = append(errs, got.err)
			continue
		}
		r.views = append(r.views, got.v)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d viewers could not join: %w", len(errs), total, errs[0])
	}
	r.say("%d viewing", len(r.views))
	return nil
}

func (r *run) joinViewer(ctx context.Context, arn string, i int) (*viewer, error) {
	ctx, cancel := context.WithTimeout(ctx, joinWait)
	defer cancel()
	token, err := r.api.createToken(ctx, arn, "SUBSCRIBE", fmt.Sprintf("viewer-%d", i))
	if err != nil {
		return nil, err
	}
	to, err := client.ParseToken(r.joins[i%len(r.joins)].Token)
	if err != nil {
		return nil, err
	}
	v, err := joinViewer(ctx, r.id, client.Exchanger{Token: token, HTTP: r.http},
		to.WHIPURL+"/subscribe/"+to.Participant, r.o.Audio)
	if err != nil {
		return nil, fmt.Errorf("viewer %d: %w", i, err)
	}
	v.askKeyFrame()
	return v, nil
}

// feed sends the feedback of all viewers, each ten times a second and staggered.
func feed(ctx context.Context, views []*viewer) {
	tick := time.NewTicker(100 * time.Millisecond / feedRounds)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for i := round % feedRounds; i < len(views); i += feedRounds {
				views[i].feed(now, (round/feedRounds)%10 == i/feedRounds%10)
			}
		}
	}
}

// window is the measurement itself.
func (r *run) window(ctx context.Context) error {
	r.say("measuring for %v", r.o.Duration)
	told := r.figures(ctx) // outside the snapshots: asking costs
	before, err := r.snapshot(true)
	if err != nil {
		return err
	}
	before.server = told
	profiled := r.profile(ctx)
	if err := pause(ctx, r.o.Duration); err != nil {
		return err
	}
	if err := profiled(); err != nil {
		return err
	}
	after, err := r.snapshot(false)
	if err != nil {
		return err
	}
	after.server = r.figures(ctx)
	r.r.fill(r.o, before, after)
	return nil
}

func (r *run) snapshot(restart bool) (snapshot, error) {
	s := snapshot{at: time.Now()}
	var err error
	if r.pid != 0 {
		if s.serverCPU, err = cpuSeconds(r.pid); err != nil {
			return s, fmt.Errorf("server's CPU: %w", err)
		}
	}
	if s.ownCPU, err = cpuSeconds(os.Getpid()); err != nil {
		return s, err
	}
	for _, p := range r.pubs {
		s.sent += p.packets.Load()
		s.repeated += p.repeated.Load()
		s.plis += p.plis.Load()
		s.nacked += p.nacked.Load()
		s.behind = max(s.behind, p.late(restart))
	}
	for _, v := range r.views {
		s.viewers = append(s.viewers, v.count(restart))
	}
	return s, nil
}

// leave ends everybody, viewers first.
func (r *run) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var errs []error
	for _, v := range r.views {
		errs = append(errs, v.leave(ctx))
	}
	for _, p := range r.pubs {
		errs = append(errs, p.leave(ctx))
	}
	r.views, r.pubs = nil, nil
	if err := errors.Join(errs...); err != nil {
		r.say("leaving: %v", err)
	}
}

// clear leaves nothing behind on the server, however the run ended.
func (r *run) clear(ctx context.Context, arn string) {
	r.leave(ctx)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.api.deleteStage(ctx, arn); err != nil {
		r.say("%v", err)
	}
}
