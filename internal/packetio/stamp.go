package packetio

import "github.com/proscenium-live/proscenium/internal/media"

// stampEvery is how many datagrams share one look at the clock: some 50 µs of sending.
const stampEvery = 16

// stamp remembers what time it is while a batch is filled.
type stamp struct {
	at   media.Time
	left int
}

// Now returns the time, as of the last few datagrams that were asked about since the last Flush: it costs a part of what
// asking the clock for each would.
func (b *Batch) Now() media.Time {
	if b.stamp.left == 0 {
		b.stamp.left, b.stamp.at = stampEvery, media.Now()
	}
	b.stamp.left--
	return b.stamp.at
}
