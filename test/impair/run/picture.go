package main

import (
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

const (
	videoClock = 90000
	// latenessWindow is how long a late frame keeps the playout delay up.
	latenessWindow = 10 * time.Second
	// freezeSamples and freezeHistory are those of WebRTC's freezeCount.
	freezeSamples, freezeHistory = 5, 30
)

// picture judges a stream of H.264 as a browser would show it: a frame counts when all its packets are there and
// the frames before it have counted, or when it is a key frame. Times are counted from any beginning.
//
// Playout follows the frames' own clock with a delay that grows at once to the latest frame of the last ten
// seconds and shrinks when that is forgotten: simpler than a browser's, and the same for all that is compared.
type picture struct {
	packets map[uint64]videoPacket // not shown yet, by extended number
	started bool
	next    uint64 // the first packet of the next frame
	highest uint64
	intact  bool // the frame before next was shown: the next one can be decoded without a key frame
	blocked time.Duration

	base   time.Duration // least of arrival minus time stamp
	based  bool
	stamps stamps
	late   []lateness
	height int

	shown []frame
}

type videoPacket struct {
	stamp  time.Duration
	marker bool
	key    bool // decoding can begin here
	height int  // of the parameter set in it, 0 if there is none
}

// frame is one that was shown.
type frame struct {
	Stamp  time.Duration // when it left the camera, about
	Ready  time.Duration // when it could be decoded
	Shown  time.Duration
	Height int
}

type lateness struct{ at, by time.Duration }

func newPicture() *picture { return &picture{packets: map[uint64]videoPacket{}} }

// take takes a packet with its extended number. A repeat is welcome, a duplicate harmless.
func (p *picture) take(now time.Duration, seq uint64, stamp uint32, marker bool, payload []byte) {
	if len(payload) == 0 {
		p.fill(now, seq)
		return
	}
	says := codec.ParseH264(payload)
	v := videoPacket{stamp: p.stamps.widen(stamp), marker: marker, key: says.SPS != nil || says.IDR}
	if size, ok := codec.ParseSPS(says.SPS); ok {
		v.height = int(size.Height)
	}
	if since := now - v.stamp; !p.based || since < p.base {
		p.base, p.based = since, true
	}
	if !p.started {
		p.started, p.next = true, seq
	}
	if seq >= p.next {
		p.packets[seq] = v
		p.highest = max(p.highest, seq)
	}
	p.advance(now)
}

// fill takes a packet without payload: a number that nothing is missing behind.
func (p *picture) fill(now time.Duration, seq uint64) {
	if p.started && seq == p.next {
		p.next++
		p.advance(now)
	} else if p.started && seq > p.next {
		p.packets[seq] = videoPacket{stamp: -1}
		p.highest = max(p.highest, seq)
	}
}

// advance shows what can be shown.
func (p *picture) advance(now time.Duration) {
	for p.started {
		if end, ok := p.whole(p.next); ok && (p.intact || p.packets[p.next].key) {
			p.show(p.next, end, now)
			continue
		}
		if start, ok := p.laterKey(now); ok {
			p.forget(start)
			continue
		}
		if p.blocked == 0 && p.highest >= p.next {
			p.blocked = now
		}
		return
	}
}

// whole returns the last packet of the frame that begins with a packet, if all of it is there.
func (p *picture) whole(start uint64) (end uint64, ok bool) {
	first, there := p.packets[start]
	if !there || first.stamp < 0 {
		if there {
			p.next = start + 1
			delete(p.packets, start)
			return p.whole(p.next)
		}
		return 0, false
	}
	for seq := start; ; seq++ {
		v, there := p.packets[seq]
		if !there || v.stamp >= 0 && v.stamp != first.stamp {
			return 0, false
		}
		if v.marker {
			return seq, true
		}
	}
}

// laterKey finds a whole key frame behind the gap whose time has come.
func (p *picture) laterKey(now time.Duration) (start uint64, ok bool) {
	for seq := p.next + 1; seq <= p.highest; seq++ {
		v, there := p.packets[seq]
		if !there || !v.key || v.stamp < 0 {
			continue
		}
		if before, there := p.packets[seq-1]; there && before.stamp == v.stamp {
			continue // not its first packet
		}
		if _, whole := p.peek(seq); whole && p.due(v.stamp) <= now {
			return seq, true
		}
	}
	return 0, false
}

func (p *picture) peek(start uint64) (uint64, bool) {
	first := p.packets[start]
	for seq := start; ; seq++ {
		v, there := p.packets[seq]
		if !there || v.stamp != first.stamp {
			return 0, false
		}
		if v.marker {
			return seq, true
		}
	}
}

func (p *picture) forget(until uint64) {
	for seq := p.next; seq < until; seq++ {
		delete(p.packets, seq)
	}
	p.next, p.intact = until, false
}

func (p *picture) show(start, end uint64, now time.Duration) {
	first := p.packets[start]
	for seq := start; seq <= end; seq++ {
		if h := p.packets[seq].height; h > 0 {
			p.height = h
		}
		delete(p.packets, seq)
	}
	p.next, p.intact, p.blocked = end+1, true, 0
	shown := max(now, p.due(first.stamp))
	if n := len(p.shown); n > 0 {
		shown = max(shown, p.shown[n-1].Shown)
	}
	p.late = append(p.late, lateness{now, now - p.base - first.stamp})
	p.shown = append(p.shown, frame{first.stamp + p.base, now, shown, p.height})
}

// due returns when a frame is to be shown.
func (p *picture) due(stamp time.Duration) time.Duration {
	delay := time.Duration(0)
	newest := time.Duration(0)
	if n := len(p.late); n > 0 {
		newest = p.late[n-1].at
	}
	p.late = slices.DeleteFunc(p.late, func(l lateness) bool { return newest-l.at > latenessWindow })
	for _, l := range p.late {
		delay = max(delay, l.by)
	}
	return p.base + stamp + delay
}

// stuck returns for how long frames have waited for something that is missing.
func (p *picture) stuck(now time.Duration) time.Duration {
	if p.blocked == 0 {
		return 0
	}
	return now - p.blocked
}

// freezes counts as WebRTC's freezeCount does (webrtc-stats, RTCInboundRtpStreamStats): a frame that comes after
// at least three times the mean of the last 30 intervals, and at least 150 ms more than it. Other than there, before
// there are five intervals they are taken for a thirtieth of a second, and the time from the last frame to the end counts as well.
func freezes(frames []frame, from, to time.Duration) (count int, total, longest time.Duration) {
	var intervals []time.Duration
	last := time.Duration(-1)
	judge := func(at time.Duration) {
		gap, mean := at-last, time.Second/loop.FrameRate
		if n := len(intervals); n >= freezeSamples {
			mean = 0
			for _, i := range intervals {
				mean += i
			}
			mean /= time.Duration(n)
		}
		if gap >= max(3*mean, mean+150*time.Millisecond) && at > from {
			count++
			total += at - max(last, from)
			longest = max(longest, gap)
		}
		intervals = append(intervals, gap)
		if len(intervals) > freezeHistory {
			intervals = intervals[1:]
		}
	}
	for _, f := range frames {
		if f.Shown > to {
			break
		}
		if last >= 0 {
			judge(f.Shown)
		}
		last = f.Shown
	}
	if last >= 0 && to > last {
		judge(to)
	}
	return count, total, longest
}

// stamps widens RTP times of one clock to durations.
type stamps struct {
	have bool
	last uint32
	wide int64
}

func (s *stamps) widen(stamp uint32) time.Duration {
	if !s.have {
		s.have, s.wide = true, 0
	} else {
		s.wide += int64(int32(stamp - s.last))
	}
	s.last = stamp
	return time.Duration(s.wide+videoClock*3600) * time.Second / videoClock // never below zero
}
