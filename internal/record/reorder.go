package record

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// patience is how long a missing packet is waited for: several requests for a retransmission over a long line.
	patience = time.Second
	// window is how many numbers are kept in order; a leap beyond it is a new beginning.
	window = 2048
)

// packet is a packet on its way through the recording.
type packet struct {
	seq       int64 // extended number
	timestamp int64 // extended RTP time
	marker    bool
	arrival   media.Time
	payload   []byte
}

// reorder brings packets into the order of their numbers, and waits for those that are missing. It belongs to one
// goroutine.
type reorder struct {
	started bool
	next    int64 // the number that is due
	times   unwrap32
	highest int64
	waiting [window]packet
	held    int
}

// put takes a packet. Late ones and doubles are dropped.
func (r *reorder) put(h media.Header, arrival media.Time, payload []byte) {
	seq := r.widen(h.Seq)
	switch {
	case !r.started:
		r.started, r.next, r.highest = true, seq, seq
	case seq < r.next:
		return
	case seq >= r.next+window: // what is held belongs to a time that is over
		r.drop(seq)
	}
	p := &r.waiting[seq%window]
	if p.payload != nil && p.seq == seq {
		return
	}
	r.highest = max(r.highest, seq)
	*p = packet{seq: seq, timestamp: r.times.widen(h.Timestamp), marker: h.Marker, arrival: arrival, payload: append(p.payload[:0:0], payload...)}
	if p.payload == nil {
		p.payload = []byte{}
	}
	r.held++
}

func (r *reorder) widen(seq uint16) int64 {
	if !r.started {
		return int64(seq) + 1<<16 // so that earlier ones stay positive
	}
	return r.highest + int64(int16(seq-uint16(r.highest)))
}

func (r *reorder) drop(next int64) {
	clear(r.waiting[:])
	r.held, r.next, r.highest = 0, next, next
}

// take hands on, in order, what is due: up to the first packet that is missing, and past it once it has been waited for long
// enough. gap is called instead of what will not come.
func (r *reorder) take(now media.Time, each func(*packet), gap func()) {
	for r.held > 0 {
		p := &r.waiting[r.next%window]
		if p.payload != nil && p.seq == r.next {
			each(p)
			*p = packet{}
			r.held--
			r.next++
			continue
		}
		first := r.firstHeld()
		if now-first.arrival < patience {
			return
		}
		r.next = first.seq
		gap()
	}
}

// firstHeld returns the held packet with the lowest number. There is one.
func (r *reorder) firstHeld() *packet {
	for seq := r.next; ; seq++ {
		if p := &r.waiting[seq%window]; p.payload != nil && p.seq == seq {
			return p
		}
	}
}

// flush hands on everything that is held.
func (r *reorder) flush(each func(*packet), gap func()) {
	r.take(1<<62, each, gap)
}

// unwrap32 widens numbers that wrap at 32 bits.
type unwrap32 struct {
	started bool
	last    int64
}

func (u *unwrap32) widen(v uint32) int64 {
	if !u.started {
		u.started, u.last = true, int64(v)+1<<32
		return u.last
	}
	w := u.last + int64(int32(v-uint32(u.last)))
	u.last = max(u.last, w)
	return w
}

// near widens a number to the one nearest to the last without taking it for the last.
func (u *unwrap32) near(v uint32) int64 {
	if !u.started {
		return int64(v) + 1<<32
	}
	return u.last + int64(int32(v-uint32(u.last)))
}
