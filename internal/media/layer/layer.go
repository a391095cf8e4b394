// Package layer chooses what a viewer gets of each publisher it watches: a layer of the picture, or none of it.
//
// Allocate is a pure function of what the line bears, what the layers take, and what was chosen before. The package has
// no goroutine, no clock and no state: when to ask, and what a wish is worth, is for others to know.
package layer

import "github.com/proscenium-live/proscenium/internal/media"

// Paused is the choice of no picture.
const Paused = -1

const (
	// keep is what part of its bitrate must fit for a layer to be kept, step what a higher one must fit with, resume what
	// a picture must fit with that was paused: bitrates go up and down, and a choice should not.
	keep, step, resume = 0.92, 1.10, 1.15
	// guess is by how much a layer takes more than the one below, while nothing was measured.
	guess = 3.0
)

// Layer is one of a picture's layers, or a picture without any.
type Layer struct {
	Rate          media.Bitrate // on the wire; 0 while it is not known
	Width, Height int           // 0 while they are not known
	Alive         bool          // it can be had
}

// Subscription is one publisher as one viewer gets it.
type Subscription struct {
	Audio  media.Bitrate // of the sound, which is never given up; 0 without
	Layers []Layer       // of the picture, from the lowest up; none if the viewer gets or wants no picture
	// Prefer is the highest layer that the viewer wants, or Any. Whoever names one comes before those that don't.
	Prefer int
	// MaxWidth and MaxHeight are the size that the viewer can show; 0 is any. The smallest layer is never too large.
	MaxWidth, MaxHeight int
	Current             int // what was chosen last: a layer, or Paused
}

// Any is a Subscription's preference for the best there is.
const Any = -1

// Result is what an allocation comes to.
type Result struct {
	Used media.Bitrate // by all that was chosen
	// Want is what the line would have to bear for the next better choice; 0 if everybody has the best.
	Want media.Bitrate
}

// Allocate chooses for each subscription a layer or Paused, and writes it to choices, which must be as long as subs.
// Sound comes first, then the lowest layer of all, then better ones in turns: to those with a preference, then to those
// whose picture is lowest. It allocates nothing.
func Allocate(budget media.Bitrate, subs []Subscription, choices []int) Result {
	left := float64(budget)
	var r Result
	for i := range subs {
		choices[i] = Paused
		r.Used += subs[i].Audio
		left -= float64(subs[i].Audio)
	}
	var missed float64 // what the first wish that was not fulfilled takes
	for {
		at, next := best(subs, choices, left, &missed)
		if at < 0 {
			break
		}
		cost := subs[at].rate(next) - subs[at].rate(choices[at])
		left -= cost
		r.Used += media.Bitrate(cost)
		choices[at] = next
	}
	if missed > 0 {
		r.Want = r.Used + media.Bitrate(missed+0.5)
	}
	return r
}

// best returns the subscription that comes next, and its better layer; -1 if nobody's fits.
func best(subs []Subscription, choices []int, left float64, missed *float64) (at, next int) {
	at = -1
	*missed = 0
	var refused rank
	var accepted rank
	for i := range subs {
		s := &subs[i]
		k := s.above(choices[i])
		if k < 0 {
			continue
		}
		cost := s.rate(k) - s.rate(choices[i])
		mine := s.rank(choices[i], cost)
		if factor, has := s.factor(k), s.rate(choices[i]); s.rate(k)*factor-has > left {
			if *missed == 0 || mine.before(refused) {
				*missed, refused = s.rate(k)*max(factor, step)-has, mine
			}
			continue
		}
		if at < 0 || mine.before(accepted) {
			at, next, accepted = i, k, mine
		}
	}
	return at, next
}

// rank says in which order wishes are fulfilled.
type rank struct {
	paused    bool // it has no picture yet
	kept      bool // ... and had one before: that goes on, rather than another's begin
	preferred bool
	layer     int
	cost      float64
}

func (s *Subscription) rank(choice int, cost float64) rank {
	return rank{
		paused: choice == Paused, kept: choice == Paused && s.Current != Paused, preferred: s.Prefer != Any, layer: choice, cost: cost,
	}
}

func (r rank) before(o rank) bool {
	switch {
	case r.paused != o.paused:
		return r.paused
	case r.kept != o.kept:
		return r.kept
	case r.preferred != o.preferred:
		return r.preferred
	case r.layer != o.layer:
		return r.layer < o.layer
	}
	return r.cost < o.cost
}

// above returns the next better layer that can be had and is wanted, -1 if there is none.
func (s *Subscription) above(choice int) int {
	for k := choice + 1; k < len(s.Layers); k++ {
		if !s.Layers[k].Alive {
			continue
		}
		if choice != Paused && (s.Prefer != Any && k > s.Prefer || s.tooLarge(k)) {
			return -1
		}
		return k
	}
	return -1
}

func (s *Subscription) tooLarge(k int) bool {
	l := s.Layers[k]
	return s.MaxWidth > 0 && l.Width > s.MaxWidth || s.MaxHeight > 0 && l.Height > s.MaxHeight
}

// factor is what a layer's bitrate is counted with.
func (s *Subscription) factor(k int) float64 {
	switch {
	case s.Current == Paused:
		return resume
	case k > s.Current:
		return step
	}
	return keep
}

// rate returns what a layer takes, by a guess from the ones below if nothing was measured.
func (s *Subscription) rate(k int) float64 {
	known, above := 0.0, 1.0
	for i := 0; i <= k; i++ {
		if r := float64(s.Layers[i].Rate); r > 0 {
			known, above = max(r, known), 1
		} else {
			above *= guess
		}
	}
	return known * above
}
