package bwe

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// probeTime is how long a probe sends. Together with probeFactor it bounds what a probe does to a line that
	// bears no more: a queue of as long, once.
	probeTime   = 200 * time.Millisecond
	probeFactor = 2.0 // of the estimate
	nextFactor  = 3.0 // the same, right after one that was passed
	// probeGrowth is how much the queue may grow during a probe, per time, and the probe still be passed: the line
	// bears 1/1.12 of the target then.
	probeGrowth = 0.12
	// leastProbe is how many packets of each half of a probe must have come.
	leastProbe = 3
	// After a probe that failed, or a cut, the next waits for firstPause; twice as long each time, up to lastPause.
	firstPause = 2 * time.Second
	lastPause  = 6 * time.Second
	// nextProbe is the pause after a probe that was passed.
	nextProbe = 50 * time.Millisecond
	// lostProbe is when a probe without an end is given up.
	lostProbe = 3 * time.Second
)

// attempt is a link's probe; guarded by the link's lock.
type attempt struct {
	path   *Path // nil: none
	asked  media.Time
	target media.Bitrate
	extra  media.Bitrate
	pause  time.Duration
	next   media.Time
	passed bool // the one before was
}

// probing is a path's part in a probe.
type probing struct {
	open, closed bool // being sent; sent and not judged
	start, until media.Time
	padding      int // bytes asked for
	total        int // bytes sent, of all kinds
	came         int // bytes
	newest       media.Time
	n            [2]int // packets that came, of each half
	queue        [2]float64
}

// Want says what the line could be used for: the bitrate of all that is sent with the next better thing, or 0 if
// nothing more is wanted. It begins a probe if one is due. It should be called some times a second while more is wanted.
func (l *Link) Want(rate media.Bitrate, now media.Time) {
	l.mu.Lock()
	probe := l.ask(rate, now)
	l.mu.Unlock()
	if probe != nil {
		probe()
	}
}

func (l *Link) ask(rate media.Bitrate, now media.Time) func() {
	l.want = rate
	a := &l.attempt
	if a.path != nil {
		if now-a.asked < lostProbe {
			return nil
		}
		l.fail(now)
	}
	budget := l.Budget()
	if l.o.Max > 0 {
		rate = min(rate, l.o.Max)
	}
	if rate <= budget || now < a.next || now-l.cutAt < firstPause && l.cutAt > 0 {
		return nil
	}
	l.sumUp(now)
	if l.sum.signal != normal || l.sum.queue > ms(standingDelay) || !l.loss.fine() || l.loss.trial.at > 0 {
		return nil
	}
	var on *Path
	for _, p := range l.paths {
		w := &p.told
		if w.probe != nil && w.transport && now-w.at < stale && (on == nil || w.sent > on.told.sent) {
			on = p
		}
	}
	if on == nil {
		return nil
	}
	factor := probeFactor
	if a.passed {
		factor = nextFactor
	}
	target := min(rate, media.Bitrate(factor*float64(budget)))
	*a = attempt{path: on, asked: now, target: target, extra: max(target-l.sum.sent, target/8), pause: a.pause}
	l.counts.Probes++
	return on.told.probe
}

// fail ends a probe that showed no more, or that a cut came upon.
func (l *Link) fail(now media.Time) {
	a := &l.attempt
	if a.path == nil {
		a.next = max(a.next, now+a.pause)
		return
	}
	a.path, a.passed = nil, false
	a.next = now + a.pause
	a.pause = min(2*a.pause, lastPause)
}

// Probe returns how many bytes of padding are due by now, and whether to ask again soon. What is sent of them comes back
// by Sent.
func (p *Path) Probe(now media.Time) (bytes int, more bool) {
	p.link.mu.Lock()
	a := p.link.attempt
	p.link.mu.Unlock()
	g := &p.probing
	if a.path != p {
		*g = probing{}
		return 0, false
	}
	if g.closed {
		return 0, false
	}
	if !g.open {
		*g = probing{open: true, start: now}
	}
	passed := now - g.start
	if passed >= probeTime {
		g.open, g.closed, g.until = false, true, now
		return 0, false
	}
	// A little ahead, so that something is sent at once.
	due := int(float64(a.extra) / 8 * min(passed+10*time.Millisecond, probeTime).Seconds())
	bytes = max(due-g.padding, 0)
	g.padding += bytes
	return bytes, true
}

// arrived takes a packet that came.
func (g *probing) arrived(sent media.Time, size int, queue float64) {
	if !g.open && !g.closed || sent < g.start-tick || g.closed && sent > g.until {
		return
	}
	half := 0
	if sent-g.start > probeTime/2 {
		half = 1
	}
	g.n[half]++
	g.queue[half] += queue
	g.came += size
	g.newest = max(g.newest, sent)
}

// ended judges a probe when all of it has come, or should have; the caller holds the link's lock.
func (p *Path) ended(now media.Time) {
	g, l := &p.probing, p.link
	if l.attempt.path != p || !g.closed {
		return
	}
	if g.newest < g.until-probeTime/10 && now-g.until < p.told.rtt+300*time.Millisecond {
		return
	}
	target, passed := float64(l.attempt.target), *g
	*g = probing{}
	if passed.n[0] < leastProbe || passed.n[1] < leastProbe || passed.total == 0 {
		l.fail(now)
		return
	}
	rise := passed.queue[1]/float64(passed.n[1]) - passed.queue[0]/float64(passed.n[0])
	growth := max(rise, 0) / ms(probeTime/2)
	came := float64(passed.came) / float64(passed.total) / (1 - l.loss.inherent)
	if growth > probeGrowth || came < 0.85 {
		l.fail(now)
		l.estimate = max(l.estimate, min(cutTo*target*min(came, 1)/(1+growth), target))
		return
	}
	l.counts.Confirms++
	l.estimate = max(l.estimate, target)
	l.attempt.path, l.attempt.passed = nil, true
	l.attempt.next = now + nextProbe
	l.attempt.pause = max(l.attempt.pause/2, firstPause)
}
