package bwe

import (
	"fmt"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

var layers = []media.Bitrate{150_000, 500_000, 1_500_000}

// conditions are lines on which the same must hold. Every second one sees key frames.
func conditions(f func(l *line, keyEach time.Duration, name string)) {
	const ms = time.Millisecond
	n := 0
	for _, rtt := range []time.Duration{10 * ms, 50 * ms, 300 * ms} {
		for _, jitter := range []time.Duration{0, 15 * ms, 40 * ms} {
			for _, queue := range []time.Duration{150 * ms, 500 * ms, 2000 * ms} {
				n++
				key := time.Duration(n%2) * 2 * time.Second
				f(&line{rtt: rtt, jitter: jitter, queue: queue},
					key, fmt.Sprintf("rtt=%v jitter=%v queue=%v keys=%v", rtt, jitter, queue, key))
			}
		}
	}
}

func TestLink_HealthyLineIsNeverHeldBack(t *testing.T) {
	conditions(func(l *line, key time.Duration, name string) {
		l.rate = steady(3_000_000)
		w := newWorld(t, l, Options{})
		v := w.view(layers...)
		v.keyEach = key
		w.allocate(v)
		w.run(30 * time.Second)
		if v.switches != 0 || v.layer != 2 {
			t.Errorf("%s: %d switches, layer %d, %+v", name, v.switches, v.layer, w.link.Stats())
		}
	})
}

func TestLink_NoBoundUntilTheLineShowsOne(t *testing.T) {
	w := newWorld(t, &line{rate: steady(100_000_000), rtt: 2 * time.Millisecond, jitter: 4 * time.Millisecond}, Options{})
	v := w.view(8_000_000)
	v.keyEach = time.Second
	w.allocate(v)
	w.run(time.Minute)
	if w.link.Budget() != Unlimited || w.link.Stats().Probes != 0 {
		t.Errorf("budget %d, %+v", w.link.Budget(), w.link.Stats())
	}
}

// A receiver whose processor is busy stamps what comes late and in heaps: that is no queue.
func TestLink_StallsOfTheReceiverAreNoQueue(t *testing.T) {
	w := newWorld(t, &line{rate: steady(100_000_000), rtt: 2 * time.Millisecond}, Options{})
	v := w.view(1_500_000)
	w.allocate(v)
	v.stall = func() time.Duration { return time.Duration(w.random.Int64N(int64(120 * time.Millisecond))) }
	w.run(30 * time.Second)
	if v.layer != 0 || v.switches != 0 {
		t.Errorf("layer %d after %d switches, %+v", v.layer, v.switches, w.link.Stats())
	}
}

func TestLink_FollowsTheLineDownAndUpAgain(t *testing.T) {
	var worstDown, worstUp time.Duration
	conditions(func(l *line, key time.Duration, name string) {
		rate := media.Bitrate(3_000_000)
		l.rate = func(media.Time) media.Bitrate { return rate }
		w := newWorld(t, l, Options{})
		v := w.view(layers...)
		v.keyEach = key
		w.allocate(v)
		w.run(20 * time.Second)

		rate = 300_000
		down := w.until(2*time.Second, name+": a lower layer", func() bool { return v.layer < 2 })
		w.until(10*time.Second, name+": the lowest layer", func() bool { return v.layer == 0 })
		worstDown = max(worstDown, down)
		w.run(5 * time.Second)
		v.audioSent, v.audioCame = 0, 0
		w.run(20 * time.Second)
		if float64(v.audioCame) < 0.98*float64(v.audioSent) {
			t.Errorf("%s: of %d packets of sound came %d", name, v.audioSent, v.audioCame)
		}
		if b := w.link.Budget(); b < 150_000 || b > 360_000 {
			t.Errorf("%s: a budget of %d on a line of 300,000", name, b)
		}

		rate = 3_000_000
		worstUp = max(worstUp, w.until(20*time.Second, name+": the highest layer again", func() bool { return v.layer == 2 }))
		w.run(time.Second)
		switches := v.switches
		w.run(20 * time.Second)
		if v.switches-switches > 4 {
			t.Errorf("%s: %d switches on a steady line", name, v.switches-switches)
		}
	})
	t.Logf("down within %v, up within %v", worstDown, worstUp)
}

func TestLink_RandomLossIsNotTakenForAFullLine(t *testing.T) {
	for _, loss := range []float64{0.01, 0.03, 0.05, 0.10} {
		for _, rtt := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond} {
			w := newWorld(t, &line{rate: steady(3_000_000), rtt: rtt, loss: loss, jitter: 10 * time.Millisecond}, Options{})
			v := w.view(layers...)
			w.allocate(v)
			below := time.Duration(0)
			w.trace = func(*world) {
				if v.layer != 2 {
					below += 100 * time.Millisecond
				}
			}
			w.run(time.Minute)
			if below > 8*time.Second || v.layer != 2 {
				t.Errorf("loss %v, round trip %v: %v of a minute below the highest layer, %+v", loss, rtt, below, w.link.Stats())
			}
		}
	}
}

