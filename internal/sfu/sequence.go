package sfu

import "github.com/proscenium-live/proscenium/internal/media"

const (
	// maxJump is how far ahead a number may be and still belong to the flow (MAX_DROPOUT of RFC 3550
	// appendix A.1): three seconds at 8 Mbit/s.
	maxJump = 3000
	// maxMisorder is how far back it may be: further back than any ring remembers.
	maxMisorder = 1024
	// restartGap is left in the widened numbers when a sender begins anew, so that everyone downstream
	// sees a break and nobody takes new for late.
	restartGap = 4096
)

// sequence widens the numbers of one flow.
type sequence struct {
	head    media.Seq
	suspect int32 // the number that, if it comes next, proves that the sender began anew; -1 for none
}

func newSequence() sequence { return sequence{suspect: -1} }

// widen returns the widened number. It reports false for a number that doesn't belong to the flow. As in RFC
// 3550 appendix A.1, two such in a row that follow on each other begin the flow anew; a repeated packet proves
// nothing.
func (s *sequence) widen(wire uint16, repeat bool) (media.Seq, bool) {
	if s.head == 0 {
		s.head = media.FirstSeq(wire)
		return s.head, true
	}
	seq := s.head.Near(wire)
	switch {
	case seq-s.head <= maxJump && s.head-seq < maxMisorder:
		s.suspect = -1
	case repeat:
		return 0, false
	case s.suspect != int32(wire):
		s.suspect = int32(wire + 1)
		return 0, false
	default:
		s.suspect = -1
		seq = (s.head + restartGap).After(wire)
	}
	s.head = max(s.head, seq)
	return seq, true
}
