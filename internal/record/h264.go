package record

import (
	"bytes"
	"slices"

	"github.com/proscenium-live/proscenium/internal/media"
)

// The types of NAL units that matter here (ITU-T H.264 table 7-1, RFC 6184 table 1).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
	nalAUD   = 9
	nalSTAPA = 24
	nalFUA   = 28
)

// What one picture may be at most: a 1080p key frame at the highest bitrates takes a tenth of it.
const (
	maxFrame = 8 << 20 // bytes
	maxUnits = 1024
)

// frame is one picture as its encoder made it: NAL units without start codes, parameter sets and delimiters taken out.
type frame struct {
	timestamp int64 // extended RTP time, 90 kHz
	arrival   media.Time
	key       bool
	units     [][]byte
	size      int
}

// parameters are the sets that a decoder needs before anything else.
type parameters struct{ sps, pps []byte }

func (p parameters) complete() bool { return len(p.sps) > 3 && len(p.pps) > 0 }

func (p parameters) equal(q parameters) bool {
	return bytes.Equal(p.sps, q.sps) && bytes.Equal(p.pps, q.pps)
}

// assembler makes pictures of packets that come in order (RFC 6184, packetization modes 0 and 1). A picture with a hole is
// dropped, and all that follow up to the next key frame, since they would show smears.
type assembler struct {
	emit func(frame, parameters)
	// broken is called when pictures are dropped until a key frame comes.
	broken func()

	current  frame
	open     bool // current holds something, or its hole
	hole     bool // a packet of current is missing
	waiting  bool // for a key frame
	fragment []byte
	params   parameters
}

func newAssembler(emit func(frame, parameters), broken func()) *assembler {
	return &assembler{emit: emit, broken: broken, waiting: true}
}

// push takes a packet. One without payload is a probe of the line.
func (a *assembler) push(p *packet) {
	if len(p.payload) == 0 {
		return
	}
	if a.open && p.timestamp != a.current.timestamp {
		a.finish() // its marker is missing; that alone is no hole
	}
	if !a.open {
		a.open = true
		a.current.timestamp, a.current.arrival = p.timestamp, p.arrival
	}
	a.payload(p.payload)
	if p.marker {
		a.finish()
	}
}

// gap says that packets will not come.
func (a *assembler) gap() {
	a.fragment = nil
	if !a.open { // the hole may be a whole picture, which others refer to
		a.wait()
		return
	}
	a.hole = true
	a.finish()
}

func (a *assembler) wait() {
	if !a.waiting {
		a.waiting = true
		a.broken()
	}
}

// finish ends the picture that is being put together.
func (a *assembler) finish() {
	f := a.current
	whole := !a.hole && a.fragment == nil
	a.current, a.open, a.hole, a.fragment = frame{}, false, false, nil
	switch {
	case !whole, a.waiting && !f.key, f.key && !a.params.complete():
		a.wait()
	case len(f.units) > 0:
		a.waiting = false
		a.emit(f, a.params)
	}
}

func (a *assembler) payload(b []byte) {
	switch kind := b[0] & 0x1f; {
	case kind >= 1 && kind <= 23:
		a.unit(b)
	case kind == nalSTAPA:
		for b = b[1:]; len(b) > 2; {
			n := int(b[0])<<8 | int(b[1])
			if n == 0 || n > len(b)-2 {
				a.hole = true
				return
			}
			a.unit(b[2 : 2+n])
			b = b[2+n:]
		}
	case kind == nalFUA:
		a.fragmented(b)
	default:
		a.hole = true // what nobody negotiated
	}
}

func (a *assembler) fragmented(b []byte) {
	if len(b) < 3 {
		a.hole = true
		return
	}
	const start, end = 0x80, 0x40
	if b[1]&start != 0 {
		a.fragment = append(make([]byte, 0, 4*len(b)), b[0]&0xe0|b[1]&0x1f)
	}
	if a.fragment == nil || len(a.fragment)+len(b) > maxFrame {
		a.hole = true
		return
	}
	a.fragment = append(a.fragment, b[2:]...)
	if b[1]&end != 0 {
		whole := a.fragment
		a.fragment = nil
		a.unit(whole)
	}
}

// unit takes a whole NAL unit.
func (a *assembler) unit(b []byte) {
	a.fragment = nil
	if a.current.size+len(b) > maxFrame || len(a.current.units) == maxUnits {
		a.hole = true
		return
	}
	switch b[0] & 0x1f {
	case nalSPS:
		if !bytes.Equal(a.params.sps, b) {
			a.params.sps = slices.Clone(b)
		}
	case nalPPS:
		if !bytes.Equal(a.params.pps, b) {
			a.params.pps = slices.Clone(b)
		}
	case nalAUD:
	case nalIDR:
		a.current.key = true
		fallthrough
	default:
		a.current.units = append(a.current.units, slices.Clone(b))
		a.current.size += len(b) + 4
	}
}

// avcc writes the picture as an MP4 sample: each unit behind its length (ISO/IEC 14496-15).
func (f *frame) avcc() []byte {
	b := make([]byte, 0, f.size)
	for _, u := range f.units {
		n := len(u)
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		b = append(b, u...)
	}
	return b
}

// annexB writes the picture as a stream that a decoder can begin with.
func (f *frame) annexB(p parameters) []byte {
	b := make([]byte, 0, f.size+len(p.sps)+len(p.pps)+8)
	for _, u := range append([][]byte{p.sps, p.pps}, f.units...) {
		b = append(append(b, 0, 0, 0, 1), u...)
	}
	return b
}
