package sfu

import (
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	rateSlot  = 250 * time.Millisecond
	rateSlots = 4
	// lastEvery is how exactly the time of the last packet is kept: others read it, so it is written less often than
	// packets come.
	lastEvery = 10 * time.Millisecond
	// packetHead is what is counted for a packet beside its payload: a plain RTP header (RFC 3550 section 5.1).
	packetHead = 12
	// aliveFor is how long after its last packet a track counts as alive: a screen on which nothing moves sends one
	// frame a second.
	aliveFor = 1500 * time.Millisecond
)

// rateMeter measures a flow over its last second. count is for one goroutine, the rest for any.
type rateMeter struct {
	slots [rateSlots]rateSum // of whole slots
	slot  int64              // the number of the slot being filled, counted from the clock's zero
	since int64              // the number of the first slot
	sum   rateSum            // in it so far
	seen  media.Time         // what last was set to

	rate, thin atomic.Int64 // bits per second; thin without the packets of spare frames
	last       atomic.Int64 // media.Time of the last packet, plus one; 0 for none
}

// rateSum is in bytes.
type rateSum struct{ all, spare int64 }

func (m *rateMeter) count(n int, spare bool, now media.Time) {
	if slot := int64(now / rateSlot); slot != m.slot {
		m.turn(slot)
	}
	m.sum.all += int64(n + packetHead)
	if spare {
		m.sum.spare += int64(n + packetHead)
	}
	if m.seen == 0 || now-m.seen >= lastEvery {
		m.seen = now
		m.last.Store(int64(now) + 1)
	}
}

// turn ends a slot.
func (m *rateMeter) turn(slot int64) {
	if slot-m.slot > rateSlots || slot < m.slot { // the flow begins, or begins again
		m.slots, m.sum, m.since = [rateSlots]rateSum{}, rateSum{}, slot
		m.slot = slot
		return
	}
	for m.slot < slot {
		m.slots[uint64(m.slot)%rateSlots] = m.sum
		m.sum = rateSum{}
		m.slot++
	}
	var sum rateSum
	for _, n := range m.slots {
		sum.all += n.all
		sum.spare += n.spare
	}
	whole := max(min(m.slot-m.since, rateSlots), 1)
	const bits = 8 * int64(time.Second/rateSlot)
	m.rate.Store(sum.all * bits / whole)
	m.thin.Store((sum.all - sum.spare) * bits / whole)
}

// idle returns how long ago the last packet came; a day or more if none has.
func (m *rateMeter) idle(now media.Time) time.Duration {
	last := m.last.Load()
	if last == 0 {
		return 24 * time.Hour
	}
	return max(now-media.Time(last-1), 0)
}

// Rate returns how much the track brings, RTP headers included and repetitions not, over about the last second; 0 if
// it brings nothing. Of a track that sleeps it is what it brought before.
func (u *UpTrack) Rate(now media.Time) media.Bitrate {
	if !u.Alive(now) {
		return 0
	}
	return media.Bitrate(u.rate.rate.Load())
}

// Alive says whether the track can be had: it has brought something a moment ago, or sleeps, or was woken a
// moment ago.
func (u *UpTrack) Alive(now media.Time) bool {
	return u.rest.quiet(now) || u.rate.idle(now) < aliveFor && !u.rest.stalled.Load()
}

// Idle returns how long ago the track has brought something; a day or more if it never has.
func (u *UpTrack) Idle(now media.Time) time.Duration { return u.rate.idle(now) }

// Size returns the width and height of the picture, 0 while they are not known.
func (u *UpTrack) Size() (width, height int) {
	size := u.stats.size.Load()
	return int(size >> 16), int(size & 0xffff)
}
