package sfu

import (
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

// UpStats is what an up-track has counted since it was added.
type UpStats struct {
	Packets    uint64 // handed in
	Bytes      uint64 // of payload
	Once       uint64 // of these, without what came twice, and without redundancy: what the publisher's encoder makes
	Frames     uint64 // ended: packets with the marker
	KeyFrames  uint64
	Lost       uint64 // asked for in vain
	Recovered  uint64 // asked for, and came
	Nacks      uint64 // packets asked for
	Plis       uint64 // key frames asked for
	Probes     uint64 // without payload, not forwarded
	Duplicates uint64 // dropped
	Late       uint64 // dropped: older than the ring
	Strays     uint64 // dropped: numbered far from the flow
	Refused    uint64 // dropped: too big, or a worker was a whole ring behind
	Backward   uint64 // packets that say that pictures are not sent in the order in which they are shown (B-frames)
	Size       codec.Size
	Level      uint8 // RFC 6464 loudness of the last packet that told it
}

// Add adds the counters of another track. Size and Level stay.
func (s *UpStats) Add(o UpStats) {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.Once += o.Once
	s.Frames += o.Frames
	s.KeyFrames += o.KeyFrames
	s.Lost += o.Lost
	s.Recovered += o.Recovered
	s.Nacks += o.Nacks
	s.Plis += o.Plis
	s.Probes += o.Probes
	s.Duplicates += o.Duplicates
	s.Late += o.Late
	s.Strays += o.Strays
	s.Refused += o.Refused
	s.Backward += o.Backward
}

type upCounters struct {
	packets, bytes, frames, keyFrames, lost, recovered, nacks, keyRequests atomic.Uint64
	probes, duplicates, late, strays, refused, once, backward              atomic.Uint64
	size, level                                                            atomic.Uint32
}

// Stats returns the counters.
func (u *UpTrack) Stats() UpStats {
	c := &u.stats
	size := c.size.Load()
	return UpStats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Frames: c.frames.Load(), KeyFrames: c.keyFrames.Load(),
		Lost: c.lost.Load(), Recovered: c.recovered.Load(), Nacks: c.nacks.Load(), Plis: c.keyRequests.Load(),
		Probes: c.probes.Load(), Duplicates: c.duplicates.Load(), Late: c.late.Load(), Strays: c.strays.Load(),
		Refused: c.refused.Load(), Once: c.once.Load(), Backward: c.backward.Load(),
		Size:  codec.Size{Width: uint16(size >> 16), Height: uint16(size)},
		Level: uint8(c.level.Load()),
	}
}

// DownStats is what a down-track has counted since it was added.
type DownStats struct {
	Packets   uint64 // written to the sink, repetitions included
	Bytes     uint64 // of their payload
	Frames    uint64
	KeyFrames uint64
	Repeated  uint64 // packets sent again
	Nacked    uint64 // packets the viewer asked for
	Plis      uint64 // key frames the viewer asked for
	Replays   uint64 // starts from the cache
	LostPlace uint64 // times that it had to begin again at a key frame
	Moves     uint64 // from one layer to another
	Thinned   uint64 // packets left out
	Waits     uint64 // times that packets had to wait for the pace
	// Why packets the viewer asked for were not repeated.
	NackOverflow, NackBudget, NackRecent, NackUnknown uint64

	Report media.Report // the viewer's last word
}

// downCounters are added to by one worker; the viewer's feedback adds to the last line.
type downCounters struct {
	packets, bytes, frames, keyFrames, repeated, replays, lostPlace, moves, thinned, waits atomic.Uint64
	nackBudget, nackRecent, nackUnknown                                                    atomic.Uint64
	nacked, nackOverflow, plis                                                             atomic.Uint64
}

// Stats returns the counters.
func (d *DownTrack) Stats() DownStats {
	c := &d.stats
	return DownStats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Frames: c.frames.Load(), KeyFrames: c.keyFrames.Load(),
		Repeated: c.repeated.Load(), Nacked: c.nacked.Load(), Plis: c.plis.Load(), Replays: c.replays.Load(),
		LostPlace: c.lostPlace.Load(), Moves: c.moves.Load(), Thinned: c.thinned.Load(), Waits: c.waits.Load(),
		NackOverflow: c.nackOverflow.Load(), NackBudget: c.nackBudget.Load(),
		NackRecent: c.nackRecent.Load(), NackUnknown: c.nackUnknown.Load(), Report: d.inbox.lastReport(),
	}
}

// DelayBuckets are the upper bounds of Stats.Delay; the last bucket has none.
var DelayBuckets = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond,
}

// Stats is what an engine has counted since it was made.
type Stats struct {
	Turns   uint64 // times that a worker woke and found work
	Packets uint64 // written to sinks
	Bytes   uint64 // of their payload
	// Delay counts turns by the time from the arrival of their oldest packet to the end of the turn.
	Delay    [len(DelayBuckets) + 1]uint64
	DelaySum time.Duration
	// Waiting is how much the workers have before them now: shares of up-tracks with something to spread, and
	// down-tracks with something in their inbox.
	Waiting int
}

type workerCounters struct {
	turns, packets, bytes, delaySum atomic.Uint64
	delay                           [len(DelayBuckets) + 1]atomic.Uint64
}

func (c *workerCounters) observe(delay time.Duration) {
	i := 0
	for i < len(DelayBuckets) && delay > DelayBuckets[i] {
		i++
	}
	c.delay[i].Add(1)
	c.delaySum.Add(uint64(max(delay, 0)))
}

// Stats returns the sum over the workers.
func (e *Engine) Stats() Stats {
	var s Stats
	for _, w := range e.workers {
		s.Turns += w.stats.turns.Load()
		s.Waiting += int(w.shares.n.Load() + w.downs.n.Load())
		s.Packets += w.stats.packets.Load()
		s.Bytes += w.stats.bytes.Load()
		s.DelaySum += time.Duration(w.stats.delaySum.Load())
		for i := range s.Delay {
			s.Delay[i] += w.stats.delay[i].Load()
		}
	}
	return s
}
