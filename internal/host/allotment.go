package host

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
	"github.com/proscenium-live/proscenium/internal/media/layer"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

const (
	// pauseAfter is how long a picture must not fit before it is paused: a key frame, or an estimate that is a little
	// low for a moment, is no reason to see nothing.
	pauseAfter = time.Second
	// What leaves is more than what is measured: header extensions, the encryption's tag, and the retransmission of what
	// is lost.
	wireVideo = 1.04
	wireAudio = 10_000 // bit/s, for 50 packets a second
	// worthThinning is what leaving spare frames out must save of the lowest layer to be a choice of its own.
	worthThinning = 0.15
	// A picture leaves at most at what is left for it on the line and a little more: the estimate is on the safe side.
	// From paceless times its bitrate on, nothing that a picture has at once takes the line long.
	paceMore  = 1.15
	paceLeast = 50_000 // bit/s
	paceless  = 8
)

// SubscriptionState says what a viewer is sent of a publisher's picture.
type SubscriptionState struct {
	Publisher live.ParticipantID
	Layer     string // "" if the publisher sends no layers, or nothing is sent
	Paused    bool
	Reason    SubscriptionReason
}

// SubscriptionReason says why a viewer is not sent the best there is.
type SubscriptionReason string

// The reasons.
const (
	BestThereIs SubscriptionReason = ""
	ByBandwidth SubscriptionReason = "bandwidth"  // its line bears no more
	ByWish      SubscriptionReason = "preference" // it wants no more
)

// allotment is what one participant gets of all publishers it watches, over one line.
type allotment struct {
	c     *allocator
	who   holder
	link  *bwe.Link    // nil if lines are not estimated
	dirty atomic.Bool  // to be settled
	used  atomic.Int64 // the media.Time when it was last asked for
	next  media.Time   // to be looked at again; of allocator.run alone

	mu     sync.Mutex
	wishes map[live.ParticipantID]wish
	subs   []*subscribed
}

// subscribed is one subscription of an allotment; guarded by its mu.
type subscribed struct {
	m         *mediaSession
	up        *sfu.UpTrack // what its picture was told to be; nil before
	paused    bool
	deaf      *sfu.DownTrack // whose sound is off; nil if it is on
	hidden    *sfu.DownTrack // whose picture is off; nil if it is on
	misfit    media.Time     // since when the picture does not fit, 0 if it does
	bandwidth bool           // the pause is for that
	thin      bool           // without the frames that no other depends on
	pace      media.Bitrate  // at which its picture leaves; 0 for at once
	spare     int            // choices below the lowest layer, when last described: 1 if it can be thinned
	told      SubscriptionState
}

func newAllotment(c *allocator, who holder) *allotment {
	a := &allotment{c: c, who: who}
	if o := c.h.o.Adaptation; !o.Off {
		a.link = bwe.NewLink(bwe.Options{Start: o.Start, Min: o.Min, Max: o.Max, Changed: func() { c.touch(a) }})
	}
	return a
}

// add takes a subscription that is connected now.
func (a *allotment) add(m *mediaSession) {
	a.mu.Lock()
	a.subs = append(a.subs, &subscribed{m: m, told: SubscriptionState{Publisher: m.publisher}})
	a.mu.Unlock()
	m.steered.Store(true)
	a.c.touch(a)
}

// remove takes a subscription out that has ended.
func (a *allotment) remove(m *mediaSession) {
	a.mu.Lock()
	a.subs = slices.DeleteFunc(a.subs, func(s *subscribed) bool { return s.m == m })
	a.mu.Unlock()
	a.used.Store(int64(media.Now()))
	a.c.touch(a)
}

func (a *allotment) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.subs) == 0
}

func (a *allotment) stats() bwe.Stats {
	if a.link == nil {
		return bwe.Stats{}
	}
	return a.link.Stats()
}

// pausedNow returns how many pictures are paused because the line does not bear them.
func (a *allotment) pausedNow() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, s := range a.subs {
		if s.paused && s.bandwidth {
			n++
		}
	}
	return n
}

// mood is how an allotment comes out of settling.
type mood uint8

const (
	settled mood = iota // no bound is known: nothing changes by itself
	content             // the line has a bound, within which everything fits
	wanting             // something does not fit
)

