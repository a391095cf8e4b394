package sfu

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// What a viewer may have sent again is bounded by what it was sent (security.md row 32): every second packet, and
// a few more each second for those that get little.
const (
	repeatShare     = 2   // packets sent for one to be repeated
	repeatBurst     = 128 // saved up at most
	repeatPerSecond = 20
)

// While the round trip is not known, it is taken to be defaultRTT; however long it claims to be, a packet
// is repeated after maxRTT.
const (
	defaultRTT = 10 * time.Millisecond
	maxRTT     = 400 * time.Millisecond
)

// verdict says whether a packet may be repeated.
type verdict uint8

const (
	granted verdict = iota
	tooSoon         // it is on its way: not three quarters of a round trip ago it was repeated
	tooMany         // the budget is used up
)

// repeats keeps a viewer's budget, and what was repeated last.
type repeats struct {
	credit   uint64 // in parts of a packet: 1/repeatShare
	seenSent uint64 // packets sent, as of the last call
	seenAt   media.Time
	last     [64]repeated
}

type repeated struct {
	at    media.Time
	wire  uint16
	valid bool
}

func newRepeats() repeats { return repeats{credit: repeatBurst * repeatShare / 2} }

// allow says whether the packet may be repeated now, sent being how many were sent to the viewer so far.
func (r *repeats) allow(wire uint16, rtt time.Duration, sent uint64, now media.Time) verdict {
	if rtt == 0 {
		rtt = defaultRTT
	}
	l := &r.last[wire%uint16(len(r.last))]
	// A viewer asks again after a round trip by its own clock and estimate: three quarters of ours leave room for
	// both, or every second of its requests would come a moment too soon.
	if l.valid && l.wire == wire && now-l.at < min(rtt, maxRTT)*3/4 {
		return tooSoon
	}
	r.earn(sent, now)
	if r.credit < repeatShare {
		return tooMany
	}
	r.credit -= repeatShare
	*l = repeated{at: now, wire: wire, valid: true}
	return granted
}

// earn adds what has become due since the last call.
func (r *repeats) earn(sent uint64, now media.Time) {
	r.credit += sent - r.seenSent
	r.seenSent = sent
	const each = time.Second / (repeatPerSecond * repeatShare)
	if n := (now - r.seenAt) / each; n > 0 {
		r.credit += uint64(n)
		r.seenAt += n * each
	}
	r.credit = min(r.credit, repeatBurst*repeatShare)
}
