package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// presentAlone is what the publisher and the viewer that stay count for: they are participants, and have a peer each.
const presentAlone = 4

// soak is one soak under way.
type soak struct {
	o       SoakOptions
	api     *api
	http    *http.Client // of API, WHIP and WHEP
	sockets *http.Client // of state sockets
	id      *identity
	loop    *loop.Loop
	stream  *stream
	arn     string
	steady  string // token of the publisher that stays
	started time.Time

	mu  sync.Mutex // guards what follows
	s   Soak
	now map[string]bool // tokens of the churners that publish
}

// RunSoak has participants come and go in every way there is, good and bad, and looks at what that leaves behind on the server.
// It returns an error if the soak could not be done; what grew stands in the result.
func RunSoak(ctx context.Context, o SoakOptions) (*Soak, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &soak{o: o, now: map[string]bool{}, s: Soak{Joins: map[string]uint64{}, Leaves: map[string]uint64{}, Churners: o.Churners}}
	s.http = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: joinsAtOnce}}
	s.sockets = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	defer s.http.CloseIdleConnections()
	if o.Spawn != "" {
		p, err := spawn(ctx, o.Spawn, nil, o.ServerOutput, "--pprof")
		if err != nil {
			return nil, err
		}
		defer p.stop()
		s.o.Server, s.o.ServerPID = p.url, p.cmd.Process.Pid
	}
	s.api = &api{server: s.o.Server, http: s.http, signer: sigv4.Signer{
		Key: sigv4.OneKey{AccessKeyID: o.AccessKey, SecretKey: o.SecretKey}, Region: o.Region, Service: "ivs",
	}}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return &s.s, nil
}

func (s *soak) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.o.Progress, format+"\n", args...)
}

func (s *soak) run(ctx context.Context) error {
	var err error
	if s.id, err = newIdentity(); err != nil {
		return err
	}
	if s.loop, err = loop.Load(); err != nil {
		return err
	}
	s.stream = newStream(s.loop, s.o.Bitrate)
	if s.arn, err = s.api.createStage(ctx); err != nil {
		return err
	}
	defer func() { _ = s.api.deleteStage(context.WithoutCancel(ctx), s.arn) }()

	stays, end, err := s.stay(ctx)
	if err != nil {
		return err
	}
	defer end()
	s.say("warming up")
	for range 3 { // what is made once, on either side
		for kind := range kindsOfChurner {
			s.once(ctx, kind, politely)
		}
	}
	for end := time.Now().Add(s.o.Drain); ; { // those who have left are not gone at once
		if s.s.Before = s.settled(ctx); s.s.Before.Present <= presentAlone || time.Now().After(end) {
			break
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	stays.count(true)
	from := stays.count(false)

	s.say("churning for %v", s.o.Duration)
	s.started = time.Now()
	if err := s.churn(ctx); err != nil {
		return err
	}
	s.s.Seconds = time.Since(s.started).Seconds()
	to := stays.count(false)
	s.s.Expected, s.s.Missing = to.expected-from.expected, (to.expected-from.expected)-(to.received-from.received)
	s.s.DelayP50, s.s.DelayP99 = milliseconds(to.delay.quantile(0.5)), milliseconds(to.delay.quantile(0.99))

	s.say("waiting until everybody is forgotten")
	gone := time.Now()
	for s.s.After = s.settled(ctx); !s.drained() && time.Since(gone) < s.o.Drain; s.s.After = s.settled(ctx) {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	s.s.Drained = time.Since(gone).Seconds()
	s.s.Machine, s.s.At = machine(), time.Now().UTC().Format(time.RFC3339)
	s.s.judge()
	return nil
}

// drained tells whether nothing is left over any more.
func (s *soak) drained() bool {
	for _, b := range drainedBounds {
		if before, after := b.of(s.s.Before), b.of(s.s.After); after > before*(1+b.part)+b.fixed {
			return false
		}
	}
	return true
}

// stay has one publisher and one viewer that are there all the time.
func (s *soak) stay(ctx context.Context) (*viewer, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	p, err := s.publish(ctx, "steady")
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("steady publisher: %w", err)
	}
	s.steady = p.exchange.Token
	tasks.Go(func() { p.run(ctx) })
	v, err := s.watch(ctx, "steady", s.steady)
	if err != nil {
		cancel()
		tasks.Wait()
		p.transport.close()
		return nil, nil, fmt.Errorf("steady viewer: %w", err)
	}
	tasks.Go(func() { feed(ctx, []*viewer{v}) })
	return v, func() {
		cancel()
		tasks.Wait()
		leaving, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		_, _ = v.leave(leaving), p.leave(leaving)
	}, nil
}

// churn keeps the churners busy, and takes samples, until the time is over.
func (s *soak) churn(ctx context.Context) error {
	busy, stop := context.WithTimeout(ctx, s.o.Duration)
	defer stop()
	var actors sync.WaitGroup
	for i := range s.o.Churners {
		actors.Go(func() {
			for busy.Err() == nil {
				s.once(busy, kindOf(i), anyhow())
				_ = pause(busy, rand.N(500*time.Millisecond)) //nolint:gosec // no secret
			}
		})
	}
	tick := time.NewTicker(s.o.Sample)
	defer tick.Stop()
	for busy.Err() == nil {
		select {
		case <-busy.Done():
		case <-tick.C:
			x := s.sample(ctx)
			s.mu.Lock()
			s.s.Samples = append(s.s.Samples, x)
			s.mu.Unlock()
			s.say("%.0f s: RSS %s, heap %s, %.0f goroutines, %.0f files", x.Seconds, mebibytes(x.RSS), mebibytes(x.Heap), x.Goroutines, x.Files)
		}
	}
	actors.Wait()
	return ctx.Err()
}

// sample looks at the server.
func (s *soak) sample(ctx context.Context) Sample {
	x := Sample{Seconds: time.Since(s.started).Seconds()}
	if s.started.IsZero() {
		x.Seconds = 0
	}
	if rss, err := residentBytes(s.o.ServerPID); err == nil {
		x.RSS = float64(rss)
	}
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.o.ServerPID)); err == nil {
		x.Files = float64(len(files))
	}
	x.CPU, _ = cpuSeconds(s.o.ServerPID)
	if f, err := readFigures(ctx, s.http, s.o.Server); err == nil {
		x.Heap, x.Goroutines = f["go_memstats_heap_alloc_bytes"], f[figureGoroutines]
		x.Present = f["proscenium_participants"] + f["proscenium_peers"] + f["proscenium_sockets"]
	}
	return x
}

