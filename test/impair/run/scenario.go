package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/test/impair"
)

const (
	settle = 5 * time.Second // from the viewer's connection to the beginning of the measurement
	tail   = 3 * time.Second // for the last frames to arrive
)

// scenario is a line to measure on.
type scenario struct {
	Name      string
	Publisher bool // the line is the publisher's, not the viewer's
	Loss      float64
	RoundTrip time.Duration
	Script    []impair.Step
	Duration  time.Duration
}

// The stages of the line that drops, counted from the beginning of the measurement.
const (
	drops  = 15 * time.Second
	heals  = 35 * time.Second
	closes = 65 * time.Second

	goodRate, badRate = 3_000_000, 300_000
)

func scenarios(duration time.Duration) []scenario {
	var all []scenario
	for _, percent := range []int{1, 3, 5, 10} {
		for _, rtt := range []int{50, 100, 200, 300} {
			all = append(all, scenario{
				Name: fmt.Sprintf("viewer/loss%d/rtt%d", percent, rtt), Loss: float64(percent) / 100,
				RoundTrip: time.Duration(rtt) * time.Millisecond, Duration: duration,
			})
		}
	}
	for _, percent := range []int{1, 3, 5, 10} {
		all = append(all, scenario{
			Name: fmt.Sprintf("publisher/loss%d/rtt100", percent), Publisher: true, Loss: float64(percent) / 100,
			RoundTrip: 100 * time.Millisecond, Duration: duration,
		})
	}
	at := func(rate int) (up, down impair.Conditions) {
		up, down = impair.Symmetric(0, 50*time.Millisecond)
		down.Rate = rate
		return up, down
	}
	up, bad := at(badRate)
	_, good := at(goodRate)
	return append(all, scenario{
		Name: "viewer/drop", RoundTrip: 50 * time.Millisecond, Duration: closes,
		Script: []impair.Step{{At: 0, Up: up, Down: good}, {At: drops, Up: up, Down: bad}, {At: heals, Up: up, Down: good}},
	})
}

// bad is a line that is open, and a stage to use it for.
type bad struct {
	relay                    *impair.Relay
	publishToken, watchToken string
	close                    func()
}

