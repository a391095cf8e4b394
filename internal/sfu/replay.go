package sfu

import "github.com/proscenium-live/proscenium/internal/media"

// tryStart takes a waiting track live. Sound is live at once. A picture begins at the newest key frame, if that
// is at hand and not too far back: what came since is replayed in one burst. Else a new key frame is asked for.
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
	d.setState(live)
	d.replay(start, head, ts, now)
}

// replay writes what the worker has passed already, from the key frame at start with the time ts on.
func (d *DownTrack) replay(start, head media.Seq, ts uint32, now media.Time) {
	d.stats.replays.Add(1)
	d.numbers.StartReplay(start, ts, now, d.rate)
	top, topTS := start, ts
	var sent tally
	for seq := start; seq <= head; seq++ {
		p := d.share.up.ring.At(seq)
		if p == nil {
			continue
		}
		if p.Position < d.share.position {
			top, topTS = seq, p.Timestamp
			if d.write(p, now) {
				sent.packets++
				sent.bytes += uint64(len(p.Payload))
			}
		}
		p.Release()
	}
	d.numbers.Live(top+1, topTS)
	d.count(sent)
	d.report(d.share.up.lastReport())
}