// settled looks at the server after a garbage collection, with no idle connection of ours open.
func (s *soak) settled(ctx context.Context) Sample {
	if s.o.ServerPID == os.Getpid() {
		runtime.GC()
	} else {
		_, _ = get(ctx, s.http, s.o.Server+"/debug/pprof/heap?gc=1") // without profiles there is more garbage in the heap
	}
	s.http.CloseIdleConnections()
	return s.sample(ctx)
}

// A churner is of one kind for life.
const (
	churnViewer = iota
	churnGuest
	churnPublisher
	churnCaller
	kindsOfChurner
)

// kindOf gives every twelve churners one publisher, one caller of the API, three guests and seven viewers.
func kindOf(i int) int {
	switch i % 12 {
	case 0:
		return churnPublisher
	case 1:
		return churnCaller
	case 2, 6, 10:
		return churnGuest
	}
	return churnViewer
}

// how says how a churner leaves.
type how int

const (
	politely how = iota // DELETE, or a close frame
	curtly              // a goodbye on the media path only, or a socket that breaks
	silently            // nothing: sockets are closed, no word leaves
	again               // a publisher comes back first, with the same token
)

func (h how) String() string { return [...]string{"politely", "curtly", "silently", "replaced"}[h] }

func anyhow() how { return how(rand.IntN(4)) } //nolint:gosec // no secret

// once has a churner come, stay for a while, and go.
func (s *soak) once(ctx context.Context, kind int, h how) {
	stay := 300*time.Millisecond + rand.N(4*time.Second) //nolint:gosec // no secret
	if h == politely && s.started.IsZero() {
		stay = 100 * time.Millisecond // warming up
	}
	var err error
	switch kind {
	case churnViewer:
		err = s.viewOnce(ctx, h, stay)
	case churnGuest:
		err = s.visitOnce(ctx, h, stay)
	case churnPublisher:
		err = s.publishOnce(ctx, h, stay)
	case churnCaller:
		err = s.callOnce(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.s.Failures++; s.s.FirstError == "" {
			s.s.FirstError = err.Error()
		}
	}
}

func (s *soak) joined(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Joins[what]++
}

func (s *soak) left(h how) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Leaves[h.String()]++
}

// finishing gives what has begun the time to end, however ctx ended.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), joinWait)
}

func (s *soak) token(ctx context.Context, capability, user string) (string, error) {
	s.mu.Lock()
	s.s.Calls++
	s.mu.Unlock()
	return s.api.createToken(ctx, s.arn, capability, user)
}

// publish begins a publication and lets others know.
func (s *soak) publish(ctx context.Context, user string) (*publisher, error) {
	token, err := s.token(ctx, "PUBLISH", user)
	if err != nil {
		return nil, err
	}
	p, err := s.publishWith(ctx, token)
	if err == nil {
		s.joined("publishers")
	}
	return p, err
}

func (s *soak) publishWith(ctx context.Context, token string) (*publisher, error) {
	to, err := client.ParseToken(token)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinWait)
	defer cancel()
	return joinPublisher(ctx, s.id, client.Exchanger{Token: token, HTTP: s.http}, to.WHIPURL, s.stream, s.loop, false)
}

