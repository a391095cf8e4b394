package codec

import "strings"

// Pictures are the numbers that a payload of VP8 or VP9 gives pictures: a decoder finds by them what a picture is
// predicted from. They have nothing to do with the numbers of packets.
type Pictures struct {
	Number   uint16 // 7 or 15 bits
	TL0      uint8  // TL0PICIDX: counts pictures of the lowest temporal layer
	KeyIndex uint8  // KEYIDX of VP8, 5 bits: counts key frames

	long                    bool // Number has 15 bits
	number, tl0, keyIndexAt int  // where they stand in the payload; 0 for nowhere
}

// Any says whether there are any.
func (p Pictures) Any() bool { return p.number|p.tl0|p.keyIndexAt != 0 }

// Shift is what is added to numbers of pictures, so that those of one flow go on where those of another ended.
type Shift struct {
	Number        uint16
	TL0, KeyIndex uint8
}

// Numbering reads the numbers of pictures in a payload.
type Numbering func(payload []byte) Pictures

// NumberingOf returns how the codec with the name of an rtpmap numbers pictures, nil if it does not.
func NumberingOf(name string) Numbering {
	switch {
	case strings.EqualFold(name, "VP8"):
		return picturesVP8
	case strings.EqualFold(name, "VP9"):
		return picturesVP9
	}
	return nil
}

func picturesVP8(payload []byte) Pictures {
	v, n, ok := readVP8(payload)
	if !ok || n > len(payload) {
		return Pictures{}
	}
	p := Pictures{long: v.long, number: v.picture, tl0: v.tl0}
	p.read(payload)
	if v.keyIndex != 0 {
		p.keyIndexAt, p.KeyIndex = v.keyIndex, payload[v.keyIndex]&keyIndexBits
	}
	return p
}

const keyIndexBits = 0x1f

func picturesVP9(payload []byte) Pictures {
	if len(payload) == 0 {
		return Pictures{}
	}
	var p Pictures
	flags, n := payload[0], 1
	if flags&vp9ID != 0 {
		if n >= len(payload) {
			return Pictures{}
		}
		p.number, p.long = n, payload[n]&0x80 != 0
		n++
		if p.long {
			n++
		}
	}
	if flags&vp9Layers != 0 {
		n++
		if flags&vp9Flexible == 0 {
			p.tl0 = n
			n++
		}
	}
	if n > len(payload) {
		return Pictures{}
	}
	p.read(payload)
	return p
}

// read reads the number and TL0PICIDX from where they stand.
func (p *Pictures) read(payload []byte) {
	if p.number != 0 {
		p.Number = uint16(payload[p.number] & 0x7f)
		if p.long {
			p.Number = p.Number<<8 | uint16(payload[p.number+1])
		}
	}
	if p.tl0 != 0 {
		p.TL0 = payload[p.tl0]
	}
}

// After returns the shift by which q, the first of another flow, follows on p.
func (p Pictures) After(q Pictures) Shift {
	return Shift{Number: p.Number + 1 - q.Number, TL0: p.TL0 + 1 - q.TL0, KeyIndex: p.KeyIndex + 1 - q.KeyIndex}
}

// Shifted returns the numbers with a shift.
func (p Pictures) Shifted(by Shift) Pictures {
	bits := uint16(0x7f)
	if p.long {
		bits = 0x7fff
	}
	if p.number != 0 {
		p.Number = (p.Number + by.Number) & bits
	}
	if p.tl0 != 0 {
		p.TL0 += by.TL0
	}
	if p.keyIndexAt != 0 {
		p.KeyIndex = (p.KeyIndex + by.KeyIndex) & keyIndexBits
	}
	return p
}

// Newer says whether p is a later picture than q, or the same.
func (p Pictures) Newer(q Pictures) bool {
	if p.long {
		return (p.Number-q.Number)&0x7fff < 0x4000
	}
	return (p.Number-q.Number)&0x7f < 0x40
}

// Put writes a payload to dst with these numbers, which were read from it, and returns it. It is nil if dst has no room.
func (p Pictures) Put(dst, payload []byte) []byte {
	if len(dst) < len(payload) {
		return nil
	}
	dst = dst[:copy(dst, payload)]
	switch {
	case p.number == 0:
	case p.long:
		dst[p.number], dst[p.number+1] = 0x80|byte(p.Number>>8), byte(p.Number)
	default:
		dst[p.number] = byte(p.Number)
	}
	if p.tl0 != 0 {
		dst[p.tl0] = p.TL0
	}
	if p.keyIndexAt != 0 {
		dst[p.keyIndexAt] = dst[p.keyIndexAt]&^keyIndexBits | p.KeyIndex
	}
	return dst
}
