package codec

// bits reads single bits and Exp-Golomb numbers from a NAL unit, passing over emulation prevention bytes (ITU-T
// H.264 section 7.4.1), or from plain bytes. Past the end it reads zeros and fails; the caller looks once, when done.
type bits struct {
	b      []byte
	at     int // the byte being read
	used   int // bits of it that are used up
	zeros  int // zero bytes directly before at
	failed bool
	plain  bool // there are no emulation prevention bytes
}

func (r *bits) bit() uint32 {
	if r.used == 0 && r.zeros >= 2 && !r.plain && r.at < len(r.b) && r.b[r.at] == 3 {
		r.at++
		r.zeros = 0
	}
	if r.at >= len(r.b) {
		r.failed = true
		return 0
	}
	bit := uint32(r.b[r.at]>>(7-r.used)) & 1
	if r.used++; r.used == 8 {
		if r.b[r.at] == 0 {
			r.zeros++
		} else {
			r.zeros = 0
		}
		r.at, r.used = r.at+1, 0
	}
	return bit
}

// read returns the next n bits, at most 32.
func (r *bits) read(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// skip passes over n bits.
func (r *bits) skip(n int) {
	for range n {
		r.bit()
	}
}

// ue returns an unsigned Exp-Golomb number (section 9.1). One of more than 32 bits is a failure.
func (r *bits) ue() uint32 {
	n := 0
	for r.bit() == 0 {
		if n++; n > 31 || r.failed {
			r.failed = true
			return 0
		}
	}
	return 1<<n - 1 + r.read(n)
}

// se returns a signed Exp-Golomb number (section 9.1.1).
func (r *bits) se() int32 {
	v := r.ue()
	if v&1 == 1 {
		return int32(v>>1) + 1
	}
	return -int32(v >> 1)
}
