package sfu

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// tryStart takes a waiting track live. Sound is live at once. A picture begins at the newest key frame, if that
// is at hand and not too far back: what came since is replayed, faster than it came. Else a new key frame is asked for.
func (d *DownTrack) tryStart(now media.Time) {
	u := d.share.up
	if u.track.Kind == media.Audio {
		d.setState(live)
		return
	}
	start, head := media.Seq(u.start.Load()), u.ring.Head()
	if start == 0 || start <= d.notBefore || head-start > maxReplay {
		u.WantKeyFrame(now)
		return
	}
	first := u.ring.At(start)
	if first == nil {
		u.WantKeyFrame(now)
		return
	}
	soon, ts := first.Position >= d.share.position, first.Timestamp
	first.Release()
	if soon { // it is among what the worker takes next
		return
	}
	d.setState(replaying)
	d.stats.replays.Add(1)
	d.numbers.StartReplay(start, ts, now, d.rate)
	d.next, d.topTime = start, ts
	if !d.replay(now) {
		d.worker.replayLater(d, now)
	}
}

// A replay leaves in parts, because a receiver's socket buffer may hold no more than ninety packets (the default of
// Linux): 320 packets take 28 ms.
const (
	replayPart  = 48
	replayPause = 4 * time.Millisecond
)

// replay writes the next part of what the worker has passed already. It says whether that was the rest; then the
// track is live.
func (d *DownTrack) replay(now media.Time) bool {
	u, top := d.share.up, d.next-1
	head := u.ring.Head()
	if d.tooFarBehind(head, now) {
		return true
	}
	var sent tally
	for ; d.next <= head && sent.packets < replayPart; d.next++ {
		p := u.ring.At(d.next)
		if p == nil {
			continue
		}
		if p.Position < d.share.position {
			if !d.pace.Take(len(p.Payload), now) {
				p.Release()
				break
			}
			at := now
			if d.lagging {
				at = p.Arrival
			}
			top, d.topTime = d.next, p.Timestamp
			if d.write(p, at) {
				sent.packets++
				sent.bytes += uint64(len(p.Payload))
			}
		}
		p.Release()
	}
	d.count(sent)
	if d.next <= head {
		return false
	}
	d.numbers.Live(max(top, d.numbers.Top())+1, d.topTime)
	d.setState(live)
	d.report(u.lastReport())
	return true
}

// replayLater has the down-track's replay go on after a pause.
func (w *worker) replayLater(d *DownTrack, now media.Time) {
	d.nextAt = now + replayPause
	if !d.listed {
		d.listed = true
		w.replays = append(w.replays, d)
	}
}

// replay goes on with the replays whose pause is over.
func (w *worker) replay(now media.Time) {
	kept := w.replays[:0]
	for _, d := range w.replays {
		if d.state == replaying && now >= d.nextAt && !d.replay(now) {
			d.nextAt = now + replayPause
		}
		if d.listed = d.state == replaying; d.listed {
			kept = append(kept, d)
		}
	}
	clear(w.replays[len(kept):])
	w.replays = kept
}
