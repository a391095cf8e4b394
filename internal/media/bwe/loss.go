package bwe

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// lossTime is how long packets are counted before they are judged, leastPackets how many there must be.
	lossTime     = time.Second
	leastPackets = 20
	// lossSmoothing is the weight of the last second: a window of some three seconds.
	lossSmoothing = 0.35
	// lossLasting and lossSudden are what is too much, over what the line is known to lose by itself: over the
	// smoothed window, and over the last second alone (draft-ietf-rmcat-gcc-02 section 6 acts above 10 %).
	lossLasting = 0.12
	lossSudden  = 0.25
	// mostInherent is what a line may be said to lose by itself.
	mostInherent = 0.3
	// trialTime is how long a lower rate has to lose less. If it doesn't, the rate is not the cause.
	trialTime = 3 * time.Second
)

// losses judge how much is lost, and whether sending less helps. A line of radio loses what it loses; a full one
// loses what is too much.
type losses struct {
	at             media.Time // of the last judgement
	received, lost uint64     // by then
	smooth         float64
	inherent       float64 // what is lost whatever is sent
	trial          struct {
		at     media.Time // 0: none is on
		loss   float64    // that led to it
		before float64    // the estimate before
	}
}

// look judges the last second when it is over.
func (s *losses) look(l *Link, now media.Time) {
	received, lost := l.sum.received-min(s.received, l.sum.received), l.sum.lost-min(s.lost, l.sum.lost)
	if s.at == 0 {
		s.at = now
	}
	if now-s.at < lossTime || received+lost < leastPackets {
		return
	}
	s.at, s.received, s.lost = now, l.sum.received, l.sum.lost
	loss := float64(lost) / float64(received+lost)
	s.smooth += lossSmoothing * (loss - s.smooth)
	if s.smooth < s.inherent {
		s.inherent += lossSmoothing * (s.smooth - s.inherent)
	}
	if s.trial.at > 0 {
		if now-s.trial.at > trialTime {
			s.conclude(l)
		}
		return
	}
	excess := s.smooth - s.inherent
	switch sudden := loss - s.inherent; {
	case sudden > lossSudden:
		excess, s.smooth = sudden, loss
	case excess < lossLasting || sudden < lossLasting:
		return
	}
	before := l.estimate
	if l.cut(float64(l.sum.acked), now); l.cutAt == now {
		s.trial.at, s.trial.loss, s.trial.before = now, s.inherent+excess, before
	}
}

// conclude ends a trial. If as much is lost as before, and no queue stands, the estimate was not to blame.
func (s *losses) conclude(l *Link) {
	if float64(l.sum.sent) > l.estimate*1.15 {
		s.trial.at = 0 // nobody has sent less
		return
	}
	if s.smooth > 0.7*s.trial.loss && l.sum.queue < ms(standingDelay) {
		s.inherent = min(s.smooth, mostInherent)
		l.estimate = s.trial.before
	}
	s.trial.at = 0
}

// fine says whether no more is lost than the line loses by itself.
func (s *losses) fine() bool { return s.smooth-s.inherent < lossLasting/2 }
