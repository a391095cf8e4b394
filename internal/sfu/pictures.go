package sfu

import "github.com/proscenium-live/proscenium/internal/media/codec"

// pictures keeps the numbers that VP8 and VP9 give pictures going on where a viewer changes from one track to another:
// a decoder takes a jump in them for a loss. Packets are copied only once there has been a change. It belongs to the
// worker's goroutine.
type pictures struct {
	by     codec.Shift
	last   codec.Pictures // the newest that was sent
	some   bool           // there is one
	needed bool           // the codec numbers pictures
	turn   bool           // the next packet is of another track than last
}

// renumber returns a payload of the current track as the viewer is to see it, in the worker's room or as it is.
func (d *DownTrack) renumber(payload []byte) []byte {
	read := d.share.up.numbering
	if read == nil {
		return payload
	}
	n := read(payload)
	if !n.Any() {
		return payload
	}
	p := &d.pictures
	if p.turn && p.some {
		p.by = p.last.After(n)
	}
	p.turn = false
	if n = n.Shifted(p.by); !p.some || n.Newer(p.last) {
		p.last, p.some = n, true
	}
	if p.by == (codec.Shift{}) {
		return payload
	}
	return n.Put(d.worker.room[:], payload)
}

// renumberAgain returns a payload as the viewer was to see it when it was sent first.
func (d *DownTrack) renumberAgain(up *UpTrack, by codec.Shift, payload []byte) []byte {
	if up.numbering == nil || by == (codec.Shift{}) {
		return payload
	}
	return up.numbering(payload).Shifted(by).Put(d.worker.room[:], payload)
}
