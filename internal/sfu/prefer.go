package sfu

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

const (
	// maxBehind is how long ago a key frame may have come for a viewer to change layers with it: what it has seen
	// of the old layer since then, it sees again.
	maxBehind = 250 * time.Millisecond
	// frameWait is how long the rest of the old layer's frame is waited for while the key frame is there. Longer,
	// and the rest is lost.
	frameWait = 60 * time.Millisecond
	// maxApart is by how much the times that sender reports give may differ from those of arrival, before the
	// reports are taken for nonsense.
	maxApart = 2 * time.Second
)

// layers is what a down-track knows of the change from one layer of a publication to another.
type layers struct {
	target      *share // the layer that it waits for; nil if none
	targetIndex int    // in target.coming
	past        [2]pastLayer
}

// pastLayer is a layer that was shown, for packets of it that are asked for again.
type pastLayer struct {
	up    *UpTrack
	epoch uint16
	by    codec.Shift // of its pictures
}

// Prefer has the viewer see another layer of the publication it sees: up is of the same kind and codec, and made of
// the same pictures. What it sees goes on until up has a key frame, which is asked for; then its numbers and its time
// go on with up. Preferring what is shown already, or nil, ends the wait for another. With nothing shown, Prefer
// does what Switch does.
func (d *DownTrack) Prefer(up *UpTrack) {
	d.inbox.prefer(up)
	up.wanted(d)
	d.worker.serveSoon(d)
}

// Current returns what the viewer is shown, or will be when its first key frame comes; nil for nothing. A layer that
// is preferred becomes current with its key frame.
func (d *DownTrack) Current() *UpTrack { return d.shown.Load() }

// Wants returns what the viewer is shown and what it is to be shown, which may be the same; nil and nil for nothing, as
// in a pause.
func (d *DownTrack) Wants() (current, next *UpTrack) {
	paused, next := d.inbox.wants()
	if paused {
		return nil, nil
	}
	return d.shown.Load(), next
}

// prefer begins the wait for a layer's key frame.
func (d *DownTrack) prefer(up *UpTrack, now media.Time) {
	switch {
	case up == nil || d.share != nil && d.share.up == up:
		d.stay()
		return
	case d.share == nil || d.paused || d.share.up.closed.Load() || d.share.up.track.Kind != media.Video:
		d.attach(up, now)
		return
	case d.target != nil && d.target.up == up:
		return
	}
	d.stay()
	d.target = up.shareOf(d.worker)
	d.target.expect(d)
	d.tryMove(now)
}

// stay ends the wait for another layer.
func (d *DownTrack) stay() {
	if d.target != nil {
		d.target.unexpect(d)
		d.target = nil
	}
}

// tryMove goes over to the layer that is waited for, if a key frame of it has come just now, or asks for one.
func (d *DownTrack) tryMove(now media.Time) {
	u := d.target.up
	if u.closed.Load() {
		d.stay()
		return
	}
	start := media.Seq(u.start.Load())
	first := u.ring.At(start)
	if first == nil {
		u.WantKeyFrame(now)
		return
	}
	ts, arrival := first.Timestamp, first.Arrival
	first.Release()
	switch {
	case d.state == waiting && u.ring.Head()-start <= maxReplay:
		d.attach(u, now) // nothing is shown yet: the sooner the better
	case now-arrival > maxBehind:
		u.WantKeyFrame(now)
	case d.state == replaying && !d.lagging || d.amidFrame() && now-arrival < frameWait:
		// The next packets of the layer bring us back here.
	default:
		d.move(start, ts, arrival)
	}
}

// amidFrame says whether the rest of a frame is still to come.
func (d *DownTrack) amidFrame() bool {
	if d.state != live && !d.lagging {
		return false
	}
	last := d.share.up.ring.At(d.numbers.Top())
	if last == nil {
		return false
	}
	defer last.Release()
	return !last.Marker
}

// move goes over to the layer that was waited for, at the key frame that starts at start.
func (d *DownTrack) move(start media.Seq, ts uint32, arrival media.Time) {
	to, next := d.target, d.timeFor(d.target.up, ts, arrival)
	d.setState(idle)
	d.unseat()
	d.past[1], d.past[0] = d.past[0], pastLayer{d.share.up, d.numbers.Epoch(), d.pictures.by}
	d.pictures.turn = true
	d.share = to
	d.seat() // before stay: somebody has to keep the share's place
	d.stay()
	d.shown.Store(to.up)
	d.stats.moves.Add(1)
	d.numbers.Turn()
	d.numbers.StartAt(start, ts, next, d.rate)
	d.notBefore = 0
	d.setState(live)
	d.catchUp(start)
	d.report(to.up.lastReport())
}

// catchUp writes what the worker has passed already of the layer.
func (d *DownTrack) catchUp(start media.Seq) {
	u := d.share.up
	var sent tally
	for seq, head := start, u.ring.Head(); seq <= head; seq++ {
		p := u.ring.At(seq)
		if p == nil {
			continue
		}
		if p.Position < d.share.position && d.write(p, p.Arrival) {
			sent.packets++
			sent.bytes += uint64(len(p.Payload))
		}
		p.Release()
	}
	d.count(sent)
}

// timeFor returns the viewer's time for the time ts of another layer, a packet of which arrived at the time arrival.
// Sender reports tie both layers' clocks to one; without them, or if they make no sense, the arrivals must do.
func (d *DownTrack) timeFor(up *UpTrack, ts uint32, arrival media.Time) uint32 {
	byArrival := d.numbers.ResumeAt(arrival, d.rate)
	from, to := d.share.up.lastReport(), up.lastReport()
	shown, steady := d.numbers.Timestamp(from.RTP)
	if from.NTP == 0 || to.NTP == 0 || !steady {
		return byArrival
	}
	const day = 24 * 3600 << 32
	apart := int64(to.NTP - from.NTP) // seconds in 32.32 fixed point
	if apart > day || apart < -day {
		return byArrival
	}
	byReport := shown - d.numbers.Late() + uint32((apart>>16)*int64(d.rate)>>16) + (ts - to.RTP)
	if off := int64(int32(byReport - byArrival)); max(off, -off) > int64(maxApart/time.Millisecond)*int64(d.rate)/1000 {
		return byArrival
	}
	return byReport
}

// upOf returns the layer that was shown in an epoch of the numbers, and how its pictures were renumbered; nil if that is
// long ago.
func (d *DownTrack) upOf(epoch uint16) (*UpTrack, codec.Shift) {
	if epoch == d.numbers.Epoch() {
		return d.share.up, d.pictures.by
	}
	for _, p := range d.past {
		if p.up != nil && p.epoch == epoch {
			return p.up, p.by
		}
	}
	return nil, codec.Shift{}
}