// publishOnce publishes for a while. One that comes back takes the place of itself, as after a network's change.
func (s *soak) publishOnce(ctx context.Context, h how, stay time.Duration) error {
	p, err := s.publish(ctx, "churner")
	if err != nil {
		return err
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	sending, stop := context.WithCancel(ctx)
	defer stop()
	tasks.Go(func() { p.run(sending) })
	name := p.exchange.Token
	s.shows(name, true)
	_ = pause(ctx, stay)
	if h == again && ctx.Err() == nil {
		second, err := s.publishWith(ctx, name)
		if err == nil {
			tasks.Go(func() { second.run(sending) })
			p.transport.vanish()
			s.left(h)
			p, h = second, politely
			_ = pause(ctx, stay)
		} else if ctx.Err() == nil {
			p.transport.close()
			s.shows(name, false)
			return fmt.Errorf("publish again: %w", err)
		}
	}
	s.shows(name, false)
	stop()
	s.left(h)
	return s.part(ctx, h, p.transport, p.leave)
}

// shows notes who can be watched.
func (s *soak) shows(token string, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now {
		s.now[token] = true
	} else {
		delete(s.now, token)
	}
}

// watched returns a churner that publishes, "" if there is none.
func (s *soak) watched() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.now { // in no order
		return token
	}
	return ""
}

// watch subscribes to what the holder of the token publishes.
func (s *soak) watch(ctx context.Context, user, publisher string) (*viewer, error) {
	token, err := s.token(ctx, "SUBSCRIBE", user)
	if err != nil {
		return nil, err
	}
	to, err := client.ParseToken(publisher)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinWait)
	defer cancel()
	v, err := joinViewer(ctx, s.id, client.Exchanger{Token: token, HTTP: s.http}, to.WHIPURL+"/subscribe/"+to.Participant, false)
	if err != nil {
		return nil, err
	}
	s.joined("viewers")
	v.askKeyFrame()
	return v, nil
}

func (s *soak) viewOnce(ctx context.Context, h how, stay time.Duration) error {
	publisher := s.steady
	if other := s.watched(); other != "" && rand.IntN(2) == 0 { //nolint:gosec // no secret
		publisher = other
	}
	v, err := s.watch(ctx, "churner", publisher)
	if err != nil {
		if publisher != s.steady {
			return nil // it may have gone meanwhile
		}
		return err
	}
	for end := time.Now().Add(stay); time.Now().Before(end) && ctx.Err() == nil; {
		_ = pause(ctx, 100*time.Millisecond)
		v.feed(time.Now(), true)
	}
	if h == again {
		h = silently
	}
	s.left(h)
	return s.part(ctx, h, v.transport, v.leave)
}

// part ends a media session in one of the ways there are.
func (s *soak) part(ctx context.Context, h how, t *transport, leave func(context.Context) error) error {
	switch h {
	case curtly:
		t.close()
	case silently:
		t.vanish()
	case politely, again:
		ctx, cancel := finishing(ctx)
		defer cancel()
		return leave(ctx)
	}
	return nil
}

// visitOnce joins by the state socket, asks for the state, and leaves.
func (s *soak) visitOnce(ctx context.Context, h how, stay time.Duration) error {
	token, err := s.token(ctx, "SUBSCRIBE", "guest")
	if err != nil {
		return err
	}
	g := &guest{token: token}
	if err := g.join(ctx, time.Now(), s.sockets); err != nil {
		return err
	}
	s.joined("guests")
	defer func() {
		select {
		case <-g.gone:
		case <-time.After(joinWait): // the server has not closed it
			_ = g.conn.CloseNow()
			<-g.gone
		}
	}()
	_ = g.conn.Write(ctx, websocket.MessageText, []byte(`{"type":"GET_STATE","payload":{}}`))
	_ = pause(ctx, stay)
	s.left(h)
	switch h {
	case politely:
		_ = g.conn.Close(websocket.StatusNormalClosure, "")
	case again: // expelled by the API
		to, err := client.ParseToken(token)
		if err != nil {
			return err
		}
		ctx, cancel := finishing(ctx)
		defer cancel()
		err = s.call(ctx, "DisconnectParticipant", map[string]any{"stageArn": s.arn, "participantId": to.Participant})
		if err != nil {
			_ = g.conn.CloseNow()
			return err
		}
	case curtly, silently:
		_ = g.conn.CloseNow()
	}
	return nil
}

func (s *soak) call(ctx context.Context, operation string, in any) error {
	s.mu.Lock()
	s.s.Calls++
	s.mu.Unlock()
	return s.api.call(ctx, operation, in, nil)
}

// callOnce has a stage of its own come and go, and reads what there is of the other.
func (s *soak) callOnce(ctx context.Context) error {
	arn, err := s.api.createStage(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	_, err = s.api.createToken(ctx, arn, "PUBLISH", "nobody")
	return errors.Join(err,
		s.call(ctx, "GetStage", map[string]any{"arn": arn}),
		s.call(ctx, "ListStages", map[string]any{"maxResults": 10}),
		s.call(ctx, "ListStageSessions", map[string]any{"stageArn": s.arn, "maxResults": 10}),
		s.call(ctx, "UpdateStage", map[string]any{"arn": arn, "name": "soak"}),
		s.api.deleteStage(ctx, arn))
}
