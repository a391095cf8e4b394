package layer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	sound     = 50_000
	unlimited = media.Bitrate(math.MaxInt64)
)

// three is a picture of three layers.
func three() []Layer {
	return []Layer{
		{Rate: 150_000, Width: 320, Height: 180, Alive: true},
		{Rate: 500_000, Width: 640, Height: 360, Alive: true},
		{Rate: 1_500_000, Width: 1280, Height: 720, Alive: true},
	}
}

func sub(current int, change ...func(*Subscription)) Subscription {
	s := Subscription{Audio: sound, Layers: three(), Prefer: Any, Current: current}
	for _, f := range change {
		f(&s)
	}
	return s
}

func TestAllocate(t *testing.T) {
	prefer := func(k int) func(*Subscription) { return func(s *Subscription) { s.Prefer = k } }
	within := func(w, h int) func(*Subscription) {
		return func(s *Subscription) { s.MaxWidth, s.MaxHeight = w, h }
	}
	dead := func(k ...int) func(*Subscription) {
		return func(s *Subscription) {
			for _, k := range k {
				s.Layers[k].Alive = false
			}
		}
	}
	single := func(rate media.Bitrate) func(*Subscription) {
		return func(s *Subscription) { s.Layers = []Layer{{Rate: rate, Alive: true}} }
	}
	none := func(s *Subscription) { s.Layers = nil }
	for _, c := range []struct {
		name   string
		budget media.Bitrate
		subs   []Subscription
		want   []int
		next   media.Bitrate
	}{
		{"nobody", 1, nil, nil, 0},
		{"no bound gives everybody the best", unlimited, []Subscription{sub(0), sub(Paused)}, []int{2, 2}, 0},
		{"what fits", 700_000, []Subscription{sub(1)}, []int{1}, 550_000 + 1_150_000},
		{"a higher layer needs some room to spare", 1_600_000, []Subscription{sub(1)}, []int{1}, 550_000 + 1_150_000},
		{"and gets it with that", 1_710_000, []Subscription{sub(1)}, []int{2}, 0},
		{"the layer that is shown needs none", 1_560_000, []Subscription{sub(2)}, []int{2}, 0},
		{"nor when its bitrate swings a little", 1_450_000, []Subscription{sub(2)}, []int{2}, 0},
		{"but not by much", 1_400_000, []Subscription{sub(2)}, []int{1}, 550_000 + 1_150_000},
		{"sound goes on when no picture fits", 100_000, []Subscription{sub(2)}, []int{Paused}, 50_000 + 165_000},
		{"even if it does not fit itself", 10_000, []Subscription{sub(2)}, []int{Paused}, 50_000 + 165_000},
		{"a pause ends with more room than it began with", 200_000, []Subscription{sub(Paused)}, []int{Paused}, 50_000 + 172_500},
		{"so it does", 225_000, []Subscription{sub(Paused)}, []int{0}, 200_000 + 425_000},
		{"the lowest of all before the better of one", 420_000, []Subscription{sub(2), sub(2)}, []int{0, 0}, 400_000 + 400_000},
		{"one of two has to pause: what is shown goes on", 260_000, []Subscription{sub(Paused), sub(0)}, []int{Paused, 0}, 250_000 + 172_500},
		{"turns", 1_200_000, []Subscription{sub(0), sub(0)}, []int{1, 1}, 1_100_000 + 1_150_000},
		{"a preference is a ceiling", unlimited, []Subscription{sub(2, prefer(1))}, []int{1}, 0},
		{"and comes first", 900_000, []Subscription{sub(0), sub(0, prefer(1))}, []int{0, 1}, 750_000 + 400_000},
		{"but not before the picture of others", 260_000, []Subscription{sub(0), sub(Paused, prefer(2))}, []int{0, Paused}, 250_000 + 172_500},
		{"a small window needs no large picture", unlimited, []Subscription{sub(2, within(640, 400))}, []int{1}, 0},
		{"a tiny one gets the smallest", unlimited, []Subscription{sub(2, within(100, 100))}, []int{0}, 0},
		{"a layer that is gone is none", unlimited, []Subscription{sub(2, dead(2))}, []int{1}, 0},
		{"nor a low one", unlimited, []Subscription{sub(Paused, dead(0, 1))}, []int{2}, 0},
		{"without a living layer there is no picture", unlimited, []Subscription{sub(2, dead(0, 1, 2))}, []int{Paused}, 0},
		{"one layer only: all or nothing", 1_000_000, []Subscription{sub(0, single(2_500_000))}, []int{Paused}, 50_000 + 2_750_000},
		{"sound alone", 1_000_000, []Subscription{sub(Paused, none)}, []int{Paused}, 0},
		{"what was never measured is taken for some more", 3_000_000, []Subscription{sub(1, func(s *Subscription) { s.Layers[2].Rate = 0 })}, []int{2}, 0},
	} {
		got := make([]int, len(c.subs))
		r := Allocate(c.budget, c.subs, got)
		if !slices.Equal(got, c.want) || r.Want != c.next {
			t.Errorf("%s: %v and wants %d, not %v and %d", c.name, got, r.Want, c.want, c.next)
		}
	}
}

