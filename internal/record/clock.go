package record

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// clock tells when a packet was captured, on the clock of all recordings, by the sender's reports (RFC 3550 section 6.4.1): they
// tie its RTP time to its own wall clock, which all of a participant's tracks share. What its wall clock shows when ours shows
// something is taken from the report that travelled fastest.
//
// Until the first report of a track, a packet counts as captured when it came.
type clock struct {
	rate   int64 // Hz
	shared *senderClock

	reported bool
	ntp      time.Duration // of the last report, since the sender's epoch
	rtp      int64         // extended

	first    bool // a packet came
	firstRTP int64
	firstAt  media.Time
}

// senderClock is a sender's wall clock against ours.
type senderClock struct {
	known  bool
	offset time.Duration // ours minus theirs, the least that was seen
}

func (c *clock) report(r media.SenderReport, rtp int64) {
	c.reported, c.rtp = true, rtp
	c.ntp = time.Duration(r.NTP>>32)*time.Second + time.Duration(r.NTP&0xffffffff)*time.Second>>32
	offset := r.Arrival - c.ntp
	if d := offset - c.shared.offset; !c.shared.known || d < 0 || d > sense { // it was set anew

		c.shared.known, c.shared.offset = true, offset
	}
}

func (c *clock) came(rtp int64, at media.Time) {
	// The packet that was least late tells best when others of its time were made.
	if !c.first || at-c.ticks(rtp-c.firstRTP) < c.firstAt {
		c.first, c.firstRTP, c.firstAt = true, rtp, at
	}
}

// sense is how far a report may put things from when they came. Whatever says more is wrong.
const sense = 10 * time.Second

// captured returns when what has this RTP time was captured.
func (c *clock) captured(rtp int64) media.Time {
	came := c.firstAt + c.ticks(rtp-c.firstRTP)
	if !c.reported {
		return came
	}
	captured := c.shared.offset + c.ntp + c.ticks(rtp-c.rtp)
	if d := captured - came; d > sense || d < -sense {
		return came
	}
	return captured
}

func (c *clock) ticks(n int64) time.Duration {
	return time.Duration(n/c.rate)*time.Second + time.Duration(n%c.rate)*time.Second/time.Duration(c.rate)
}
