package bwe

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// firstHistory is how many packets a path remembers at first: 2.5 s of a viewer at 1.5 Mbit/s, in 2 KiB.
	firstHistory = 512
	// lastHistory is how many it may come to remember: half a second at 150 Mbit/s, in 32 KiB. It must be below
	// half of the numbers there are.
	lastHistory = 8192
	// tick is the unit of a remembered time. 20 bits of it are 67 s, longer than any feedback takes.
	tick     = 64 * time.Microsecond
	tickBits = 20
	tickMask = 1<<tickBits - 1
	sizeMask = 1<<11 - 1
	lostBit  = 1 << 11
)

// history remembers when packets were sent, and how long they were: four bytes for each.
type history struct {
	entries []uint32 // time<<12 | lost<<11 | size; size 0: nothing is known, or all was said
	top     uint16   // number of the last packet
	n       int      // entries in use
}

func (h *history) sent(number uint16, size int, now media.Time) {
	if h.entries == nil {
		h.entries = make([]uint32, firstHistory)
	}
	if h.n > 0 {
		// Numbers are given out one by one; whoever skips some must not find another packet's entry there.
		for skipped := h.top + 1; skipped != number && h.n > 0; skipped++ {
			*h.at(skipped) = 0
			if number-skipped > lastHistory {
				clear(h.entries)
				break
			}
		}
	}
	h.top, h.n = number, min(h.n+1, len(h.entries))
	*h.at(number) = uint32(now/tick)&tickMask<<12 | uint32(min(size, sizeMask))
}

func (h *history) at(number uint16) *uint32 { return &h.entries[int(number)&(len(h.entries)-1)] }

// behind returns how far back a number is, and whether it is remembered.
func (h *history) behind(number uint16) (int, bool) {
	age := int(h.top - number)
	return age, age < h.n
}

// grow doubles the memory.
func (h *history) grow() {
	old := h.entries
	h.entries = make([]uint32, 2*len(old))
	for i := range old {
		number := h.top - uint16(i)
		*h.at(number) = old[int(number)&(len(old)-1)]
	}
}

// arrived returns when a packet was sent and how long it was, once. late says that it was given up before.
func (h *history) arrived(number uint16, now media.Time) (at media.Time, size int, late, ok bool) {
	age, known := h.behind(number)
	if age > h.n*3/4 && age < 2*h.n && h.n == len(h.entries) && h.n < lastHistory { // soon they would be too far back
		h.grow()
	}
	if !known {
		return 0, 0, false, false
	}
	e := h.at(number)
	size, late = int(*e&sizeMask), *e&lostBit != 0
	if size == 0 {
		return 0, 0, false, false
	}
	passed := (uint32(now/tick) - *e>>12) & tickMask
	*e &^= sizeMask | lostBit
	return now - media.Time(passed)*tick, size, late, true
}

// missing notes that a packet has not come. It says whether that is news.
func (h *history) missing(number uint16) bool {
	if _, known := h.behind(number); !known {
		return false
	}
	e := h.at(number)
	if *e&sizeMask == 0 || *e&lostBit != 0 {
		return false
	}
	*e |= lostBit
	return true
}
