package main

import "time"

const (
	soundTime = 20 * time.Millisecond
	// soundPatience is how late a sound packet may be and still be played: about what a browser's jitter buffer
	// grows to.
	soundPatience = 200 * time.Millisecond
)

// sound judges a stream of Opus packets of 20 ms.
type sound struct {
	came  map[uint64]soundPacket
	base  time.Duration
	based bool
	first uint64
}

type soundPacket struct {
	at      time.Duration
	carries bool // the packet before it in low quality (in-band FEC)
}

func newSound() *sound { return &sound{came: map[uint64]soundPacket{}} }

func (s *sound) take(now time.Duration, seq uint64, payload []byte) {
	if len(payload) == 0 {
		return
	}
	if !s.based {
		s.first = seq
	}
	if since := now - s.stamp(seq); !s.based || since < s.base {
		s.base, s.based = since, true
	}
	if _, there := s.came[seq]; !there {
		s.came[seq] = soundPacket{now, carriesFEC(payload)}
	}
}

// stamp returns when a packet is due without any delay, but for base.
func (s *sound) stamp(seq uint64) time.Duration {
	return time.Duration(int64(seq)-int64(s.first)) * soundTime
}

func (s *sound) playable(seq uint64) bool {
	p, there := s.came[seq]
	return there && p.at <= s.base+s.stamp(seq)+soundPatience
}

// count returns how many packets were due in a stretch of time, how many of them were not there, and how many of
// these not even the packet behind them could stand in for.
func (s *sound) count(from, to time.Duration) (due, lost, concealed int) {
	if !s.based {
		n := int((to - from) / soundTime)
		return n, n, n
	}
	for at := from; at < to; at += soundTime {
		seq := uint64(int64(s.first) + int64((at-s.base)/soundTime))
		due++
		if s.playable(seq) {
			continue
		}
		lost++
		if next := s.came[seq+1]; !next.carries || !s.playable(seq+1) {
			concealed++
		}
	}
	return due, lost, concealed
}

// carriesFEC says whether an Opus packet of one mono frame of SILK or hybrid mode carries the frame before it
// (RFC 6716 sections 3.1 and 4.2.3: the bit behind the one that says whether there is a voice).
func carriesFEC(payload []byte) bool {
	const hybrid = 15 // configurations up to it are SILK or hybrid
	if len(payload) < 2 || payload[0]>>3 > hybrid || payload[0]&3 != 0 || payload[0]&4 != 0 {
		return false
	}
	return payload[1]>>6&1 == 1
}