// settle gives every subscription what the line bears.
func (a *allotment) settle(w *scratch, now media.Time) mood {
	a.mu.Lock()
	defer a.mu.Unlock()
	budget, congested, line := bwe.Unlimited, false, bwe.Stats{}
	if a.link != nil {
		budget, congested, line = a.link.Budget(), a.link.Congested(now), a.link.Stats()
	}
	hard := a.c.h.o.Adaptation.Max > 0 && budget >= a.c.h.o.Adaptation.Max // no matter what the line bears
	w.reset(len(a.subs))
	for i, s := range a.subs {
		a.describe(w, i, s, 1+line.Loss, now)
	}
	r := layer.Allocate(budget, w.subs, w.choices)
	out := settled
	if budget != bwe.Unlimited {
		out = content
	}
	for i, s := range a.subs {
		held := s.hold(w, i, congested || hard, now)
		if held {
			out = wanting
		}
		a.apply(s, w.subs[i], w.choices[i], r.Want > 0)
		if line.Estimate > 0 {
			s.spread(w.subs[i], w.choices[i], budget-r.Used, held)
		} else {
			s.spread(layer.Subscription{}, layer.Paused, 0, false)
		}
	}
	if r.Want > 0 {
		out = wanting
	}
	if a.link != nil {
		a.link.Want(r.Want, now)
	}
	return out
}

func (w *scratch) reset(n int) {
	w.subs = slices.Grow(w.subs[:0], n)[:n]
	w.choices = slices.Grow(w.choices[:0], n)[:n]
	for len(w.layers) < n {
		w.layers = append(w.layers, nil)
	}
}

// describe says what there is to choose from.
func (a *allotment) describe(w *scratch, i int, s *subscribed, factor float64, now media.Time) {
	e := &w.subs[i]
	*e = layer.Subscription{Prefer: layer.Any, Current: layer.Paused}
	w.layers[i] = w.layers[i][:0]
	wish := a.wishes[s.m.publisher]
	shown := s.m.shown.Load()
	if shown == nil {
		return
	}
	if up := shown.up[media.Audio].Load(); up != nil && s.m.down[media.Audio].Load() != nil && !wish.silent {
		if rate := up.Rate(now); rate > 0 {
			e.Audio = media.Bitrate(factor*float64(rate)) + wireAudio
		}
	}
	ups, best := shown.pictures()
	if best == nil || s.m.down[media.Video].Load() == nil || wish.hidden {
		return
	}
	e.MaxWidth, e.MaxHeight = wish.maxWidth, wish.maxHeight
	alive := true
	s.spare = 0
	if full, thin := ups[0].Rate(now), ups[0].ThinRate(now); thin > 0 && float64(thin) < (1-worthThinning)*float64(full) {
		// One more choice below the lowest layer: that layer, without what can be left out.
		s.spare = 1
		width, height := ups[0].Size()
		w.layers[i] = append(w.layers[i], layer.Layer{
			Rate: media.Bitrate(wireVideo * factor * float64(thin)), Width: width, Height: height, Alive: ups[0].Alive(now),
		})
	}
	for k, up := range ups {
		width, height := up.Size()
		w.layers[i] = append(w.layers[i], layer.Layer{
			Rate:  media.Bitrate(wireVideo * factor * float64(up.Rate(now))),
			Width: width, Height: height,
			// A picture without layers is shown whether it moves or not. What is above the best that can be had, can't.
			Alive: alive && (len(ups) == 1 || up == best || up.Alive(now)),
		})
		alive = alive && up != best
		if rid := up.Track().RID; rid != "" && rid == wish.layer {
			e.Prefer = k + s.spare
		}
		if up == s.up && !s.paused || s.up == nil && up == best {
			e.Current = k + s.spare
			if k == 0 && s.thin && s.spare > 0 {
				e.Current = 0
			}
		}
	}
	if e.Current == layer.Paused && !s.paused { // another publication
		e.Current = slices.Index(ups, best) + s.spare
	}
	e.Layers = w.layers[i]
}

// hold keeps a picture that does not fit for a moment, and says whether it does.
func (s *subscribed) hold(w *scratch, i int, certain bool, now media.Time) bool {
	e := &w.subs[i]
	if w.choices[i] != layer.Paused || e.Current == layer.Paused || len(e.Layers) == 0 {
		s.misfit = 0
		return false
	}
	if s.misfit == 0 || !certain {
		s.misfit = now
	}
	if now-s.misfit >= pauseAfter {
		return false
	}
	for k := range e.Layers {
		if e.Layers[k].Alive {
			w.choices[i] = k
			return true
		}
	}
	return false
}

