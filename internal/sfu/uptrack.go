package sfu

import (
	"sync"
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/media/ring"
)

// UpTrack takes what a publisher sends and keeps the last of it for all its viewers. It is a media.Receiver;
// its other methods may be called from any goroutine.
type UpTrack struct {
	room   *Room
	source media.Source
	track  media.Track
	ring   *ring.Ring
	shares []share // one per worker

	numbering codec.Numbering // of pictures; nil if the codec has none
	closed    atomic.Bool

	// Of the goroutine that hands in packets.
	numbers sequence
	frame   keyFrame
	read    codec.Reader // of the payloads of a picture
	order   order
	ask16   [maxMissing]uint16
	fresh   bool // something is to be spread
	partial bool // ... that ends within a frame
	holder  holder

	start atomic.Int64 // where the newest key frame starts, a media.Seq; 0 for nowhere
	wish  wish
	stats upCounters
	rate  rateMeter
	spare codec.SpareReader // nil if all frames are needed

	rest rest

	missingMu sync.Mutex
	missing   missing
	lacks     atomic.Int32 // missing.n, for who looks whether there is anything to do
	givenUp   atomic.Int64 // missing.givenUp, likewise
	retry     retry

	reportMu sync.Mutex
	report   media.SenderReport
	reports  atomic.Uint32 // how many came
}

func newUpTrack(r *Room, source media.Source) *UpTrack {
	track := source.Track()
	slots := ring.VideoSlots
	if track.Kind == media.Audio {
		slots = ring.AudioSlots
	}
	u := &UpTrack{
		room: r, source: source, track: track, ring: ring.New(slots), numbers: newSequence(),
		shares: make([]share, len(r.engine.workers)), read: codec.ReaderOf(track.Codec.Name),
		numbering: codec.NumberingOf(track.Codec.Name), spare: codec.SpareOf(track.Codec.Name),
	}
	u.wish.place.thing, u.retry.place.thing = u, u
	u.holder = newHolder(r.engine.hold, u.spread)
	for i := range u.shares {
		s := &u.shares[i]
		s.up, s.worker, s.place.thing = u, r.engine.workers[i], s
	}
	return u
}

// Track returns what the source says of itself.
func (u *UpTrack) Track() media.Track { return u.track }

// Receive takes a packet.
func (u *UpTrack) Receive(p *media.Packet) {
	u.stats.packets.Add(1)
	u.stats.bytes.Add(uint64(len(p.Payload)))
	head := u.numbers.head
	seq, ok := u.numbers.widen(p.Seq, p.Repeat)
	if !ok {
		u.stats.strays.Add(1)
		return
	}
	if seq < head && u.tooLate(seq) {
		u.stats.late.Add(1)
		return
	}
	says := u.describe(p)
	if !u.put(seq, p, says.Key) {
		u.numbers.head = head // as if it hadn't come
		return
	}
	if len(p.Payload) > 0 {
		u.rate.count(len(p.Payload), u.spare != nil && u.spare(p.Payload), p.Arrival)
	}
	u.count(seq, head, p, says)
	u.fresh = true
	u.partial = u.track.Kind == media.Video && !p.Marker && seq > head
	switch {
	case head == 0:
	case seq > head+1:
		u.noteMissing(head+1, seq, p.Arrival)
	case seq < head && u.came(seq):
		u.stats.recovered.Add(1)
	}
	if u.track.Kind == media.Video && u.frame.came(u.ring, seq, p, says) {
		u.start.Store(int64(u.frame.start))
		u.stats.keyFrames.Add(1)
		u.wish.stands.Store(false)
	}
}

// describe reads the payload and notes what it says.
func (u *UpTrack) describe(p *media.Packet) codec.Description {
	if p.HasLevel {
		u.stats.level.Store(uint32(p.Level))
	}
	if len(p.Payload) == 0 {
		u.stats.probes.Add(1)
		return codec.Description{}
	}
	if u.track.Kind != media.Video {
		return codec.Description{}
	}
	if p.Marker {
		u.stats.frames.Add(1)
	}
	says := u.read(p.Payload)
	if says.Size != (codec.Size{}) {
		u.stats.size.Store(uint32(says.Size.Width)<<16 | uint32(says.Size.Height))
	}
	return says
}

// count takes what a packet adds to what its publisher sends. It is called for packets that came for the first time,
// head being the highest number before.
func (u *UpTrack) count(seq, head media.Seq, p *media.Packet, says codec.Description) {
	own := p.Payload
	if u.track.Codec.RED != 0 {
		own = codec.PrimaryOfRED(own)
	}
	u.stats.once.Add(uint64(len(own)))
	if u.track.Kind != media.Video || len(p.Payload) == 0 {
		return
	}
	if says.Backward || u.order.broken(seq, head, p.Timestamp) {
		u.stats.backward.Add(1)
	}
}

// put stores the packet, or counts why not.
func (u *UpTrack) put(seq media.Seq, p *media.Packet, key bool) bool {
	switch u.ring.Put(seq, p, key) {
	case ring.Stored:
		return true
	case ring.Duplicate:
		u.stats.duplicates.Add(1)
	case ring.Late:
		u.stats.late.Add(1)
	default:
		u.stats.refused.Add(1)
	}
	return false
}

// ReceiveReport takes a sender report.
func (u *UpTrack) ReceiveReport(r media.SenderReport) {
	u.reportMu.Lock()
	u.report = r
	u.reportMu.Unlock()
	u.reports.Add(1)
	u.fresh = true
}

// Flush asks for what is missing and has what is new spread.
func (u *UpTrack) Flush(now media.Time) {
	if u.lacks.Load() > 0 {
		u.requestMissing(now, u.numbers.head, u.ask16[:0])
	}
	if !u.fresh || u.partial && u.holder.hold(now) {
		return
	}
	u.fresh = false
	u.holder.release()
	u.spread()
}

// spread wakes the workers that have viewers. It may be called from any goroutine.
func (u *UpTrack) spread() {
	for i := range u.shares {
		if s := &u.shares[i]; s.viewers.Load() > 0 {
			s.worker.spreadSoon(s)
		}
	}
}

// WantKeyFrame has the publisher asked for a key frame, at most once a second; the wish stands until one comes.
func (u *UpTrack) WantKeyFrame(now media.Time) {
	if u.track.Kind != media.Video || u.closed.Load() || u.wish.stands.Swap(true) {
		return
	}
	u.ask(now)
	u.room.engine.wishes.add(u)
}

func (u *UpTrack) ask(now media.Time) {
	if u.wish.take(now) {
		u.stats.keyRequests.Add(1)
		u.source.RequestKeyFrame()
	}
}

// Close takes the track out of its room. Its viewers stay, and get nothing until they are switched.
func (u *UpTrack) Close() {
	if !u.closed.Swap(true) {
		u.holder.timer.Stop()
		u.room.dropUp(u)
	}
}

func (u *UpTrack) shareOf(w *worker) *share { return &u.shares[w.index] }

func (u *UpTrack) lastReport() media.SenderReport {
	u.reportMu.Lock()
	defer u.reportMu.Unlock()
	return u.report
}
