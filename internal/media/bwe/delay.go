package bwe

import (
	"math"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// burst is the span of sending times that makes a group: what leaves together says nothing of the delay
	// between its packets (draft-ietf-rmcat-gcc-02 section 5.1; libwebrtc uses the same 5 ms).
	burst = 5 * time.Millisecond
	// trendGroups is how many groups the trend line goes through: a third of a second of picture and sound.
	trendGroups = 20
	trendGain   = 4.0
	smoothing   = 0.9 // of the accumulated delay, per group
	// The threshold adapts to the line, quickly up and slowly down, so that a line with jitter or with greedy
	// neighbours isn't taken for overused all the time (draft-ietf-rmcat-gcc-02 section 5.4).
	thresholdUp    = 0.0087
	thresholdDown  = 0.039
	firstThreshold = 12.5 // ms
	leastThreshold = 6.0
	mostThreshold  = 600.0
	overuseTime    = 10 * time.Millisecond // that the trend must stay over the threshold

	// A trend alone is not trusted: a key frame of eight times the usual size makes one on a healthy line. It must
	// leave a queue that stands: the least delay over standingTime must be over standingDelay.
	standingTime  = 160 * time.Millisecond
	standingDelay = 20 * time.Millisecond
	standingSlots = 4
	// mostNoise bounds, in ms, what of a standing queue is put down to the noise of the line, and longQueue is one that
	// needs no trend to be too long.
	mostNoise = 60.0
	longQueue = 250.0
	// baseTime is how long the least delay of the line is remembered, in two halves. A path that gets longer by a
	// change of route is taken for what it is after that time.
	baseTime = 10 * time.Second
	// outage is a silence after which groups aren't compared.
	outage = 3 * time.Second
)

// signal says what the delay of a line does.
type signal uint8

const (
	normal signal = iota
	under         // a queue drains
	over          // a queue grows
)

// delay watches the one-way delay of a path, by two clocks that need not agree.
type delay struct {
	base     [2]float64 // ms, least in this half of baseTime and the one before
	baseAt   media.Time // when this half began; 0: nothing came yet
	standing [standingSlots]float64
	slot     int
	slotAt   media.Time
	noise    float64 // ms, mean step of the delay between groups
	queue    float64 // ms, of the last packet over the base

	// The group that is coming in and the one before, in ms of their own clocks.
	group, before arrivals
	groups        int

	// The trend line.
	accumulated, smoothed float64
	at, line              [trendGroups]float64
	points, next          int
	firstAt               float64
	trend, lastTrend      float64
	threshold             float64
	thresholdAt           float64
	overFor               float64 // ms that the trend has been over the threshold
	overCount             int
	now                   signal
}

// arrivals is a group of packets that were sent together.
type arrivals struct {
	firstSent, lastSent float64 // ms
	came                float64 // ms, of the last to come
	lag                 float64 // ms, of the first packet: what the queue was before it
	some                bool
}

func newDelay() delay {
	d := delay{threshold: firstThreshold}
	d.forget()
	return d
}

func (d *delay) forget() {
	d.base = [2]float64{math.Inf(1), math.Inf(1)}
	for i := range d.standing {
		d.standing[i] = math.Inf(1)
	}
}

// add takes a packet that was sent and came at these moments of two clocks. Packets come in the order of sending.
// It returns how long the packet stood in a queue, in ms.
func (d *delay) add(sent, came media.Time) float64 {
	s, c := ms(sent), ms(came)
	lag := c - s
	d.keep(lag, sent)
	d.queue = lag - min(d.base[0], d.base[1])
	if q := d.queue; q < d.standing[d.slot] {
		d.standing[d.slot] = q
	}
	g := &d.group
	switch {
	case g.some && s < g.firstSent: // overtaken by others, and told of later than they: it says nothing of the trend
		return d.queue
	case g.some && s-g.firstSent <= ms(burst):
		g.lastSent, g.came = max(g.lastSent, s), max(g.came, c)
		return d.queue
	}
	if g.some {
		d.compare()
		d.before = *g
		d.groups++
	}
	*g = arrivals{firstSent: s, lastSent: s, came: c, lag: lag, some: true}
	return d.queue
}

