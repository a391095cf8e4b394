package impair

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// packet is a datagram on its way.
type packet struct {
	flow *flow
	data []byte
	at   time.Duration // of arrival in the queue, then of delivery
	n    uint64        // order among those due at the same time
}

// line is one direction. It has no clock: times come in, counted from any beginning, and never go back.
type line struct {
	conditions Conditions
	random     *rand.Rand
	waiting    []packet // for a limited line
	bytes      int      // of those waiting
	free       time.Duration
	bad        bool // in a run of losses
	under      departures
	last       time.Duration // delivery of the last packet that kept its place
	n          uint64
	counts     Counts
}

func newLine(c Conditions, seed, stream uint64) *line {
	return &line{conditions: c, random: rand.New(rand.NewPCG(seed, stream))} //nolint:gosec // no secret
}

// Counts say what became of the packets of one direction.
type Counts struct {
	Taken      uint64 `json:"taken"`
	Delivered  uint64 `json:"delivered"` // duplicates count
	Lost       uint64 `json:"lost"`      // at random
	Overflowed uint64 `json:"overflowed"`
	Duplicated uint64 `json:"duplicated"`
	Overtook   uint64 `json:"overtook"` // sent ahead
	Bytes      uint64 `json:"bytes"`    // delivered
}

// put takes a packet at a time.
func (l *line) put(now time.Duration, f *flow, data []byte) {
	l.counts.Taken++
	l.advance(now)
	if l.conditions.Rate == 0 && len(l.waiting) == 0 {
		l.leave(packet{flow: f, data: data}, now)
		return
	}
	if l.bytes+len(data) > l.conditions.capacity() {
		l.counts.Overflowed++
		return
	}
	l.bytes += len(data)
	l.waiting = append(l.waiting, packet{flow: f, data: data, at: now})
	l.advance(now)
}

// advance lets those who wait enter the line while it is free.
func (l *line) advance(now time.Duration) {
	for len(l.waiting) > 0 && l.free <= now {
		p := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.bytes -= len(p.data)
		l.free = max(l.free, p.at)
		if rate := l.conditions.Rate; rate > 0 {
			l.free += time.Duration(len(p.data)) * 8 * time.Second / time.Duration(rate)
		}
		l.leave(p, l.free)
	}
}

// leave decides what becomes of a packet that has left the queue.
func (l *line) leave(p packet, now time.Duration) {
	if l.loses() {
		l.counts.Lost++
		return
	}
	c := &l.conditions
	p.at = now + c.Delay
	if c.Reorder > 0 && l.random.Float64() < c.Reorder {
		p.at = now + c.Delay/2
		l.counts.Overtook++
	} else {
		if c.Jitter > 0 {
			p.at += time.Duration(l.random.Int64N(int64(c.Jitter)))
		}
		p.at = max(p.at, l.last)
		l.last = p.at
	}
	l.schedule(p)
	if c.Duplicate > 0 && l.random.Float64() < c.Duplicate {
		l.counts.Duplicated++
		l.schedule(p)
	}
}

func (l *line) schedule(p packet) {
	l.n++
	p.n = l.n
	heap.Push(&l.under, p)
}

// loses draws whether a packet is lost. With bursts it is Gilbert's model: a good state that loses nothing, a bad
// one that loses all and lasts Burst packets on average, and as often as gives Loss in all.
func (l *line) loses() bool {
	c := &l.conditions
	if c.Loss == 0 || c.Loss >= 1 {
		return c.Loss >= 1
	}
	if c.Burst <= 1 {
		return l.random.Float64() < c.Loss
	}
	turn := 1 / c.Burst
	if !l.bad {
		turn = min(c.Loss/(1-c.Loss)/c.Burst, 1)
	}
	if l.random.Float64() < turn {
		l.bad = !l.bad
	}
	return l.bad
}

// due returns a packet whose time has come.
func (l *line) due(now time.Duration) (packet, bool) {
	l.advance(now)
	if len(l.under) == 0 || l.under[0].at > now {
		return packet{}, false
	}
	p := heap.Pop(&l.under).(packet)
	l.counts.Delivered++
	l.counts.Bytes += uint64(len(p.data))
	return p, true
}

// next returns when there is something to do again.
func (l *line) next() (at time.Duration, ok bool) {
	if len(l.under) > 0 {
		at, ok = l.under[0].at, true
	}
	if len(l.waiting) > 0 && (!ok || l.free < at) {
		at, ok = l.free, true
	}
	return at, ok
}

// departures are packets under way, the next one first.
type departures []packet

func (d departures) Len() int { return len(d) }
func (d departures) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].n < d[j].n
}
func (d departures) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *departures) Push(x any)   { *d = append(*d, x.(packet)) }

func (d *departures) Pop() any {
	last := len(*d) - 1
	p := (*d)[last]
	(*d)[last] = packet{}
	*d = (*d)[:last]
	return p
}
