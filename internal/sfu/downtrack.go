package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/media/pace"
	"github.com/proscenium-live/proscenium/internal/media/rewrite"
	"github.com/proscenium-live/proscenium/internal/media/ring"
)

const (
	// maxGap is how many missing packets in a row may still be filled in. After more the track begins
	// again: sound at once, pictures at a key frame.
	maxGap = 256
	// maxReplay is how many packets back a key frame may be for a viewer to start there: 0.4 MB, or two seconds
	// at 1.5 Mbit/s. They leave almost at once, which the buffers on the way must bear; from further back, a
	// new key frame is quicker.
	maxReplay = 320
)

// state says what a down-track does with packets.
type state uint8

const (
	idle      state = iota // paused, closed or without an up-track
	waiting                // for a key frame
	replaying              // from a key frame up to the present
	live
)

// DownTrack forwards an up-track to one viewer. It is a media.Feedback. Its methods may be called from any
// goroutine and return at once; its worker does what they ask.
type DownTrack struct {
	room   *Room
	sink   Sink
	worker *worker
	weight int64
	place  place[DownTrack]
	inbox  inbox
	stats  downCounters
	shown  atomic.Pointer[UpTrack]

	// Of the worker's goroutine.
	share     *share // nil without an up-track
	seated    bool   // takes part in share: not in a pause
	index     int    // in share.downs
	state     state
	paused    bool
	thin      bool // wanted; thinning.on follows between two frames
	thinning  thinner
	rate      uint32    // of the up-track's clock, Hz
	notBefore media.Seq // a key frame must start after this to be of use
	next      media.Seq // of the replay, if replaying
	nextAt    media.Time
	topTime   uint32 // the up-track's, of the last packet replayed
	listed    bool   // in worker.replays
	keyTime   uint32 // the viewer's, of the last key frame
	numbers   rewrite.Rewriter
	repeats   repeats
	pictures  pictures
	pace      pace.Bucket
	paceRate  media.Bitrate
	lagging   bool // replaying because packets had to wait
	layers
}

func newDownTrack(r *Room, sink Sink, kind media.Kind) *DownTrack {
	d := &DownTrack{
		room: r, sink: sink, worker: r.engine.idlest(), weight: weightOf(kind), numbers: newNumbers(), repeats: newRepeats(),
	}
	d.place.thing = d
	d.worker.weight.Add(d.weight)
	return d
}

// newNumbers returns a rewriter that begins at random numbers (RFC 3550 section 5.1). The sequence begins in the
// lower half: a receiver that loses the very first packets could otherwise miss a wrap of it, and fail to decrypt
// (RFC 3711 section 3.3.1).
func newNumbers() rewrite.Rewriter {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return rewrite.New(binary.BigEndian.Uint16(b[:])>>1, binary.BigEndian.Uint32(b[2:]))
}

// Switch has the viewer see another up-track of the same kind and codec, with its numbers and its time going on.
// up may be nil: then the viewer gets nothing.
func (d *DownTrack) Switch(up *UpTrack) {
	d.inbox.move(up)
	up.wanted(d)
	d.worker.serveSoon(d)
}

// Pause stops the track until Resume.
func (d *DownTrack) Pause() { d.setPaused(true) }

// Resume ends a pause: sound goes on at once, pictures at a key frame.
func (d *DownTrack) Resume() {
	d.setPaused(false)
	_, up := d.inbox.wants()
	up.wanted(d)
}

func (d *DownTrack) setPaused(p bool) {
	d.inbox.pause(p)
	d.worker.serveSoon(d)
}

// Close ends the track. The worker may be writing to the sink at this moment, but not for long.
func (d *DownTrack) Close() {
	if !d.inbox.close() {
		return
	}
	d.room.dropDown(d)
	d.worker.weight.Add(-d.weight)
	d.worker.serveSoon(d)
}

// attach takes the track from its share to that of up.
func (d *DownTrack) attach(up *UpTrack, now media.Time) {
	d.stay()
	if d.share != nil && d.share.up == up {
		return
	}
	d.setState(idle)
	d.unseat()
	d.share = nil
	d.numbers.Forget()
	d.layers = layers{}
	d.pictures.turn = true
	d.shown.Store(up)
	if up == nil {
		return
	}
	d.share = up.shareOf(d.worker)
	d.pictures.needed = up.numbering != nil
	d.rate, d.thinning.spare = up.track.Codec.ClockRate, codec.SpareOf(up.track.Codec.Name)
	d.seat()
	d.notBefore = 0
	d.enter(now)
}

