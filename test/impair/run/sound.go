package main

import "time"

const (
	soundTime = 20 * time.Millisecond
	// soundLeast is what the buffer holds at least, and soundWindow how long it remembers that more was needed.
	soundLeast  = 2 * soundTime
	soundWindow = 10 * time.Second
)

// sound judges a stream of Opus packets of 20 ms.
type sound struct {
	came    map[uint64]soundPacket
	base    time.Duration // least of arrival minus place
	based   bool
	first   uint64
	highest uint64
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
	s.highest = max(s.highest, seq)
	if _, there := s.came[seq]; !there {
		s.came[seq] = soundPacket{now, carriesFEC(payload)}
	}
}

// stamp returns when a packet is due without any delay, but for base.
func (s *sound) stamp(seq uint64) time.Duration {
	return time.Duration(int64(seq)-int64(s.first)) * soundTime
}

// heard is what became of the sound of a stretch of time, in parts of 20 ms.
type heard struct{ due, lost, concealed int }

// count plays a stretch of time as a browser does: every 20 ms the next packet. If it is not there but later ones
// are, it is lost: the one behind it may carry it (FEC), or it is concealed. If there are none at all, what is missing is
// concealed and the packet waited for, so that the sound comes later from then on; when the buffer holds more than
// the latest packet of the last ten seconds needed, it catches up.
func (s *sound) count(from, to time.Duration) (h heard) {
	h.due = int((to - from) / soundTime)
	if !s.based {
		h.lost, h.concealed = h.due, h.due
		return h
	}
	next := s.place(from - soundLeast)
	for seq := next; seq < next+uint64(h.due); seq++ {
		if _, there := s.came[seq]; !there {
			h.lost++
		}
	}
	var needed []lateness
	for now := from; now < to; now += soundTime {
		p, there := s.came[next]
		switch {
		case there && p.at <= now:
			needed = append(needed, lateness{now, p.at - s.base - s.stamp(next)})
			next++
			if s.ahead(next, now) > s.wanted(needed, now) {
				next++ // the time of two packets in one
			}
		case !s.laterThere(next, now):
			h.concealed++ // and it is waited for
		default:
			if after := s.came[next+1]; !after.carries || after.at > now {
				h.concealed++
			}
			next++
		}
	}
	return h
}

// place returns the packet that is due at a time without any delay.
func (s *sound) place(at time.Duration) uint64 {
	return uint64(int64(s.first) + int64((at-s.base)/soundTime))
}

// laterThere tells whether a packet behind a missing one has come.
func (s *sound) laterThere(missing uint64, now time.Duration) bool {
	for seq := missing + 1; seq <= s.highest && seq < missing+50; seq++ {
		if p, there := s.came[seq]; there && p.at <= now {
			return true
		}
	}
	return false
}

// ahead returns how much is in the buffer.
func (s *sound) ahead(next uint64, now time.Duration) time.Duration {
	held := time.Duration(0)
	for p, there := s.came[next]; there && p.at <= now; p, there = s.came[next] {
		held += soundTime
		next++
	}
	return held
}

// wanted returns how much the buffer is to hold.
func (s *sound) wanted(needed []lateness, now time.Duration) time.Duration {
	most := soundLeast
	for i := len(needed) - 1; i >= 0 && now-needed[i].at < soundWindow; i-- {
		most = max(most, needed[i].by+soundLeast)
	}
	return most
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
