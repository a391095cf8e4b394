package sfu

import (
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/media/ring"
)

// thinner leaves out the frames that no other depends on.
type thinner struct {
	spare codec.SpareReader // of the layer that is shown; nil if nothing can be left out
	on    bool
}

// Thin has the viewer see fewer pictures, or all again: what is left out are frames that no other depends on, where the
// codec tells (codec.SpareOf) and the publisher makes some. Its numbers have no gaps for them. UpTrack.ThinRate says what
// remains.
func (d *DownTrack) Thin(thin bool) {
	d.inbox.thin(thin)
	d.worker.serveSoon(d)
}

// ThinRate returns what Rate would be without the frames that DownTrack.Thin leaves out.
func (u *UpTrack) ThinRate(now media.Time) media.Bitrate {
	if !u.Alive(now) {
		return 0
	}
	return media.Bitrate(u.rate.thin.Load())
}

// setThin begins or ends the thinning between two frames; it is called at the beginning of every bunch while the
// two differ.
func (d *DownTrack) setThin() {
	if !d.amidFrame() {
		d.thinning.on = d.thin
	}
}

// leaveOut closes the number of a spare packet, and says whether it was one.
func (d *DownTrack) leaveOut(p *ring.Packet) bool {
	if d.thinning.spare == nil || !d.thinning.spare(p.Payload) {
		return false
	}
	d.stats.thinned.Add(1)
	if seq, ts, gap := d.numbers.Drop(p.Seq, p.Timestamp); gap {
		d.sink.Write(d.worker.batch, media.Header{Seq: seq, Timestamp: ts}, nil)
	}
	return true
}
