package bwe

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// statusesPerSecond bounds what the feedback of one path may have us look at: 100 Mbit/s take 12,000.
	statusesPerSecond = 30_000
	// stale is the silence after which what a path said of its line counts no more.
	stale = 1500 * time.Millisecond
	// settling is how long after a change of network feedback may speak of packets that took the way before.
	settling = time.Second
	// leastBusy and mostBusy bound what is taken for standing in a queue, in ms: more than the noise of the line.
	leastBusy, mostBusy = 4.0, 50.0
)

// Path is one peer connection over a Link. Its methods must be called by one goroutine at a time.
type Path struct {
	link    *Link
	history history
	delay   delay
	rates   rates

	reference uint32 // of the last feedback
	epoch     int64  // of the reference, in its units: it wraps after twelve days
	hasEpoch  bool
	second    int64 // in which the statuses below were looked at
	statuses  int

	probing   probing
	unsettled media.Time // until then packets come by two ways

	told word // the link's; guarded by its lock
}

// word is what a path last said of its line.
type word struct {
	at          media.Time // 0: nothing yet
	signal      signal
	queue       float64 // ms, that stands
	sent        media.Bitrate
	acked       media.Bitrate
	capacity    media.Bitrate
	hasCapacity bool
	received    uint64 // packets, ever
	lost        uint64
	remote      media.Bitrate // REMB
	remoteAt    media.Time
	rtt         time.Duration
	transport   bool // whether it has transport-wide feedback
	probe       func()
}

// Heard is what a feedback said, in packets.
type Heard struct{ Received, Lost int }

// Sent takes a packet that leaves: its transport-wide number and its size on the wire in bytes.
func (p *Path) Sent(number uint16, size int, now media.Time) {
	p.history.sent(number, size, now)
	p.rates.sent.at(now).bytes += uint32(size)
	if p.probing.open {
		p.probing.total += size
	}
}

// Count takes a packet that leaves without a transport-wide number.
func (p *Path) Count(size int, now media.Time) { p.rates.sent.at(now).bytes += uint32(size) }

// Feedback reads a transport-wide feedback, fci being what follows the two SSRCs. It reports false if that makes no
// sense, and reads no more than is due to a path in a second.
func (p *Path) Feedback(fci []byte, now media.Time) (Heard, bool) {
	var f feedback
	received, lost, ok := f.open(fci)
	if !ok {
		return Heard{}, false
	}
	if s := int64(now / time.Second); s != p.second {
		p.second, p.statuses = s, 0
	}
	if p.statuses += min(f.count, maxStatuses); p.statuses > statusesPerSecond {
		return Heard{}, false
	}
	p.settle(now)
	at := p.time(f.reference)
	threshold := min(max(2*p.delay.noise, leastBusy), mostBusy)
	came, missing := 0, 0
	var newest media.Time
	f.each(func(number uint16, ok bool, after time.Duration) {
		if !ok {
			if p.history.missing(number) {
				missing++
			}
			return
		}
		sent, size, late, known := p.history.arrived(number, now)
		if !known {
			return
		}
		came++
		if late {
			missing--
		}
		newest = max(newest, sent)
		queue := p.delay.add(sent, at+after)
		p.rates.arrived(size, at+after, queue, threshold)
		p.probing.arrived(sent, size, queue)
	})
	p.tell(came, missing, newest, now)
	return Heard{received, lost}, true
}

// time returns when a reference is, by a clock that does not wrap.
func (p *Path) time(reference uint32) media.Time {
	if !p.hasEpoch {
		p.hasEpoch, p.epoch = true, int64(reference)
	} else {
		p.epoch += int64(int32((reference-p.reference)<<8) >> 8)
	}
	p.reference = reference
	return media.Time(p.epoch) * referenceUnit
}

// tell passes on to the link what a feedback has said.
func (p *Path) tell(came, missing int, newest media.Time, now media.Time) {
	capacity, has := p.rates.capacity()
	l := p.link
	l.mu.Lock()
	w := &p.told
	w.at, w.transport = now, true
	w.signal, w.queue = p.delay.signal(), p.delay.stands()
	w.sent, w.acked, w.capacity, w.hasCapacity = p.rates.sent.rate(now), p.rates.acked(), capacity, has
	w.received += uint64(came)
	if missing >= 0 {
		w.lost += uint64(missing)
	} else {
		w.lost -= min(w.lost, uint64(-missing))
	}
	if newest > 0 {
		w.rtt = now - newest
	}
	p.ended(now)
	changed := l.look(now)
	l.mu.Unlock()
	l.tell(changed)
}

// Report takes a receiver's word on a stream: how many packets it had to get and how many it lost since the last one.
// It is heeded while there is no transport-wide feedback.
func (p *Path) Report(expected, lost int, rtt time.Duration, now media.Time) {
	l := p.link
	l.mu.Lock()
	w := &p.told
	if w.transport && now-w.at < stale || expected <= 0 {
		l.mu.Unlock()
		return
	}
	w.at, w.transport, w.signal, w.queue, w.rtt = now, false, normal, 0, rtt
	w.sent = p.rates.sent.rate(now)
	lost = min(max(lost, 0), expected)
	w.acked = media.Bitrate(float64(w.sent) * (1 - float64(lost)/float64(expected)))
	w.received, w.lost, w.hasCapacity = w.received+uint64(expected-lost), w.lost+uint64(lost), false
	changed := l.look(now)
	l.mu.Unlock()
	l.tell(changed)
}

// Remote takes a receiver's own estimate (REMB). It is heeded while there is no transport-wide feedback.
func (p *Path) Remote(rate media.Bitrate, now media.Time) {
	l := p.link
	l.mu.Lock()
	p.told.remote, p.told.remoteAt = rate, now
	changed := l.look(now)
	l.mu.Unlock()
	l.tell(changed)
}

// Moved says that packets take another way from now on, with another delay: the client has changed its network.
func (p *Path) Moved(now media.Time) { p.unsettled = now + settling }

// settle forgets what was measured while packets of both ways are told of.
func (p *Path) settle(now media.Time) {
	if now < p.unsettled {
		p.delay, p.rates = newDelay(), rates{sent: p.rates.sent}
	}
}

// Close takes the path off its link.
func (p *Path) Close() { p.link.drop(p) }
