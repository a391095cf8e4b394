// Package codec reads what a payload says of itself: key frames, picture sizes, durations.
//
// It is handed foreign bytes. Every length is compared with what is there before it is used, and what makes no
// sense is read as saying nothing. The package starts no goroutine, keeps nothing and decodes no picture.
package codec

import "encoding/binary"

// NAL unit types (ITU-T H.264 table 7-1) and payload structures (RFC 6184 section 5.2).
const (
	nalSlice = 1
	nalPartA = 2
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
	nalSTAPA = 24
	nalFUA   = 28
)

// maxAggregated bounds the units read in one aggregation packet; parameter sets come first in any real one.
const maxAggregated = 16

// H264 is what an H.264 payload (RFC 6184) says of itself.
type H264 struct {
	IDR bool   // an IDR picture's slice begins here
	PPS bool   // holds a picture parameter set
	SPS []byte // the first whole sequence parameter set, from its NAL header on, aliasing the payload; nil if none
	B   bool   // a slice begins here that may be predicted from pictures shown before and after it
}

// DescribeH264 is the Reader of H.264.
func DescribeH264(payload []byte) Description {
	h := ParseH264(payload)
	d := Description{Key: h.Key(), Whole: h.SPS != nil, Backward: h.B}
	if h.SPS != nil {
		d.Size, _ = ParseSPS(h.SPS)
	}
	return d
}

// Key says whether a decoder may begin here: at an IDR picture or at the parameters that precede it.
func (h H264) Key() bool { return h.IDR || h.SPS != nil }

// ParseH264 reads a payload: a single unit, an aggregation (STAP-A) or a fragment (FU-A). Of anything else,
// and of what is malformed, it says nothing.
func ParseH264(payload []byte) H264 {
	var h H264
	if len(payload) == 0 || payload[0]&0x80 != 0 { // the forbidden bit
		return h
	}
	switch payload[0] & 0x1f {
	case nalSTAPA:
		h.readAggregation(payload[1:])
	case nalFUA:
		const startBit = 0x80
		if len(payload) > 2 && payload[1]&startBit != 0 {
			h.readSlice(payload[1]&0x1f, payload[2:])
		}
	default:
		h.readUnit(payload)
	}
	return h
}

// readAggregation reads units each preceded by 16 bits of length (RFC 6184 section 5.7.1).
func (h *H264) readAggregation(b []byte) {
	for range maxAggregated {
		if len(b) < 2 {
			return
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n == 0 || n > len(b) {
			return
		}
		h.readUnit(b[:n])
		b = b[n:]
	}
}

func (h *H264) readUnit(unit []byte) {
	switch unit[0] & 0x1f {
	case nalSlice, nalPartA, nalIDR:
		h.readSlice(unit[0]&0x1f, unit[1:])
	case nalSPS:
		if h.SPS == nil && len(unit) > 3 {
			h.SPS = unit
		}
	case nalPPS:
		h.PPS = true
	}
}

// readSlice reads the beginning of a slice header (ITU-T H.264 section 7.3.3), as far as it is at hand.
func (h *H264) readSlice(kind byte, header []byte) {
	if kind != nalSlice && kind != nalPartA && kind != nalIDR || len(header) == 0 {
		return
	}
	h.IDR = h.IDR || kind == nalIDR
	r := bits{b: header[:min(len(header), maxSliceStart)]}
	r.ue() // first_mb_in_slice
	const typeB = 1
	if t := r.ue(); !r.failed && t < 10 && t%5 == typeB {
		h.B = true
	}
}

// maxSliceStart is how many bytes the first two numbers of a slice header take at most: two Exp-Golomb numbers of
// 31 bits for first_mb_in_slice, seven for slice_type, and emulation prevention.
const maxSliceStart = 8
