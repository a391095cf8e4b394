package bwe

import (
	"encoding/binary"
	"time"
)

const (
	// deltaUnit is what the steps between arrivals are told in, referenceUnit what the first is.
	deltaUnit     = 250 * time.Microsecond
	referenceUnit = 64 * time.Millisecond
	// maxStatuses is how many packets one feedback may speak of and be read in full. A path at 100 Mbit/s sends
	// 1,200 packets in 100 ms; of a longer one the last are read, which are the ones that are remembered.
	maxStatuses = lastHistory
)

// feedback walks a transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
type feedback struct {
	first     uint16
	count     int
	reference uint32 // 24 bits
	chunks    []byte
	deltas    []byte // filled in by open
}

// status is what is said of one packet.
type status uint8

const (
	gone  status = iota // has not come
	small               // came, with a step of one byte
	large               // came, with a step of two bytes
)

// open reads the fixed part and checks that everything announced is there, in time linear in the length.
// received and lost count the packets.
func (f *feedback) open(fci []byte) (received, lost int, ok bool) {
	if len(fci) < 8 {
		return 0, 0, false
	}
	f.first, f.count = binary.BigEndian.Uint16(fci), int(binary.BigEndian.Uint16(fci[2:]))
	f.reference = binary.BigEndian.Uint32(fci[4:]) >> 8
	f.chunks = fci[8:]
	rest, steps := f.chunks, 0
	for left := f.count; left > 0; rest = rest[2:] {
		if len(rest) < 2 {
			return 0, 0, false
		}
		c := chunk(binary.BigEndian.Uint16(rest))
		if n, of := c.run(); n >= 0 {
			n = min(n, left)
			if n == 0 || of > large {
				return 0, 0, false
			}
			left -= n
			if of == gone {
				lost += n
			} else {
				received, steps = received+n, steps+n*int(of)
			}
			continue
		}
		n := min(c.symbols(), left)
		left -= n
		for i := range n {
			switch of := c.symbol(i); of {
			case gone:
				lost++
			case small, large:
				received, steps = received+1, steps+int(of)
			default:
				return 0, 0, false
			}
		}
	}
	f.deltas = rest
	return received, lost, steps <= len(rest)
}

// chunk is two bytes that tell of one or more packets.
type chunk uint16

// run returns the length of a run and what it says, or -1 if the chunk is a vector.
func (c chunk) run() (int, status) {
	if c>>15 != 0 {
		return -1, 0
	}
	return int(c & 0x1fff), status(c >> 13 & 3)
}

func (c chunk) symbols() int {
	if c>>14&1 == 1 {
		return 7
	}
	return 14
}

func (c chunk) symbol(i int) status {
	if c>>14&1 == 1 {
		return status(c >> (12 - 2*i) & 3)
	}
	return status(c >> (13 - i) & 1)
}

// each calls f for the packets in the order they were sent, with how long after the reference those came that have.
// open must have found the feedback sound. Of very long ones it leaves the first packets out.
func (f *feedback) each(call func(number uint16, came bool, after time.Duration)) {
	number, skip := f.first, f.count-maxStatuses
	chunks, deltas := f.chunks, f.deltas
	after := time.Duration(0)
	one := func(of status) {
		switch of {
		case small:
			after += time.Duration(deltas[0]) * deltaUnit
			deltas = deltas[1:]
		case large:
			after += time.Duration(int16(binary.BigEndian.Uint16(deltas))) * deltaUnit
			deltas = deltas[2:]
		}
		if skip--; skip < 0 {
			call(number, of != gone, after)
		}
		number++
	}
	for left := f.count; left > 0; chunks = chunks[2:] {
		c := chunk(binary.BigEndian.Uint16(chunks))
		n, of := c.run()
		if n < 0 {
			n = min(c.symbols(), left)
			for i := range n {
				one(c.symbol(i))
			}
			left -= n
			continue
		}
		n = min(n, left)
		left -= n
		if pass := min(n, skip); of == gone && pass > 0 { // 8191 packets that never came cost two bytes to claim
			number, skip, n = number+uint16(pass), skip-pass, n-pass
		}
		for range n {
			one(of)
		}
	}
}

// Count returns how many packets a transport-wide feedback speaks of, for who has no Path. It reports false if it makes
// no sense.
func Count(fci []byte) (Heard, bool) {
	var f feedback
	received, lost, ok := f.open(fci)
	return Heard{received, lost}, ok
}
