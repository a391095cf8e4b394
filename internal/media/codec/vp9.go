package codec

import "encoding/binary"

// VP9 is what a VP9 payload (RFC 9628 section 4.2) says of itself.
type VP9 struct {
	Start             bool // a frame of a layer begins here
	Key               bool // ... that a decoder may begin with
	Size              Size // of the largest layer, where the payload says
	Temporal, Spatial uint8
}

// DescribeVP9 is the Reader of VP9.
func DescribeVP9(payload []byte) Description {
	v := ParseVP9(payload)
	return Description{Key: v.Key, Whole: v.Key, Temporal: v.Temporal, Size: v.Size}
}

// The flags of a payload descriptor's first byte.
const (
	vp9ID       = 0x80 // I: a picture number follows
	vp9Inter    = 0x40 // P: predicted from earlier pictures
	vp9Layers   = 0x20 // L: layer indices follow
	vp9Flexible = 0x10 // F
	vp9Start    = 0x08 // B
	vp9Scaling  = 0x02 // V: a scalability structure follows
)

// ParseVP9 reads the payload descriptor. Of what is malformed it says nothing.
func ParseVP9(payload []byte) VP9 {
	var v VP9
	if len(payload) == 0 {
		return v
	}
	r := bytesReader{b: payload[1:]}
	flags := payload[0]
	if flags&vp9ID != 0 && r.byte()&0x80 != 0 {
		r.byte() // 15 bits
	}
	if flags&vp9Layers != 0 {
		layer := r.byte()
		v.Temporal, v.Spatial = layer>>5, layer>>1&7
		if flags&vp9Flexible == 0 {
			r.byte() // TL0PICIDX
		}
	}
	if flags&vp9Flexible != 0 && flags&vp9Inter != 0 {
		const more, most = 1, 3
		for range most {
			if r.byte()&more == 0 {
				break
			}
		}
	}
	if flags&vp9Scaling != 0 {
		v.Size = r.scalability()
	}
	if r.failed || len(r.b) == 0 {
		return VP9{}
	}
	v.Start = flags&vp9Start != 0
	v.Key = v.Start && flags&vp9Inter == 0 && v.Spatial == 0
	if v.Key && v.Size == (Size{}) {
		v.Size = vp9FrameSize(r.b)
	}
	return v
}

// scalability reads a scalability structure (RFC 9628 section 4.2.1) and returns the size of the last layer.
func (r *bytesReader) scalability() Size {
	head := r.byte()
	layers := int(head>>5) + 1
	var size Size
	if head&0x10 != 0 { // Y: sizes
		for range layers {
			width, height := r.uint16(), r.uint16()
			size = sizeOf(int(width), int(height))
		}
	}
	if head&0x08 != 0 { // G: a group of pictures
		for range r.byte() {
			for range r.byte() >> 2 & 3 {
				r.byte()
			}
			if r.failed {
				break
			}
		}
	}
	return size
}

// vp9FrameSize reads a key frame's uncompressed header (VP9 bitstream specification section 6.2) up to the size.
func vp9FrameSize(frame []byte) Size {
	r := bits{b: frame, plain: true}
	if r.read(2) != 2 { // frame_marker
		return Size{}
	}
	profile := r.read(1) | r.read(1)<<1
	if profile == 3 {
		r.read(1)
	}
	if r.read(1) == 1 || r.read(1) != 0 { // show_existing_frame, frame_type
		return Size{}
	}
	r.read(2) // show_frame, error_resilient_mode
	if r.read(24) != 0x498342 {
		return Size{}
	}
	if profile >= 2 {
		r.read(1) // ten_or_twelve_bit
	}
	const rgb = 7
	switch space := r.read(3); {
	case space != rgb && profile&1 == 1:
		r.read(4) // color_range, subsampling, reserved
	case space != rgb || profile&1 == 1:
		r.read(1)
	}
	width, height := int(r.read(16))+1, int(r.read(16))+1
	if r.failed {
		return Size{}
	}
	return sizeOf(width, height)
}

// bytesReader reads bytes. Past the end it reads zeros and fails; the caller looks once, when done.
type bytesReader struct {
	b      []byte
	failed bool
}

func (r *bytesReader) byte() byte {
	if len(r.b) == 0 {
		r.failed = true
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

func (r *bytesReader) uint16() uint16 {
	if len(r.b) < 2 {
		r.b, r.failed = nil, true
		return 0
	}
	v := binary.BigEndian.Uint16(r.b)
	r.b = r.b[2:]
	return v
}
