package sfu

import "github.com/proscenium-live/proscenium/internal/media"

// maxBackward is how far back, in ticks of the 90 kHz clock of pictures, a time may step that is due to the order of
// pictures: two seconds. What steps further has begun anew.
const maxBackward = 2 * 90000

// order finds pictures that are sent after ones that are shown later. RTP times are times of presentation (RFC 6184
// section 5.1), so in the order of sending they step back at B-frames, whatever the codec. It belongs to one goroutine.
type order struct {
	last    uint32 // the time of the packet with the highest number
	started bool
}

// broken takes a packet and says whether it steps back. Packets that were overtaken on the way say nothing.
func (o *order) broken(seq, head media.Seq, timestamp uint32) bool {
	if seq <= head {
		return false
	}
	back := int32(o.last - timestamp)
	broken := o.started && back > 0 && back < maxBackward
	o.last, o.started = timestamp, true
	return broken
}