// seat has the track take part in its share, unless it is paused: then it needs nothing.
func (d *DownTrack) seat() {
	if d.share != nil && !d.paused && !d.seated {
		d.seated = true
		d.share.add(d)
	}
}

func (d *DownTrack) unseat() {
	if d.seated {
		d.seated = false
		d.share.remove(d)
	}
}

// enter begins to forward, or to wait for the key frame to begin with.
func (d *DownTrack) enter(now media.Time) {
	if d.share == nil || d.paused {
		d.setState(idle)
		return
	}
	d.setState(waiting)
	d.tryStart(now)
}

func (d *DownTrack) setState(s state) {
	if d.share != nil {
		d.share.waiting += btoi(s == waiting) - btoi(d.state == waiting)
	}
	d.state, d.lagging = s, false
}

// forward writes packets in the order of their arrival.
func (d *DownTrack) forward(packets []*ring.Packet, now media.Time) {
	if d.state != live {
		return
	}
	if d.thin != d.thinning.on {
		d.setThin()
	}
	var sent tally
	for _, p := range packets {
		if p.Seq > d.numbers.Top()+maxGap && d.numbers.Started() {
			d.losePlace(p.Seq-1, now)
			if d.share.up.track.Kind == media.Video {
				break // a replay, now or later, has the rest of the packets
			}
		}
		if d.pace.On() && !d.mayLeave(p, now) {
			break
		}
		if d.write(p, p.Arrival) {
			sent.packets++
			sent.bytes += uint64(len(p.Payload))
		}
	}
	d.count(sent)
}

// write renumbers a packet and hands it to the sink; at is when it counts as arrived.
func (d *DownTrack) write(p *ring.Packet, at media.Time) bool {
	if !d.numbers.Started() {
		if len(p.Payload) == 0 {
			return false
		}
		d.numbers.Start(p.Seq, p.Timestamp, at, d.rate)
		d.report(d.share.up.lastReport())
	}
	if len(p.Payload) == 0 {
		// A probe says nothing to the viewer. If its number is taken already, an empty packet fills it.
		if seq, ts, gap := d.numbers.Drop(p.Seq, p.Timestamp); gap {
			d.sink.Write(d.worker.batch, media.Header{Seq: seq, Timestamp: ts}, nil)
		}
		return false
	}
	if d.thinning.on && d.leaveOut(p) {
		return false
	}
	seq, ts, ok := d.numbers.Next(p.Seq, p.Timestamp, at)
	if !ok {
		return false
	}
	if p.Marker {
		d.stats.frames.Add(1)
	}
	if p.Key && ts != d.keyTime {
		d.keyTime = ts
		d.stats.keyFrames.Add(1)
	}
	payload := p.Payload
	if d.pictures.needed {
		payload = d.renumber(payload)
	}
	d.sink.Write(d.worker.batch, media.Header{
		Seq: seq, Timestamp: ts, Marker: p.Marker, Level: p.Level, HasLevel: p.HasLevel,
		RED: d.share.up.track.Codec.RED,
	}, payload)
	return true
}

// count adds to the track's and the worker's counters, once for many packets.
func (d *DownTrack) count(sent tally) {
	if sent.packets == 0 {
		return
	}
	d.stats.packets.Add(sent.packets)
	d.stats.bytes.Add(sent.bytes)
	d.worker.sent.packets += sent.packets
	d.worker.sent.bytes += sent.bytes
}

// losePlace ends the connection between what was sent and what comes: after is the last number of no use.
func (d *DownTrack) losePlace(after media.Seq, now media.Time) {
	if d.state != live {
		return
	}
	d.stats.lostPlace.Add(1)
	d.notBefore = after
	d.numbers.Break()
	d.enter(now)
}

// report passes a sender report on, in the viewer's time.
func (d *DownTrack) report(r media.SenderReport) {
	if r.NTP == 0 || d.state != live {
		return
	}
	ts, ok := d.numbers.Timestamp(r.RTP)
	if !ok {
		return
	}
	r.RTP = ts
	d.sink.WriteReport(r)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