func openLine(ctx context.Context, s *server, c *scenario) (*bad, error) {
	up, down := impair.Symmetric(c.Loss, c.RoundTrip)
	if len(c.Script) > 0 {
		up, down = c.Script[0].Up, c.Script[0].Down
	}
	relay, err := impair.Open(impair.Options{Server: s.media, Seed: 1, Up: up, Down: down, Script: c.Script})
	if err != nil {
		return nil, err
	}
	l := &bad{relay: relay}
	run, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = relay.Run(run) }()
	l.close = func() { end(); <-ended }
	if l.publishToken, l.watchToken, err = s.stage(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// play measures one scenario.
func play(ctx context.Context, s *server, c *scenario, material []*loop.Loop, recovery bool) (result, error) {
	l, err := openLine(ctx, s, c)
	if err != nil {
		return result{}, err
	}
	defer l.close()
	mine, theirs := s.media, l.relay.Addr()
	if c.Publisher {
		mine, theirs = theirs, mine
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	p, err := publish(ctx, l.publishToken, material, impair.Redirect(mine, transport), recovery)
	if err != nil {
		return result{}, err
	}
	defer p.stop(context.WithoutCancel(ctx))
	v, err := watch(ctx, l.watchToken, p.who.ID(), impair.Redirect(theirs, transport), recovery || c.Publisher)
	if err != nil {
		return result{}, fmt.Errorf("watch: %w", err)
	}
	defer v.stop(context.WithoutCancel(ctx))

	if err := sleep(ctx, settle); err != nil {
		return result{}, err
	}
	v.mu.Lock()
	before := v.counts
	v.mu.Unlock()
	from := time.Since(v.start)
	l.relay.Play()
	if err := sleep(ctx, c.Duration+tail); err != nil {
		return result{}, err
	}
	r := v.judge(c, from, before)
	r.Recovery = recovery
	r.PublisherKeyFrames = p.wishes.Load()
	r.Up, r.Down = l.relay.Counts()
	return r, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// result is what a viewer would have seen and heard, in JSON.
type result struct {
	Name        string  `json:"name"`
	Recovery    bool    `json:"recovery"`
	Loss        float64 `json:"loss"`
	RoundTripMS int64   `json:"roundTripMs"`
	Seconds     float64 `json:"seconds"`

	FramesSent  int     `json:"framesSent"`
	FramesShown int     `json:"framesShown"`
	Freezes     int     `json:"freezes"`
	FrozenMS    int64   `json:"frozenMs"`
	LongestMS   int64   `json:"longestFreezeMs"`
	DelayP50MS  int64   `json:"delayP50Ms"` // of frames, from the camera to the screen, beyond the line's own least
	DelayP95MS  int64   `json:"delayP95Ms"`
	Kbits       float64 `json:"kbitPerSecond"`

	SoundDue       int `json:"soundDue"`
	SoundLost      int `json:"soundLost"`      // packets that never came
	SoundConcealed int `json:"soundConcealed"` // time with nothing to play, after FEC

	Heights      map[int]float64 `json:"heights"` // share of the frames shown, by lines of the picture
	AdaptDownMS  int64           `json:"adaptDownMs,omitempty"`
	SettleDownMS int64           `json:"settleDownMs,omitempty"`
	AdaptUpMS    int64           `json:"adaptUpMs,omitempty"`
	Phases       []phase         `json:"phases,omitempty"`
	Timeline     []second        `json:"timeline,omitempty"`

	Viewer             viewerCounts  `json:"viewer"`
	PublisherKeyFrames uint64        `json:"publisherKeyFramesAsked"`
	Up                 impair.Counts `json:"up"`
	Down               impair.Counts `json:"down"`
}

// second is one of a timeline.
type second struct {
	Frames  int   `json:"frames"` // ready to be shown in it
	Height  int   `json:"height"` // of the last of them
	DelayMS int64 `json:"delayMs"`
}

// phase is a stretch of the line that drops.
type phase struct {
	Name        string `json:"name"`
	FramesSent  int    `json:"framesSent"`
	FramesShown int    `json:"framesShown"`
	Freezes     int    `json:"freezes"`
	FrozenMS    int64  `json:"frozenMs"`
}

func (v *viewer) judge(c *scenario, from time.Duration, before viewerCounts) result {
	v.mu.Lock()
	defer v.mu.Unlock()
	to := from + c.Duration
	r := result{
		Name: c.Name, Loss: c.Loss, RoundTripMS: c.RoundTrip.Milliseconds(), Seconds: c.Duration.Seconds(),
		Heights: map[int]float64{},
	}
	r.FramesSent, r.FramesShown, r.Freezes, r.FrozenMS, r.LongestMS = v.stretch(from, to)
	var delays []time.Duration
	for _, f := range v.picture.shown {
		if f.Stamp >= from && f.Stamp < to {
			delays = append(delays, f.Shown-f.Stamp)
			r.Heights[f.Height]++
		}
	}
	for h := range r.Heights {
		r.Heights[h] /= float64(max(len(delays), 1))
	}
	slices.Sort(delays)
	if n := len(delays); n > 0 {
		r.DelayP50MS, r.DelayP95MS = delays[n/2].Milliseconds(), delays[n*95/100].Milliseconds()
	}
	h := v.sound.count(from, to)
	r.SoundDue, r.SoundLost, r.SoundConcealed = h.due, h.lost, h.concealed
	r.Viewer = viewerCounts{
		Packets: v.counts.Packets - before.Packets, Bytes: v.counts.Bytes - before.Bytes,
		Repaired: v.counts.Repaired - before.Repaired, Asked: v.counts.Asked - before.Asked,
		KeyFrames: v.counts.KeyFrames - before.KeyFrames,
	}
	r.Kbits = float64(r.Viewer.Bytes) * 8 / 1000 / (c.Duration + tail).Seconds()
	if len(c.Script) > 0 {
		v.judgeDrop(&r, from)
	}
	return r
}

// stretch counts what of a stretch of the publisher's time was shown, and the freezes meanwhile.
func (v *viewer) stretch(from, to time.Duration) (sent, shown, frozen int, total, longest int64) {
	sent = int((to - from) * loop.FrameRate / time.Second)
	for _, f := range v.picture.shown {
		if f.Stamp >= from && f.Stamp < to {
			shown++
		}
	}
	n, sum, most := freezes(v.picture.shown, from, to)
	return sent, min(shown, sent), n, sum.Milliseconds(), most.Milliseconds()
}

// settled is how much later than the least a frame may be ready when the line counts as adapted to.
const settled = 500 * time.Millisecond

// judgeDrop tells the times to adapt: down, until a picture of another size is shown, and until frames are ready in
// time again for good; up, until the size before the drop is back.
func (v *viewer) judgeDrop(r *result, from time.Duration) {
	for _, p := range []struct {
		name     string
		from, to time.Duration
	}{{"3 Mbit/s", 0, drops}, {"300 kbit/s", drops, heals}, {"3 Mbit/s again", heals, closes}} {
		sent, shown, n, total, _ := v.stretch(from+p.from, from+p.to)
		r.Phases = append(r.Phases, phase{p.name, sent, shown, n, total})
	}
	r.Timeline = make([]second, closes/time.Second)
	before := 0
	lastLate, lastReady := from+drops, time.Duration(0)
	r.AdaptDownMS, r.AdaptUpMS, r.SettleDownMS = -1, -1, -1
	for _, f := range v.picture.shown {
		at := f.Ready - from
		if i := int(at / time.Second); at >= 0 && i < len(r.Timeline) {
			r.Timeline[i] = second{r.Timeline[i].Frames + 1, f.Height, (f.Ready - f.Stamp).Milliseconds()}
		}
		switch {
		case at < drops:
			before = f.Height
		case at < heals:
			if r.AdaptDownMS < 0 && f.Height != before {
				r.AdaptDownMS = (at - drops).Milliseconds()
			}
			if lastReady = f.Ready; f.Ready-f.Stamp > settled {
				lastLate = f.Ready
			}
		case r.AdaptUpMS < 0 && f.Height == before && r.AdaptDownMS >= 0:
			r.AdaptUpMS = (at - heals).Milliseconds()
		}
	}
	if end := from + heals - time.Second; lastLate < end && lastReady > end {
		r.SettleDownMS = (lastLate - from - drops).Milliseconds()
	}
}
