package codec

// AV1 is what an AV1 payload says of itself (RTP payload format for AV1, section 4).
type AV1 struct {
	Key      bool // holds a sequence header: a decoder may begin here
	Size     Size // the largest of the sequence
	Temporal uint8
}

// DescribeAV1 is the Reader of AV1.
func DescribeAV1(payload []byte) Description {
	v := ParseAV1(payload)
	return Description{Key: v.Key, Whole: v.Key, Temporal: v.Temporal, Size: v.Size}
}

// Types of OBU (AV1 bitstream specification section 6.2.2).
const (
	obuSequence = 1
	obuHeader   = 3
	obuFrame    = 6
)

// maxOBUs bounds the units read in one packet; a sequence header stands before the frames.
const maxOBUs = 16

// ParseAV1 reads a payload: units, each with its length but perhaps the last. A fragment that goes on from the packet
// before says nothing. Of what is malformed it says nothing.
func ParseAV1(payload []byte) AV1 {
	var v AV1
	const continues = 0x80 // Z
	if len(payload) < 2 || payload[0]&continues != 0 {
		return v
	}
	count := int(payload[0] >> 4 & 3) // 0: all have lengths
	b := payload[1:]
	for i := 1; i <= maxOBUs && len(b) > 0; i++ {
		unit := b
		if count == 0 || i < count {
			size, n := leb128(b)
			if n == 0 || size == 0 || size > uint32(len(b)-n) {
				return v
			}
			unit, b = b[n:n+int(size)], b[n+int(size):]
		} else {
			b = nil
		}
		if !v.readUnit(unit) {
			return v
		}
	}
	return v
}

// leb128 reads a number of at most four bytes (section 4.10.5); more none of a packet takes. n is 0 if it is malformed.
func leb128(b []byte) (v uint32, n int) {
	for n < min(len(b), 4) {
		v |= uint32(b[n]&0x7f) << (7 * n)
		n++
		if b[n-1]&0x80 == 0 {
			return v, n
		}
	}
	return 0, 0
}

// readUnit reads an OBU (section 5.3) and says whether to go on.
func (v *AV1) readUnit(b []byte) bool {
	kind, extended, sized := b[0]>>3&0x0f, b[0]&4 != 0, b[0]&2 != 0
	b = b[1:]
	if extended {
		if len(b) == 0 {
			return false
		}
		v.Temporal = b[0] >> 5
		b = b[1:]
	}
	if sized {
		_, n := leb128(b)
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	switch kind {
	case obuSequence:
		v.Size = av1Size(b)
		v.Key = true
	case obuHeader, obuFrame:
		// A sequence header may be repeated where no key frame follows.
		const showExisting, frameType = 0x80, 0x60
		if len(b) > 0 && b[0]&(showExisting|frameType) != 0 {
			v.Key = false
		}
		return false
	}
	return true
}

// av1Size reads a sequence header (section 5.5.1) up to the size.
func av1Size(b []byte) Size {
	r := bits{b: b, plain: true}
	r.read(4) // seq_profile, still_picture
	if r.read(1) == 1 {
		r.read(5) // reduced_still_picture_header: seq_level_idx
	} else {
		r.operatingPoints()
	}
	widthBits, heightBits := int(r.read(4))+1, int(r.read(4))+1
	width, height := int(r.read(widthBits))+1, int(r.read(heightBits))+1
	if r.failed {
		return Size{}
	}
	return sizeOf(width, height)
}

// operatingPoints skips timing, decoder model and operating points.
func (r *bits) operatingPoints() {
	model, delayBits := false, 0
	if r.read(1) == 1 { // timing_info_present_flag
		r.read(32) // num_units_in_display_tick
		r.read(32) // time_scale
		if r.read(1) == 1 {
			r.ue() // uvlc() of section 4.10.3 is Exp-Golomb too
		}
		if model = r.read(1) == 1; model {
			delayBits = int(r.read(5)) + 1
			r.read(32) // num_units_in_decoding_tick
			r.read(10) // lengths of other fields
		}
	}
	display := r.read(1) == 1
	for range r.read(5) + 1 {
		r.read(12) // operating_point_idc
		if r.read(5) > 7 {
			r.read(1) // seq_tier
		}
		if model && r.read(1) == 1 {
			r.read(delayBits)
			r.read(delayBits)
			r.read(1) // low_delay_mode_flag
		}
		if display && r.read(1) == 1 {
			r.read(4)
		}
	}
}
