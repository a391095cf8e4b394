package load

import "time"

const (
	window     = 2048 // sequence numbers that are remembered
	nackEvery  = 100 * time.Millisecond
	nackTries  = 5
	maxNackGap = 500 // a larger jump is taken for a new start
)

// arrival follows the sequence numbers of one stream: what came, what is missing, what was mended. Numbers
// count from the first packet seen.
type arrival struct {
	started  bool
	base     uint64 // extended number of the first packet
	highest  uint64 // extended number
	received uint64 // distinct packets that arrived, however late
	repaired uint64 // of these, those that had been missing
	double   uint64
	seen     [window]bool
	missing  map[uint64]*gap

	jitter  float64 // RFC 3550 section 6.4.1, in clock units
	transit int64
	prior   struct{ expected, received uint64 } // at the last report
}

// gap is a missing packet.
type gap struct {
	asked time.Time
	tries int
}

// take records a packet. It returns the numbers that are newly missing before it; fresh is false for one that
// was there already.
func (a *arrival) take(seq uint16) (newlyMissing []uint16, fresh bool) {
	if !a.started {
		a.started = true
		a.base = 1<<16 + uint64(seq) // so that nothing lies below zero
		a.highest = a.base
		a.missing = map[uint64]*gap{}
		a.mark(a.base)
		return nil, true
	}
	ext := a.extend(seq)
	switch {
	case ext > a.highest:
		jump := ext - a.highest
		for n := a.highest + 1; n < ext; n++ {
			a.seen[n%window] = false
			if jump <= maxNackGap {
				a.missing[n] = &gap{}
				newlyMissing = append(newlyMissing, uint16(n))
			}
		}
		a.highest = ext
		a.mark(ext)
		return newlyMissing, true
	case ext < a.base || a.highest-ext >= window || a.seen[ext%window]:
		a.double++
		return nil, false
	}
	a.mark(ext)
	a.repaired++
	delete(a.missing, ext)
	return nil, true
}

func (a *arrival) mark(ext uint64) {
	a.seen[ext%window] = true
	a.received++
}

// extend puts a number next to the highest one (RFC 3550 appendix A.1).
func (a *arrival) extend(seq uint16) uint64 {
	return uint64(int64(a.highest) + int64(int16(seq-uint16(a.highest))))
}

// expected returns how many packets there should be.
func (a *arrival) expected() uint64 {
	if !a.started {
		return 0
	}
	return a.highest - a.base + 1
}

// due returns the missing numbers that are to be asked for now, and forgets those that were asked for in vain.
func (a *arrival) due(now time.Time, out []uint16) []uint16 {
	for n, g := range a.missing {
		switch {
		case g.tries >= nackTries:
			delete(a.missing, n)
		case g.tries == 0 || now.Sub(g.asked) >= nackEvery:
			g.tries++
			g.asked = now
			out = append(out, uint16(n))
		}
	}
	return out
}

// clock feeds the jitter estimate with a packet's RTP time and its arrival, both in clock units.
func (a *arrival) clock(rtpTime uint32, at int64) {
	transit := at - int64(rtpTime)
	d := int64(int32(transit - a.transit))
	if a.transit != 0 {
		if d < 0 {
			d = -d
		}
		a.jitter += (float64(d) - a.jitter) / 16
	}
	a.transit = transit
}

// fraction returns the part lost since the last call, in 256ths (RFC 3550 appendix A.3).
func (a *arrival) fraction() uint8 {
	expected, received := a.expected(), a.received
	de, dr := expected-a.prior.expected, received-a.prior.received
	a.prior.expected, a.prior.received = expected, received
	if de == 0 || dr >= de {
		return 0
	}
	return uint8((de - dr) * 256 / de)
}
