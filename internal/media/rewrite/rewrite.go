// Package rewrite keeps the numbers that one viewer sees seamless, whatever happens to what is forwarded to it:
// a switch to another source, a pause, packets that are left out. A packet that is missing stays a gap of one
// number, to be filled when it comes late; a packet that was left out on purpose leaves none.
//
// It also knows the way back, from a number the viewer saw to the packet it was, as far as its bounded memory
// of shifts goes; across a turn to another source as well.
//
// A Rewriter belongs to one goroutine. The package starts none, keeps no payloads and asks no clock.
package rewrite

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// spans is how many changes of the shift are remembered. A run of packets left out makes one. It bounds the
// memory of a viewer (32 bytes each); what is older cannot be asked for again.
const spans = 32

// squeeze is by how much time is pressed together in a replay: a second of old pictures passes as 31 ms, so the
// viewer decodes them at once and is not a second behind from then on. A frame of 1/60 s keeps 46 ticks.
const squeeze = 32

// Rewriter renumbers one flow for one viewer. The zero Rewriter begins at the number 1 and the time 0.
type Rewriter struct {
	ring   [spans]span
	n      int // spans in use, the newest at ring[newest]
	newest int
	top    media.Seq // the highest source number seen since Start
	out    media.Seq // the highest number given to the viewer
	lastTS uint32    // of the frame last forwarded, as the viewer saw it
	lastAt media.Time
	late   uint32 // by how many ticks the viewer's time is after what StartAt was asked for
	least  uint32 // ticks between two frames of a sender that catches up with its time
	epoch  uint16 // the source that Next is about: counts the turns
	began  bool   // ever
	broken bool   // since the last Start
}

// span is a run of source numbers with one shift. It reaches up to the first of the next newer span.
type span struct {
	first media.Seq
	shift media.Seq // source number less the viewer's
	Clock
}

// Clock turns a source's time into the viewer's.
type Clock struct {
	from     uint32 // this source time ...
	to       uint32 // ... is this time for the viewer
	epoch    uint16 // of the source
	squeezed bool
}

// Epoch says which of the sources the clock belongs to: what Rewriter.Epoch was while it ran.
func (c Clock) Epoch() uint16 { return c.epoch }

// Time returns the viewer's time for the source's time ts.
func (c Clock) Time(ts uint32) uint32 {
	d := int32(ts - c.from)
	if c.squeezed {
		d /= squeeze
	}
	return c.to + uint32(d)
}

// New returns a Rewriter whose first packet gets the number seq and the time ts.
func New(seq uint16, ts uint32) Rewriter {
	return Rewriter{out: media.FirstSeq(seq) - 1, lastTS: ts}
}

// Top returns the highest number of the source seen since Start; the next in order follows on it.
func (r *Rewriter) Top() media.Seq { return r.top }

// Started says whether a flow has begun, and not ended by Break or Forget.
func (r *Rewriter) Started() bool { return r.n > 0 && !r.broken }

// Break ends the flow: what comes next needs a Start. What was sent can still be asked for.
func (r *Rewriter) Break() { r.broken = true }

// Forget ends the flow as Break does, and drops the memory of it: for a switch to another source.
// The viewer's own numbers go on.
func (r *Rewriter) Forget() { r.n, r.broken = 0, true }

// Turn ends the flow for a switch to another source that the viewer sees as the same: what comes next needs a
// Start. What was sent can still be asked for; Source's clock then has the epoch of before.
func (r *Rewriter) Turn() {
	r.epoch++
	r.broken = true
}

// Epoch counts the turns. It wraps.
func (r *Rewriter) Epoch() uint16 { return r.epoch }

// Start begins, or begins again after a pause or a loss of place, with the packet seq, which arrived at the time
// at: it follows without a gap on what was sent last. rate is the clock rate in Hz; the time that has passed
// since the last packet passes for the viewer as well.
func (r *Rewriter) Start(seq media.Seq, ts uint32, at media.Time, rate uint32) {
	r.begin(span{first: seq, Clock: Clock{from: ts, to: r.ResumeAt(at, rate)}})
}

// StartReplay is Start for old packets sent in a burst: their time is squeezed until Live is called. at is the
// present.
func (r *Rewriter) StartReplay(seq media.Seq, ts uint32, at media.Time, rate uint32) {
	r.begin(span{first: seq, Clock: Clock{from: ts, to: r.ResumeAt(at, rate), squeezed: true}})
}

// StartAt is Start with the viewer's time to for the first packet. If that is not later than what was sent by a
// millisecond, it is put off until it is, and the frames that follow make up for it.
func (r *Rewriter) StartAt(seq media.Seq, ts, to, rate uint32) {
	late := uint32(0)
	r.least = rate / 1000
	if earliest := r.lastTS + r.least; r.began && int32(earliest-to) > 0 {
		late = earliest - to
	}
	r.begin(span{first: seq, Clock: Clock{from: ts, to: to + late}})
	r.late = late
}

// Late returns by how many ticks the viewer's time is later now than StartAt was asked for.
func (r *Rewriter) Late() uint32 { return r.late }

