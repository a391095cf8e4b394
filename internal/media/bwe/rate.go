package bwe

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	rateSlots = 10
	rateSlot  = 50 * time.Millisecond
	// busyLeast is how long a queue must have stood for the speed of what came out of it to be believed.
	busyLeast = 60 * time.Millisecond
	// idleGap is a pause between arrivals that no queue explains.
	idleGap = time.Second
)

// rates measure what was sent, by our clock, and what came, by that of the far end, over the last half second.
type rates struct {
	sent, came, busy window
	last             media.Time // arrival of the packet that came last
	some             bool
}

// window sums up bytes, and the time they took, over the last slots.
type window struct {
	slots [rateSlots]amount
	slot  int64 // the newest, in units of rateSlot
	begun media.Time
	some  bool
}

type amount struct {
	bytes uint32
	time  time.Duration
}

// at returns the slot of a moment; it becomes the newest unless it is older than that.
func (w *window) at(now media.Time) *amount {
	slot := int64(now / rateSlot)
	switch ahead := slot - w.slot; {
	case !w.some || ahead >= rateSlots || ahead <= -rateSlots:
		begun := w.begun
		if !w.some || now-w.begun < 0 {
			begun = now
		}
		*w = window{slot: slot, begun: begun, some: true}
	case ahead > 0:
		for i := w.slot + 1; i <= slot; i++ {
			w.slots[mod(i)] = amount{}
		}
		w.slot = slot
	}
	return &w.slots[mod(slot)]
}

func mod(i int64) int { return int((i%rateSlots + rateSlots) % rateSlots) }

// sum returns what there was up to now.
func (w *window) sum(now media.Time) (bytes uint64, busy time.Duration) {
	if !w.some {
		return 0, 0
	}
	w.at(now)
	for i := range w.slots {
		bytes += uint64(w.slots[i].bytes)
		busy += w.slots[i].time
	}
	return bytes, busy
}

// rate returns the bits per second up to now.
func (w *window) rate(now media.Time) media.Bitrate {
	bytes, _ := w.sum(now)
	if bytes == 0 {
		return 0
	}
	return perSecond(bytes, max(min(now-w.begun, (rateSlots-1)*rateSlot+now%rateSlot), 2*rateSlot))
}

// arrived takes a packet that came, queue being how long it stood in one and threshold what counts as one, in ms.
func (r *rates) arrived(size int, came media.Time, queue, threshold float64) {
	r.came.at(came).bytes += uint32(size)
	if !r.some || came-r.last < -idleGap {
		r.last, r.some = came, true
		return
	}
	gap := max(came-r.last, 0) // 0 if it was overtaken by another
	r.last = max(r.last, came)
	slot := r.busy.at(came)
	// The line was busy since the arrival before, as long as this packet has waited.
	if queue >= threshold && gap < idleGap {
		slot.bytes += uint32(size)
		slot.time += min(gap, time.Duration(queue*float64(time.Millisecond)))
	}
}

// acked returns how fast packets came lately.
func (r *rates) acked() media.Bitrate { return r.came.rate(r.last) }

// capacity returns how fast packets came out of a queue lately; false if there was none to speak of.
func (r *rates) capacity() (media.Bitrate, bool) {
	bytes, busy := r.busy.sum(r.last)
	if busy < busyLeast {
		return 0, false
	}
	return perSecond(bytes, busy), true
}

func perSecond(bytes uint64, in time.Duration) media.Bitrate {
	return media.Bitrate(float64(bytes) * 8 / in.Seconds())
}