func TestLink_PolicedLineIsFoundByItsLoss(t *testing.T) {
	rate := media.Bitrate(3_000_000)
	w := newWorld(t, &line{rate: func(media.Time) media.Bitrate { return rate }, rtt: 60 * time.Millisecond, police: true}, Options{})
	v := w.view(layers...)
	w.allocate(v)
	w.run(10 * time.Second)
	rate = 400_000
	w.until(5*time.Second, "the lowest layer", func() bool { return v.layer == 0 })
	w.run(5 * time.Second)
	v.audioSent, v.audioCame = 0, 0
	w.run(20 * time.Second)
	if float64(v.audioCame) < 0.9*float64(v.audioSent) {
		t.Errorf("of %d packets of sound came %d", v.audioSent, v.audioCame)
	}
	rate = 3_000_000
	w.until(time.Minute, "the highest layer again", func() bool { return v.layer == 2 })
}

func TestLink_TwoPathsShareOneBudget(t *testing.T) {
	rate := media.Bitrate(6_000_000)
	w := newWorld(t, &line{rate: func(media.Time) media.Bitrate { return rate }, rtt: 60 * time.Millisecond}, Options{})
	a, b := w.view(layers...), w.view(layers...)
	w.allocate(a, b)
	w.run(10 * time.Second)
	if a.layer != 2 || b.layer != 2 {
		t.Fatalf("layers %d and %d on a line that bears both", a.layer, b.layer)
	}
	rate = 600_000
	w.until(10*time.Second, "the lowest layer of both", func() bool { return a.layer == 0 && b.layer == 0 })
	w.run(5 * time.Second)
	if budget := w.link.Budget(); budget < 300_000 || budget > 720_000 {
		t.Errorf("a budget of %d on a line of 600,000", budget)
	}
	rate = 6_000_000
	w.until(20*time.Second, "the highest layer of both", func() bool { return a.layer == 2 && b.layer == 2 })
	b.path.Close()
	w.run(time.Second)
	if w.link.Budget() < 1_500_000 {
		t.Errorf("a budget of %d for the path that is left", w.link.Budget())
	}
}

// A viewer whose line bears sound alone hears all of it, and sees again when the line is back.
func TestLink_ComesBackFromAPause(t *testing.T) {
	rate := media.Bitrate(3_000_000)
	w := newWorld(t, &line{rate: func(media.Time) media.Bitrate { return rate }, rtt: 80 * time.Millisecond}, Options{})
	v := w.view(1_500_000)
	v.keyEach = 2 * time.Second
	w.allocate(v)
	w.run(10 * time.Second)
	rate = 200_000
	w.until(5*time.Second, "a pause", func() bool { return v.layer == -1 })
	w.run(5 * time.Second)
	v.audioSent, v.audioCame, v.worst = 0, 0, 0
	w.run(30 * time.Second)
	if float64(v.audioCame) < 0.98*float64(v.audioSent) || v.worst > time.Second {
		t.Errorf("of %d packets of sound came %d, the latest after %v", v.audioSent, v.audioCame, v.worst)
	}
	rate = 3_000_000
	w.until(20*time.Second, "the picture", func() bool { return v.layer == 0 })
}

