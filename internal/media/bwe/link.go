package bwe

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// Unlimited is the budget of a link that has shown no bound.
const Unlimited media.Bitrate = math.MaxInt64

const (
	// cutTo is what is left of what the line was seen to bear when a queue grows: the rest drains the queue.
	cutTo = 0.85
	// growth is by how much the estimate grows in a second while it is used and no queue grows, blindGrowth
	// without transport-wide feedback, where no probe can tell more (draft-ietf-rmcat-gcc-02 section 5.5: 8 %).
	growth      = 0.05
	blindGrowth = 0.08
	// overAcked bounds the growth by what has come through (draft-ietf-rmcat-gcc-02 section 5.5).
	overAcked = 1.5
	// plateau is a queue, in ms, that need not grow to be too long; it is cut again after plateauTime.
	plateau     = 80.0
	plateauTime = 2 * time.Second
	// notice is by how much an estimate must change to be told.
	notice = 0.03
)

// Options are what a Link begins with and stays within. 0 is no bound.
type Options struct {
	Start    media.Bitrate // what the line is taken to bear at first
	Min, Max media.Bitrate // of the estimate
	// Changed is called when the budget has changed, under locks of a Path's owner: it must only leave a note.
	Changed func()
}

// Link is the line of one participant. Its methods may be called from any goroutine.
type Link struct {
	o      Options
	budget atomic.Int64

	mu       sync.Mutex
	paths    []*Path
	estimate float64 // bit/s; 0 while there is no bound
	told     float64
	grownAt  media.Time
	cutAt    media.Time
	clearAt  media.Time // when no queue stood last
	gone     word       // packets of paths that were closed
	loss     losses
	want     media.Bitrate
	attempt  attempt
	sum      word // over the paths
	counts   Stats
}

// Stats are a link's figures.
type Stats struct {
	Estimate media.Bitrate // 0 while there is no bound
	Queue    time.Duration // that stands on the way
	Loss     float64       // 0..1, over the last seconds
	RTT      time.Duration // with the wait for feedback; 0 when not known
	Probes   uint64        // begun
	Confirms uint64        // probes that showed more
	Cuts     uint64        // times that the estimate fell
}

// NewLink returns a link without paths.
func NewLink(o Options) *Link {
	l := &Link{o: o, estimate: float64(o.Start)}
	l.attempt.pause = firstPause
	l.publish()
	return l
}

// Budget returns what may be sent, or Unlimited.
func (l *Link) Budget() media.Bitrate { return media.Bitrate(l.budget.Load()) }

// Open returns a new path over the link. probe is called when the path is to send a probe, from any goroutine and
// under no lock; it must have Path.Probe called soon. nil means that the path can send none.
func (l *Link) Open(probe func()) *Path {
	p := &Path{link: l, delay: newDelay()}
	p.told.probe = probe
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paths = append(l.paths, p)
	return p
}

func (l *Link) drop(p *Path) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.paths, p); i >= 0 {
		l.paths = slices.Delete(l.paths, i, i+1)
		l.gone.received += p.told.received
		l.gone.lost += p.told.lost
	}
	if l.attempt.path == p {
		l.attempt.path = nil
	}
}

// Stats returns the figures.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.counts
	s.Estimate = media.Bitrate(l.estimate)
	s.Queue = time.Duration(l.sum.queue * float64(time.Millisecond))
	s.Loss, s.RTT = l.loss.smooth, l.sum.rtt
	return s
}

// Congested says whether the line has borne less than was sent in the last moments: a queue stands, packets are lost that
// weren't before, or the far end says so. An estimate alone may be out of date.
func (l *Link) Congested(now media.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.sum
	switch {
	case now-s.at > stale:
		return false
	case !s.transport && s.remote > 0: // the far end's own word
		return true
	}
	return l.cutAt > 0 && (now-l.cutAt < time.Second || s.queue > plateau || s.sent > media.Bitrate(l.estimate) && !l.loss.fine())
}

// publish makes the estimate the budget and says whether that is news.
func (l *Link) publish() bool {
	b := Unlimited
	if l.estimate > 0 {
		if least := float64(l.o.Min); l.estimate < least {
			l.estimate = least
		}
		b = media.Bitrate(l.estimate)
	}
	if l.o.Max > 0 {
		b = min(b, l.o.Max)
		l.estimate = min(l.estimate, float64(l.o.Max))
	}
	l.budget.Store(int64(b))
	if math.Abs(l.estimate-l.told) <= notice*l.told {
		return false
	}
	l.told = l.estimate
	return true
}

func (l *Link) tell(changed bool) {
	if changed && l.o.Changed != nil {
		l.o.Changed()
	}
}

// look draws conclusions from what the paths said last; the caller holds mu.
func (l *Link) look(now media.Time) bool {
	l.sumUp(now)
	s := &l.sum
	if s.queue < ms(standingDelay) {
		l.clearAt = now
	}
	l.loss.look(l, now)
	switch {
	case !s.transport && s.remote > 0:
		l.estimate, l.grownAt = float64(s.remote), now
	case s.signal == over && s.hasCapacity && now-l.cutAt > s.rtt+200*time.Millisecond,
		s.queue > plateau && s.hasCapacity && now-max(l.cutAt, l.clearAt) > plateauTime:
		l.cut(cutTo*float64(s.capacity), now)
		l.grownAt = now
	case s.signal == normal && now-l.clearAt < 300*time.Millisecond:
		l.grow(now)
	default:
		l.grownAt = now
	}
	return l.publish()
}

// sumUp adds up what the paths said of the line that they share.
func (l *Link) sumUp(now media.Time) {
	s := word{at: now, received: l.gone.received, lost: l.gone.lost}
	for _, p := range l.paths {
		w := &p.told
		s.received += w.received
		s.lost += w.lost
		if w.remoteAt > 0 && now-w.remoteAt < 2*stale {
			s.remote += w.remote
		}
		if w.at == 0 || now-w.at > stale {
			continue
		}
		if w.signal == over || w.signal == under && s.signal == normal {
			s.signal = w.signal
		}
		s.queue = max(s.queue, w.queue)
		s.rtt = max(s.rtt, w.rtt)
		s.sent += w.sent
		s.acked += w.acked
		s.transport = s.transport || w.transport
		if w.hasCapacity {
			s.capacity, s.hasCapacity = s.capacity+w.capacity, true
		} else {
			s.capacity += w.acked
		}
	}
	l.sum = s
}

// cut lowers the estimate, and ends a probe that may have been the cause.
func (l *Link) cut(to float64, now media.Time) {
	l.fail(now)
	if s := &l.sum; float64(s.sent) < l.estimate/2 && float64(s.acked) > 0.8*float64(s.sent) {
		to = max(to, cutTo*l.estimate) // too little is sent to tell, and it comes through
	}
	if l.estimate > 0 && to >= l.estimate {
		return
	}
	l.estimate, l.cutAt = max(to, 1), now
	l.counts.Cuts++
}

// grow raises the estimate while it is made use of.
func (l *Link) grow(now media.Time) {
	passed := min(now-l.grownAt, time.Second).Seconds()
	l.grownAt = now
	if l.estimate == 0 {
		return
	}
	rate, most := growth, overAcked*float64(l.sum.acked)+10_000
	if !l.sum.transport {
		rate, most = blindGrowth, math.Inf(1)
	}
	if e := min(l.estimate*math.Pow(1+rate, passed), most); e > l.estimate {
		l.estimate = e
	}
	if acked := float64(l.sum.acked); acked > l.estimate && l.attempt.path == nil { // it has come through, so it can
		l.estimate = acked
	}
}
