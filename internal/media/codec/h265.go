package codec

import "encoding/binary"

// NAL unit types (ITU-T H.265 table 7-1) and payload structures (RFC 7798 section 4.4).
const (
	hevcRADLN     = 6
	hevcRASLR     = 9
	hevcFirstIRAP = 16
	hevcLastIRAP  = 21
	hevcVPS       = 32
	hevcSPS       = 33
	hevcAP        = 48
	hevcFU        = 49
)

// H265 is what an H.265 payload (RFC 7798) says of itself.
type H265 struct {
	IRAP     bool   // a picture begins here that decoding may begin with
	VPS      bool   // holds a video parameter set: nothing is needed from before it
	SPS      []byte // the first whole sequence parameter set, from its NAL header on, aliasing the payload; nil if none
	Leading  bool   // a picture begins here that is shown before one that was sent before it
	Temporal uint8
}

// DescribeH265 is the Reader of H.265.
func DescribeH265(payload []byte) Description {
	h := ParseH265(payload)
	d := Description{
		Key: h.IRAP || h.VPS || h.SPS != nil, Whole: h.VPS, Backward: h.Leading, Temporal: h.Temporal,
	}
	if h.SPS != nil {
		d.Size, _ = ParseH265SPS(h.SPS)
	}
	return d
}

// ParseH265 reads a payload: a single unit, an aggregation (AP) or a fragment (FU). Of anything else, and of what is
// malformed, it says nothing.
func ParseH265(payload []byte) H265 {
	var h H265
	if len(payload) < 3 || payload[0]&0x80 != 0 || payload[1]&7 == 0 {
		return h
	}
	h.Temporal = payload[1]&7 - 1
	switch payload[0] >> 1 & 0x3f {
	case hevcAP:
		h.readAggregation(payload[2:])
	case hevcFU:
		const startBit = 0x80
		if len(payload) > 3 && payload[2]&startBit != 0 {
			h.readPicture(payload[2] & 0x3f)
		}
	default:
		h.readUnit(payload)
	}
	return h
}

// readAggregation reads units each preceded by 16 bits of length (RFC 7798 section 4.4.2).
func (h *H265) readAggregation(b []byte) {
	for range maxAggregated {
		if len(b) < 2 {
			return
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n < 3 || n > len(b) {
			return
		}
		h.readUnit(b[:n])
		b = b[n:]
	}
}

func (h *H265) readUnit(unit []byte) {
	switch kind := unit[0] >> 1 & 0x3f; kind {
	case hevcVPS:
		h.VPS = true
	case hevcSPS:
		if h.SPS == nil {
			h.SPS = unit
		}
	default:
		h.readPicture(kind)
	}
}

func (h *H265) readPicture(kind byte) {
	h.IRAP = h.IRAP || kind >= hevcFirstIRAP && kind <= hevcLastIRAP
	h.Leading = h.Leading || kind >= hevcRADLN && kind <= hevcRASLR
}

// ParseH265SPS returns the size of the pictures that a sequence parameter set announces (ITU-T H.265 section
// 7.3.2.2.1), sps beginning with the NAL header. It reports false for what is malformed or out of all measure.
func ParseH265SPS(sps []byte) (Size, bool) {
	if len(sps) < 4 || sps[0]>>1&0x3f != hevcSPS {
		return Size{}, false
	}
	r := bits{b: sps[2:]}
	r.read(4) // sps_video_parameter_set_id
	subLayers := int(r.read(3))
	r.read(1) // sps_temporal_id_nesting_flag
	r.profileTierLevel(subLayers)
	r.ue() // sps_seq_parameter_set_id
	chroma, separate := r.ue(), false
	if chroma == 3 {
		separate = r.read(1) == 1
	}
	width, height := uint64(r.ue()), uint64(r.ue())
	var cropX, cropY uint64
	if r.read(1) == 1 { // conformance_window_flag
		cropX = uint64(r.ue()) + uint64(r.ue())
		cropY = uint64(r.ue()) + uint64(r.ue())
		if !separate && (chroma == 1 || chroma == 2) {
			cropX *= 2
		}
		if !separate && chroma == 1 {
			cropY *= 2
		}
	}
	if r.failed || chroma > 3 || width > maxSide || height > maxSide || cropX >= width || cropY >= height {
		return Size{}, false
	}
	return Size{uint16(width - cropX), uint16(height - cropY)}, true
}

// profileTierLevel skips profile_tier_level (section 7.3.3) with profilePresentFlag.
func (r *bits) profileTierLevel(subLayers int) {
	const profileBits, levelBits = 88, 8
	r.skip(profileBits + levelBits)
	var profiles, levels [8]bool
	for i := range subLayers {
		profiles[i], levels[i] = r.read(1) == 1, r.read(1) == 1
	}
	if subLayers > 0 {
		r.skip(2 * (8 - subLayers))
	}
	for i := range subLayers {
		if profiles[i] {
			r.skip(profileBits)
		}
		if levels[i] {
			r.skip(levelBits)
		}
	}
}