func TestLink_HeedsRemoteEstimatesWithoutTransportFeedback(t *testing.T) {
	l := NewLink(Options{Min: 50_000})
	p := l.Open(nil)
	now := time.Hour
	p.Remote(700_000, now)
	if l.Budget() != 700_000 {
		t.Errorf("budget %d after REMB of 700,000", l.Budget())
	}
	p.Remote(0, now+time.Second)
	p.Remote(1, now+2*time.Second)
	if l.Budget() != 50_000 {
		t.Errorf("budget %d after REMB of 1", l.Budget())
	}
}

func TestLink_FallsBackOnReportedLoss(t *testing.T) {
	l := NewLink(Options{})
	p := l.Open(nil)
	now := time.Hour
	second := func(lost int) {
		for range 100 {
			now += 10 * time.Millisecond
			p.Count(1250, now)
		}
		p.Report(100, lost, 50*time.Millisecond, now)
	}
	for range 5 {
		second(0)
	}
	if l.Budget() != Unlimited {
		t.Fatalf("budget %d without loss", l.Budget())
	}
	for range 2 {
		second(60)
	}
	if b := l.Budget(); b > 500_000 || b < 300_000 {
		t.Errorf("budget %d when 400,000 of 1,000,000 come through", b)
	}
	for range 40 {
		second(0)
	}
	if b := l.Budget(); b < 1_000_000 {
		t.Errorf("budget %d after 40 s without loss", b)
	}
}

func TestLink_BudgetStaysWithinItsBounds(t *testing.T) {
	l := NewLink(Options{Start: 1_000_000, Min: 200_000, Max: 8_500_000})
	if l.Budget() != 1_000_000 {
		t.Errorf("starts with %d", l.Budget())
	}
	if l = NewLink(Options{Max: 8_500_000}); l.Budget() != 8_500_000 {
		t.Errorf("without a start, budget %d", l.Budget())
	}
}

func TestLink_TellsOfChanges(t *testing.T) {
	rate, told := media.Bitrate(3_000_000), 0
	w := newWorld(t, &line{rate: func(media.Time) media.Bitrate { return rate }, rtt: 60 * time.Millisecond}, Options{Changed: func() { told++ }})
	v := w.view(layers...)
	w.allocate(v)
	w.run(20 * time.Second)
	if told > 2 {
		t.Errorf("told %d times on a good line", told)
	}
	rate, told = 300_000, 0
	w.run(2 * time.Second)
	if told == 0 || told > 20 {
		t.Errorf("told %d times of a fall", told)
	}
}

// Whoever sends more than the estimate says, although packets are lost, learns nothing of what is lost anyway.
func TestLink_StaysCongestedWhileTooMuchIsSent(t *testing.T) {
	rate := media.Bitrate(3_000_000)
	w := newWorld(t, &line{rate: func(media.Time) media.Bitrate { return rate }, rtt: 60 * time.Millisecond, police: true}, Options{})
	v := w.view(1_500_000) // and nobody lowers it
	w.run(5 * time.Second)
	if w.link.Congested(w.now) {
		t.Error("congested on a good line")
	}
	rate = 300_000
	w.run(3 * time.Second)
	for range 100 {
		w.run(100 * time.Millisecond)
		if !w.link.Congested(w.now) {
			t.Fatalf("not congested, %+v", w.link.Stats())
		}
	}
	if b := w.link.Budget(); b > 500_000 {
		t.Errorf("a budget of %d on a line of 300,000", b)
	}
	v.layer = -1
	w.run(5 * time.Second)
	if w.link.Congested(w.now) {
		t.Errorf("congested with sound alone, %+v", w.link.Stats())
	}
}

func TestLink_AnotherNetworkIsNoQueue(t *testing.T) {
	l := &line{rate: steady(20_000_000), rtt: 20 * time.Millisecond, jitter: 5 * time.Millisecond}
	w := newWorld(t, l, Options{})
	v := w.view(layers...)
	w.allocate(v)
	w.run(20 * time.Second)
	l.rtt = 240 * time.Millisecond
	w.run(50 * time.Millisecond) // feedback of before is still on its way
	v.path.Moved(w.now)
	w.run(20 * time.Second)
	if s := w.link.Stats(); s.Cuts != 0 || v.layer != 2 {
		t.Errorf("layer %d, %+v", v.layer, s)
	}
}