// makeUp has a new frame, whose first packet is seq, follow on the last as closely as may be, as long as the viewer's
// time is late.
func (r *Rewriter) makeUp(seq media.Seq, ts uint32) {
	s := r.back(0)
	t := s.Time(ts)
	ahead := t - (r.lastTS + r.least)
	if int32(ahead) <= 0 || seq-s.shift != r.out+1 {
		return
	}
	off := min(ahead, r.late)
	r.late -= off
	r.push(span{first: seq, shift: s.shift, Clock: Clock{from: ts, to: t - off, epoch: r.epoch}})
}

// Live ends a replay whose newest packet bore the time ts: from seq on, time passes at its own pace.
func (r *Rewriter) Live(seq media.Seq, ts uint32) {
	s := &r.ring[r.newest]
	if r.n == 0 || !s.squeezed {
		return
	}
	r.push(span{first: seq, shift: s.shift, Clock: Clock{from: ts, to: s.Time(ts), epoch: r.epoch}})
}

// Next returns the viewer's number and time for the packet seq with the time ts, which arrived at the time at.
// It reports false for a packet from before the start, or from before all that is remembered. The same packet
// gets the same answer again.
func (r *Rewriter) Next(seq media.Seq, ts uint32, at media.Time) (uint16, uint32, bool) {
	// Only where nothing is missing is it certain that what comes late is of an earlier frame.
	if r.late != 0 && seq > r.top {
		r.makeUp(seq, ts)
	}
	s := &r.ring[r.newest]
	if seq < s.first || s.epoch != r.epoch || r.n == 0 {
		return r.older(seq, ts)
	}
	out := seq - s.shift
	r.top = max(r.top, seq)
	t := s.Time(ts)
	if out > r.out {
		r.out, r.lastTS, r.lastAt = out, t, at
	}
	return out.Wire(), t, true
}

// older is Next for a packet from before the newest span.
func (r *Rewriter) older(seq media.Seq, ts uint32) (uint16, uint32, bool) {
	s, next := r.span(seq)
	if s == nil {
		return 0, 0, false
	}
	out := seq - s.shift
	if next != nil && out >= next.first-next.shift {
		return 0, 0, false // it was left out
	}
	return out.Wire(), s.Time(ts), true
}

// Drop leaves the packet seq with the time ts out. If it came in order its number is closed and Drop reports
// false. If it was overtaken the viewer has been left a gap for it; Drop then returns the gap's number and time,
// and true.
func (r *Rewriter) Drop(seq media.Seq, ts uint32) (uint16, uint32, bool) {
	if !r.Started() {
		return 0, 0, false
	}
	if seq <= r.top {
		return r.Next(seq, ts, r.lastAt)
	}
	r.top = seq
	s := &r.ring[r.newest]
	if s.first == seq { // nothing in the span yet
		s.first, s.shift = seq+1, s.shift+1
		return 0, 0, false
	}
	next := *s
	next.first, next.shift = seq+1, s.shift+1
	r.push(next)
	return 0, 0, false
}

// Source returns which packet the viewer saw as number wire, and the clock it was told its time by. It reports
// false if that is not remembered.
func (r *Rewriter) Source(wire uint16) (media.Seq, Clock, bool) {
	out := r.out.Near(wire)
	if out > r.out {
		return 0, Clock{}, false
	}
	for i := range r.n {
		if s := r.back(i); out >= s.first-s.shift {
			return out + s.shift, s.Clock, true
		}
	}
	return 0, Clock{}, false
}

// Timestamp returns the viewer's time for a time of the source now, as a sender report needs it. It reports
// false while there is no steady relation: before the start, and in a replay.
func (r *Rewriter) Timestamp(ts uint32) (uint32, bool) {
	s := &r.ring[r.newest]
	return s.Time(ts), r.Started() && !s.squeezed
}

func (r *Rewriter) begin(s span) {
	s.shift, s.epoch = s.first-(r.out+1), r.epoch
	r.top, r.late, r.began, r.broken = s.first-1, 0, true, false
	r.push(s)
}

// ResumeAt returns the viewer's time for a packet that arrives at the time at after a break, going by the arrivals
// alone. It is later than the last, by a millisecond at least.
func (r *Rewriter) ResumeAt(at media.Time, rate uint32) uint32 {
	if !r.began {
		return r.lastTS
	}
	// A day's break at most: the product stays far from overflow.
	passed := min(max(at-r.lastAt, time.Millisecond), 24*time.Hour)
	return r.lastTS + uint32(int64(passed/time.Microsecond)*int64(rate)/1e6)
}

func (r *Rewriter) push(s span) {
	r.newest = (r.newest + 1) % spans
	r.ring[r.newest] = s
	r.n = min(r.n+1, spans)
}

// back returns the i-th newest span.
func (r *Rewriter) back(i int) *span { return &r.ring[(r.newest+spans-i)%spans] }

// span returns the span of seq and the next newer one, of the present source.
func (r *Rewriter) span(seq media.Seq) (s, next *span) {
	for i := range r.n {
		s = r.back(i)
		if s.epoch != r.epoch {
			return nil, nil
		}
		if seq >= s.first {
			return s, next
		}
		next = s
	}
	return nil, nil
}
