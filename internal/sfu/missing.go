package sfu

import (
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// maxMissing bounds what is asked for at once. A longer hole is a broken line, not a lost packet: a
	// new picture is cheaper than its repair.
	maxMissing = 128
	// A packet is asked for when it is late by two packets or by 20 ms, whichever is earlier: nothing here
	// waits for reordering, and a needless repetition costs less than a late one.
	lateBy      = 2
	lateByTime  = 20 * time.Millisecond
	firstRepeat = 50 * time.Millisecond // the wait after the first request; it doubles from there
	maxTries    = 5                     // the last of which waits 0.8 s: then nobody plays it any more
)

// missing keeps which packets of a flow have not come, and when to ask for each.
type missing struct {
	list    [maxMissing]lost // by number, ascending
	n       int
	givenUp media.Seq // the highest that was asked for in vain
}

type lost struct {
	seq   media.Seq
	since media.Time
	next  media.Time // when to ask again
	tries uint8
}

// note adds the numbers from first up to but without end. It returns how many were given up at once because they
// are too many.
func (m *missing) note(first, end media.Seq, now media.Time) int {
	gaveUp := 0
	if end-first > maxMissing {
		gaveUp = int(end-first) - maxMissing
		first = end - maxMissing
	}
	if over := m.n + int(end-first) - maxMissing; over > 0 {
		m.cut(0, over)
		gaveUp += over
	}
	for seq := first; seq < end; seq++ {
		m.list[m.n] = lost{seq: seq, since: now}
		m.n++
	}
	return gaveUp
}

// came takes a packet off the list and says whether it was on it.
func (m *missing) came(seq media.Seq) bool {
	i, found := m.find(seq)
	if found {
		m.cut(i, i+1)
	}
	return found
}

// has says whether a packet is on the list.
func (m *missing) has(seq media.Seq) bool {
	_, found := m.find(seq)
	return found
}

func (m *missing) find(seq media.Seq) (int, bool) {
	return slices.BinarySearchFunc(m.list[:m.n], seq, func(l lost, s media.Seq) int { return int(l.seq - s) })
}

// next returns when something is due for its time, if there is anything.
func (m *missing) next() (at media.Time, some bool) {
	for _, l := range m.list[:m.n] {
		due := l.next
		if l.tries == 0 {
			due = l.since + lateByTime
		}
		if !some || due < at {
			at, some = due, true
		}
	}
	return at, some
}

// due writes to dst the numbers to ask for now and returns them, and how many were given up. head is the
// highest number that came, 0 to go by time alone.
func (m *missing) due(now media.Time, head media.Seq, dst []uint16) (ask []uint16, gaveUp int) {
	kept := 0
	for _, l := range m.list[:m.n] {
		if l.tries == maxTries && now >= l.next {
			gaveUp++
			m.givenUp = max(m.givenUp, l.seq)
			continue
		}
		if l.late(now, head) && len(dst) < cap(dst) {
			dst = append(dst, l.seq.Wire())
			l.next = now + firstRepeat<<l.tries
			l.tries++
		}
		m.list[kept] = l
		kept++
	}
	m.n = kept
	return dst, gaveUp
}

func (m *missing) cut(from, to int) {
	copy(m.list[from:], m.list[to:m.n])
	m.n -= to - from
}

func (l *lost) late(now media.Time, head media.Seq) bool {
	switch {
	case l.tries == maxTries:
		return false
	case l.tries > 0:
		return now >= l.next
	}
	return head-l.seq >= lateBy || now-l.since >= lateByTime
}
