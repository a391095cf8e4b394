package sfu

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// Nack has packets sent again, as far as the viewer's budget goes.
func (d *DownTrack) Nack(seqs []uint16, _ media.Time) {
	d.stats.nacked.Add(uint64(len(seqs)))
	if over := d.inbox.nack(seqs); over > 0 {
		d.stats.nackOverflow.Add(uint64(over))
	}
	d.worker.serveSoon(d)
}

// WantKeyFrame passes the viewer's wish on to the up-track.
func (d *DownTrack) WantKeyFrame(media.Time) {
	d.stats.plis.Add(1)
	if d.inbox.wantKeyFrame() {
		d.worker.serveSoon(d)
	}
}

// Report keeps the viewer's word on loss, jitter and round trip.
func (d *DownTrack) Report(r media.Report, _ media.Time) { d.inbox.keepReport(r) }

// serve does what the inbox says. It runs on the worker's goroutine.
func (d *DownTrack) serve(now media.Time) {
	n := &d.worker.notes
	d.inbox.empty(n)
	d.setPace(n.pace, now)
	if n.moved {
		d.attach(n.to, now)
	}
	if n.preferred {
		d.prefer(n.prefer, now)
	}
	d.thin = n.thin
	if n.paused != d.paused {
		d.paused = n.paused
		d.pause(now)
	}
	if d.share == nil {
		return
	}
	if n.wantKey {
		d.share.up.WantKeyFrame(now)
	}
	for _, wire := range n.nacks[:n.nacked] {
		d.repeat(wire, n.rtt, now)
	}
}

// pause begins or ends a pause.
func (d *DownTrack) pause(now media.Time) {
	d.numbers.Break()
	d.notBefore = 0
	if to := d.target; to != nil && d.paused {
		d.attach(to.up, now) // nothing is seen: no reason to wait
	}
	d.setState(idle)
	if d.paused {
		d.unseat()
	} else {
		d.seat()
	}
	d.enter(now)
}

// repeat sends a packet again, by the number that the viewer knows it by.
func (d *DownTrack) repeat(wire uint16, rtt time.Duration, now media.Time) {
	seq, clock, ok := d.numbers.Source(wire)
	if !ok {
		d.stats.nackUnknown.Add(1)
		return
	}
	up, by := d.upOf(clock.Epoch())
	if up == nil {
		d.stats.nackUnknown.Add(1)
		return
	}
	p := up.ring.At(seq)
	if p == nil {
		d.stats.nackUnknown.Add(1)
		return
	}
	defer p.Release()
	switch d.repeats.allow(wire, rtt, d.stats.packets.Load()-d.stats.repeated.Load(), now) {
	case tooSoon:
		d.stats.nackRecent.Add(1)
		return
	case tooMany:
		d.stats.nackBudget.Add(1)
		return
	}
	if !d.pace.Owe(len(p.Payload), now) {
		d.stats.nackBudget.Add(1)
		return
	}
	d.sink.Write(d.worker.batch, media.Header{
		Seq: wire, Timestamp: clock.Time(p.Timestamp), Marker: p.Marker, Repeat: true,
		Level: p.Level, HasLevel: p.HasLevel, RED: up.track.Codec.RED,
	}, d.renumberAgain(up, by, p.Payload))
	d.stats.repeated.Add(1)
	d.count(tally{packets: 1, bytes: uint64(len(p.Payload))})
}