// random returns subscriptions as they may come, and a budget.
func random(r *rand.Rand) (media.Bitrate, []Subscription) {
	subs := make([]Subscription, 1+r.IntN(6))
	for i := range subs {
		s := &subs[i]
		s.Audio = media.Bitrate(r.IntN(100_000))
		rate := 50_000 + r.IntN(300_000)
		for k := range r.IntN(4) {
			s.Layers = append(s.Layers, Layer{Rate: media.Bitrate(rate), Width: 320 << k, Height: 180 << k, Alive: r.IntN(8) > 0})
			rate += r.IntN(2 * rate)
		}
		s.Prefer = r.IntN(5) - 1
		s.Current = r.IntN(len(s.Layers)+1) - 1
		if r.IntN(3) == 0 {
			s.MaxHeight = 90 << r.IntN(5)
		}
	}
	return media.Bitrate(r.IntN(6_000_000)), subs
}

func TestAllocate_HoldsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		budget, subs := random(r)
		choices := make([]int, len(subs))
		result := Allocate(budget, subs, choices)
		var audio, video media.Bitrate
		for i, c := range choices {
			s := &subs[i]
			audio += s.Audio
			if c == Paused {
				continue
			}
			video += media.Bitrate(s.rate(c))
			if !s.Layers[c].Alive {
				t.Fatalf("layer %d of %+v cannot be had", c, s)
			}
			lower := slices.IndexFunc(s.Layers, func(l Layer) bool { return l.Alive })
			if c != lower && (s.tooLarge(c) || s.Prefer != Any && c > s.Prefer) {
				t.Fatalf("layer %d of %+v is more than was wanted", c, s)
			}
		}
		if d := result.Used - audio - video; d < -20 || d > 20 {
			t.Fatalf("%d used, but %d and %d were chosen", result.Used, audio, video)
		}
		if video > 0 && float64(video)*keep > float64(budget-audio)+20 {
			t.Fatalf("%d of picture and %d of sound on a line that bears %d", video, audio, budget)
		}
		if result.Want != 0 && result.Want < result.Used {
			t.Fatalf("wants %d, less than the %d it has", result.Want, result.Used)
		}

		// What was chosen stays chosen while nothing changes.
		again := slices.Clone(subs)
		for i := range again {
			again[i].Current = choices[i]
		}
		second := make([]int, len(subs))
		Allocate(budget, again, second)
		third := make([]int, len(subs))
		for i := range again {
			again[i].Current = second[i]
		}
		Allocate(budget, again, third)
		if !slices.Equal(second, third) {
			t.Fatalf("%v, then %v for %+v", second, third, again)
		}

		// With all the room in the world everybody has the best it may have, and wants no more.
		if all := Allocate(unlimited, subs, second); all.Want != 0 {
			t.Fatalf("wants %d of an unlimited line", all.Want)
		}
		for i := range second {
			if second[i] < choices[i] {
				t.Fatalf("less with more: %v, %v", choices, second)
			}
		}
	}
}

func TestAllocate_AllocatesNothing(t *testing.T) {
	budget, subs := media.Bitrate(2_000_000), []Subscription{sub(0), sub(1), sub(2), sub(Paused)}
	choices := make([]int, len(subs))
	if n := testing.AllocsPerRun(100, func() { Allocate(budget, subs, choices) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAllocate(b *testing.B) {
	budget, subs := media.Bitrate(2_000_000), []Subscription{sub(0), sub(1), sub(2), sub(Paused)}
	choices := make([]int, len(subs))
	b.ReportAllocs()
	for b.Loop() {
		Allocate(budget, subs, choices)
	}
}