// keep has the least delays of the last moments and of the last seconds remembered.
func (d *delay) keep(lag float64, sent media.Time) {
	if d.baseAt == 0 {
		d.baseAt, d.slotAt = sent, sent
	}
	if sent-d.baseAt > baseTime/2 {
		d.base[1], d.base[0], d.baseAt = d.base[0], lag, sent
	}
	d.base[0] = min(d.base[0], lag)
	if passed := sent - d.slotAt; passed > standingTime/standingSlots {
		if passed > outage {
			for i := range d.standing {
				d.standing[i] = math.Inf(1)
			}
		}
		d.slot, d.slotAt = (d.slot+1)%standingSlots, sent
		d.standing[d.slot] = math.Inf(1)
	}
}

// stands returns the queue that never went away lately, in ms.
func (d *delay) stands() float64 {
	least := math.Inf(1)
	for _, q := range d.standing {
		if math.IsInf(q, 1) {
			continue
		}
		least = min(least, q)
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// full says whether the whole of standingTime has been seen.
func (d *delay) full() bool {
	for i, q := range d.standing {
		if i != d.slot && math.IsInf(q, 1) {
			return false
		}
	}
	return true
}

// compare takes the group that has ended now.
func (d *delay) compare() {
	if !d.before.some {
		return
	}
	sent, came := d.group.lastSent-d.before.lastSent, d.group.came-d.before.came
	if sent <= 0 || sent > ms(outage) || math.Abs(came-sent) > ms(outage) {
		d.points, d.next, d.accumulated, d.smoothed = 0, 0, 0, 0 // a line that stood still, or another clock
		return
	}
	step := math.Abs(d.group.lag - d.before.lag)
	d.noise += (min(step, 100) - d.noise) / 16
	d.follow(came-sent, d.group.came)
	d.detect(sent)
}

// follow puts a step of the delay into the trend line.
func (d *delay) follow(step, at float64) {
	if d.points == 0 {
		d.firstAt = at
	}
	d.accumulated += step
	d.smoothed = smoothing*d.smoothed + (1-smoothing)*d.accumulated
	d.at[d.next], d.line[d.next] = at-d.firstAt, d.smoothed
	d.next = (d.next + 1) % trendGroups
	d.points = min(d.points+1, trendGroups)
	d.lastTrend = d.trend
	if d.points == trendGroups {
		d.trend = slope(&d.at, &d.line) * float64(min(d.groups, 60)) * trendGain
	}
	d.adapt(d.trend, at)
}

// slope is that of the least-squares line.
func slope(x, y *[trendGroups]float64) float64 {
	var mx, my float64
	for i := range x {
		mx += x[i]
		my += y[i]
	}
	mx /= trendGroups
	my /= trendGroups
	var num, den float64
	for i := range x {
		num += (x[i] - mx) * (y[i] - my)
		den += (x[i] - mx) * (x[i] - mx)
	}
	if den == 0 {
		return 0
	}
	return num / den
}

func (d *delay) detect(passed float64) {
	switch {
	case d.trend > d.threshold:
		d.overFor += passed
		d.overCount++
		if d.overFor > ms(overuseTime) && d.overCount > 1 && d.trend >= d.lastTrend {
			d.now = over
		}
	case d.trend < -d.threshold:
		d.overFor, d.overCount, d.now = 0, 0, under
	default:
		d.overFor, d.overCount, d.now = 0, 0, normal
	}
}

func (d *delay) adapt(trend, at float64) {
	passed := min(at-d.thresholdAt, 100)
	d.thresholdAt = at
	distance := math.Abs(trend) - d.threshold
	if distance > 15 || passed <= 0 { // a jump, as of a change of route
		return
	}
	k := thresholdDown
	if distance > 0 {
		k = thresholdUp
	}
	d.threshold = min(max(d.threshold+k*distance*passed, leastThreshold), mostThreshold)
}

// signal says what the delay does, a growing one only if a queue stands.
func (d *delay) signal() signal {
	stands := 0.0
	if d.full() {
		stands = d.stands()
	}
	switch {
	case d.now == over && stands < max(ms(standingDelay), min(3*d.noise, mostNoise)):
		return normal
	case d.now == normal && stands > longQueue:
		return over
	}
	return d.now
}

func ms(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }
