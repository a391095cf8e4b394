package codec

// VP8 is what a VP8 payload (RFC 7741 section 4.2) says of itself.
type VP8 struct {
	Start    bool // a frame begins here
	Key      bool // ... that a decoder may begin with
	Size     Size // of a key frame
	Temporal uint8

	picture     int  // where the picture number stands; 0 if there is none
	long        bool // it has 15 bits, not 7
	tl0         int  // where TL0PICIDX stands; 0 if there is none
	keyIndex    int  // where TID, Y and KEYIDX stand; 0 if there are none
	hasTemporal bool
}

// DescribeVP8 is the Reader of VP8.
func DescribeVP8(payload []byte) Description {
	v := ParseVP8(payload)
	return Description{Key: v.Key, Whole: v.Key, Temporal: v.Temporal, Size: v.Size}
}

// ParseVP8 reads the payload descriptor and, at the beginning of a frame, its header (RFC 6386 section 9.1). Of what is
// malformed it says nothing.
func ParseVP8(payload []byte) VP8 {
	v, n, ok := readVP8(payload)
	if !ok || n >= len(payload) {
		return VP8{}
	}
	if v.Start = payload[0]&0x10 != 0 && payload[0]&7 == 0; v.Start {
		v.readFrame(payload[n:])
	}
	return v
}

// readVP8 reads the payload descriptor and returns its length.
func readVP8(b []byte) (v VP8, n int, ok bool) {
	const (
		extended = 0x80 // X of the first byte
		hasID    = 0x80 // I, L, T and K of the second
		hasTL0   = 0x40
		hasTID   = 0x20
		hasKey   = 0x10
		isLong   = 0x80 // M of the picture number
	)
	if len(b) < 1 {
		return v, 0, false
	}
	if b[0]&extended == 0 {
		return v, 1, true
	}
	if len(b) < 2 {
		return v, 0, false
	}
	flags := b[1]
	n = 2
	if flags&hasID != 0 {
		if n >= len(b) {
			return v, 0, false
		}
		v.picture, v.long = n, b[n]&isLong != 0
		n++
		if v.long {
			n++
		}
	}
	if flags&hasTL0 != 0 {
		v.tl0 = n
		n++
	}
	if flags&(hasTID|hasKey) != 0 {
		if n >= len(b) {
			return v, 0, false
		}
		v.keyIndex = n
		if v.hasTemporal = flags&hasTID != 0; v.hasTemporal {
			v.Temporal = b[n] >> 6
		}
		n++
	}
	return v, n, n <= len(b)
}

// readFrame reads the frame tag and, of a key frame, the start code and the size.
func (v *VP8) readFrame(b []byte) {
	const keyHead = 10
	if b[0]&1 != 0 || len(b) < keyHead || b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
		return
	}
	v.Key = true
	const sizeBits = 0x3fff // the upper two scale
	v.Size = sizeOf(int(b[6])|int(b[7])<<8&sizeBits, int(b[8])|int(b[9])<<8&sizeBits)
}

// sizeOf returns the size, zero if it is out of measure.
func sizeOf(width, height int) Size {
	if width <= 0 || height <= 0 || width > maxSide || height > maxSide {
		return Size{}
	}
	return Size{uint16(width), uint16(height)}
}