// apply has the tracks do what was chosen, and the viewer told.
func (a *allotment) apply(s *subscribed, e layer.Subscription, choice int, scarce bool) {
	wish := a.wishes[s.m.publisher]
	if down := s.m.down[media.Audio].Load(); down != nil {
		s.deaf = mute(down, s.deaf, wish.silent)
	}
	down, shown := s.m.down[media.Video].Load(), s.m.shown.Load()
	if down == nil || shown == nil {
		return
	}
	ups, best := shown.pictures()
	c := a.c
	state := SubscriptionState{Publisher: s.m.publisher}
	paused := wish.hidden || choice == layer.Paused && len(e.Layers) > 0 && slices.ContainsFunc(e.Layers, isAlive)
	s.bandwidth = paused && !wish.hidden
	switch {
	case paused:
		if !s.paused && s.bandwidth {
			c.pauses.Add(1)
		}
		state.Paused, state.Reason = true, ByWish
		if s.bandwidth {
			state.Reason = ByBandwidth
		}
	case choice == layer.Paused: // there is nothing to show
		s.hidden = mute(down, s.hidden, false)
		s.paused = false
		return
	default:
		at := max(choice-s.spare, 0)
		up, thin := ups[at], choice < s.spare
		if _, next := down.Wants(); next != up {
			down.Prefer(up)
		}
		if thin != s.thin {
			s.thin = thin
			down.Thin(thin)
		}
		if s.up != nil && s.up != up && !s.paused {
			c.moved(ups, s.up, at)
		}
		s.up, state.Layer = up, up.Track().RID
		switch {
		case up == best && !thin:
		case wish.bounds(e, choice):
			state.Reason = ByWish
		case scarce:
			state.Reason = ByBandwidth
		}
	}
	if s.paused && !paused {
		c.resumes.Add(1)
	}
	s.paused, s.hidden = paused, mute(down, s.hidden, paused)
	if state != s.told {
		s.told = state
		s.m.s.post(func() {
			if socket := s.m.s.socketOf(s.m); socket != nil && !s.m.ended {
				socket.Subscribed(state)
			}
		})
	}
}

// spread has a picture leave no faster than the line takes what is chosen, left being what the others leave of it. held
// says that it does not fit.
func (s *subscribed) spread(e layer.Subscription, choice int, left media.Bitrate, held bool) {
	down := s.m.down[media.Video].Load()
	if down == nil {
		return
	}
	rate := media.Bitrate(0)
	if choice != layer.Paused {
		own := e.Layers[choice].Rate
		rate = max(media.Bitrate(paceMore*float64(own+left)), paceLeast)
		if held {
			rate = max(media.Bitrate(paceMore*float64(left)), paceLeast)
		} else {
			rate = max(rate, own+own/10)
		}
		if own > 0 && rate > paceless*own || own == 0 {
			rate = 0
		}
	}
	if d := rate - s.pace; rate == 0 && s.pace == 0 || rate > 0 && s.pace > 0 && max(d, -d) < s.pace/16 {
		return
	}
	s.pace = rate
	down.Pace(rate)
}

func isAlive(l layer.Layer) bool { return l.Alive }

// moved counts a change of layers.
func (c *allocator) moved(ups []*sfu.UpTrack, from *sfu.UpTrack, to int) {
	switch was := slices.Index(ups, from); {
	case was < 0:
	case was < to:
		c.ups.Add(1)
	default:
		c.downs.Add(1)
	}
}

// mute pauses a track or lets it go on, unless it does so already: off is the one that was paused.
func mute(down, off *sfu.DownTrack, want bool) *sfu.DownTrack {
	switch {
	case want && off != down:
		down.Pause()
		return down
	case !want && off == down:
		down.Resume()
	}
	if want {
		return down
	}
	return nil
}

// pictures returns the layers of a publication's picture from the lowest up, or its only one, and the best that can be
// had now; nil if it has none.
func (m *mediaSession) pictures() (ups []*sfu.UpTrack, best *sfu.UpTrack) {
	best = m.up[media.Video].Load()
	if best == nil {
		return nil, nil
	}
	if ups = m.layers(); slices.Contains(ups, best) {
		return ups, best
	}
	return []*sfu.UpTrack{best}, best
}
