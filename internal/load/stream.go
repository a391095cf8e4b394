package load

import (
	"encoding/binary"
	"time"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
)

const (
	frameRate    = 30
	stampSize    = 10   // bytes: a number of 64 bits, seven to a byte, the highest bit always set
	minPadding   = 64   // bytes of the smallest padding packet
	packetTarget = 1180 // bytes of a full payload
)

// stampID is the UUID of our SEI messages (ITU-T H.264 section D.1.7): "Proscenium delay".
var stampID = [16]byte([]byte("Proscenium delay"))

// stream is a publisher's encoded picture: the demo's loop, filled up to a bitrate with SEI messages that
// decoders skip. Each message fills a packet and carries the time at which it was sent.
type stream struct {
	frames []streamFrame
}

type streamFrame struct {
	padding []int    // sizes of the SEI packets before the picture
	picture [][]byte // payloads
	key     bool
}

// newStream shapes the loop. A bitrate below the loop's own leaves it as it is.
func newStream(loop *loop.Loop, bitsPerSecond int) *stream {
	s := &stream{frames: make([]streamFrame, len(loop.Frames))}
	for from := 0; from < len(loop.Frames); {
		to := from + 1
		for to < len(loop.Frames) && !loop.Frames[to].Key {
			to++
		}
		s.shape(loop.Frames[from:to], from, bitsPerSecond)
		from = to
	}
	return s
}

// shape fills one group of pictures, evenly over all but its key frame.
func (s *stream) shape(group []loop.Frame, from, bitsPerSecond int) {
	budget := bitsPerSecond / 8 * len(group) / frameRate
	for i, f := range group {
		s.frames[from+i] = streamFrame{picture: f.Payloads, key: f.Key}
		for _, p := range f.Payloads {
			budget -= len(p)
		}
	}
	for i := 1; i < len(group) && budget > 0; i++ {
		share := budget / (len(group) - i)
		budget -= share
		for ; share >= minPadding; share -= packetTarget {
			s.frames[from+i].padding = append(s.frames[from+i].padding, min(share, packetTarget))
		}
	}
}

// meanSize returns the mean size of the stream's payloads in bytes.
func (s *stream) meanSize() int {
	bytes, packets := 0, 0
	for _, f := range s.frames {
		for _, n := range f.padding {
			bytes, packets = bytes+n, packets+1
		}
		for _, p := range f.picture {
			bytes, packets = bytes+len(p), packets+1
		}
	}
	return bytes / max(packets, 1)
}

// appendStamped appends an SEI message (ITU-T H.264 section 7.3.2.3) of about the size that carries a time.
func appendStamped(b []byte, size int, at time.Duration) []byte {
	const frame = 4                    // NAL header, payload type, last byte of the payload size, stop bit
	body := (size - frame) * 255 / 256 // the size takes a byte for each 255
	b = append(b, 0x06, 5)
	for range body / 255 {
		b = append(b, 0xff)
	}
	b = append(b, byte(body%255))
	b = append(b, stampID[:]...)
	for v, i := uint64(at), 0; i < stampSize; i, v = i+1, v>>7 {
		b = append(b, byte(v)|0x80) // no zeros: nothing that looks like a start code
	}
	for range body - len(stampID) - stampSize {
		b = append(b, 0xaa)
	}
	return append(b, 0x80)
}

// readStamp returns the time that a payload carries.
func readStamp(payload []byte) (time.Duration, bool) {
	if len(payload) < 2 || payload[0]&0x1f != 6 || payload[1] != 5 {
		return 0, false
	}
	p := payload[2:]
	for len(p) > 0 && p[0] == 0xff {
		p = p[1:]
	}
	if len(p) < 1+len(stampID)+stampSize || [16]byte(p[1:17]) != stampID {
		return 0, false
	}
	var v uint64
	for i := range stampSize {
		v |= uint64(p[17+i]&0x7f) << (7 * i)
	}
	return time.Duration(v), true
}

// isKeyStart says that decoding can begin at this payload: it brings a sequence parameter set or begins an IDR slice.
func isKeyStart(p []byte) bool {
	if len(p) < 2 {
		return false
	}
	switch p[0] & 0x1f {
	case 5, 7:
		return true
	case 24: // STAP-A: the first unit tells
		return len(p) > 3 && binary.BigEndian.Uint16(p[1:]) > 0 && p[3]&0x1f == 7
	case 28: // FU-A
		return p[1]&0x80 != 0 && p[1]&0x1f == 5
	}
	return false
}
