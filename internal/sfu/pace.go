package sfu

import (
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/ring"
)

// Pace has the viewer's packets leave no faster than its line takes them: what a key frame is too much, or the replay of
// one, would stand in a queue there, and sound with it. 0 lets everything leave at once. What waits stays in the ring of
// the up-track; a viewer that falls far behind begins again at a key frame.
func (d *DownTrack) Pace(rate media.Bitrate) {
	d.inbox.pace(rate)
	d.worker.serveSoon(d)
}

// setPace takes the wanted pace over.
func (d *DownTrack) setPace(rate media.Bitrate, now media.Time) {
	if rate != d.paceRate {
		d.paceRate = rate
		d.pace.Set(rate, now)
	}
}

// mayLeave says whether a packet may leave now. If not, the track goes on from it later.
func (d *DownTrack) mayLeave(p *ring.Packet, now media.Time) bool {
	if d.pace.Take(len(p.Payload), now) || !d.numbers.Started() {
		return true
	}
	// What came late among the rest of the bunch is left to the viewer's NACK.
	d.next = max(p.Seq, d.numbers.Top()+1)
	d.topTime = p.Timestamp
	d.setState(replaying)
	d.lagging = true
	d.stats.waits.Add(1)
	d.worker.replayLater(d, now)
	return false
}

// tooFarBehind ends a wait that has become too long: the viewer begins again at a key frame.
func (d *DownTrack) tooFarBehind(head media.Seq, now media.Time) bool {
	if !d.lagging || head < d.next+maxReplay {
		return false
	}
	d.setState(live)
	d.losePlace(head, now)
	return true
}
