package media

// Seq is a sequence number widened beyond its 16 bits on the wire, so that it never wraps: its low 16 bits are
// the number on the wire. Numbers in use are above 0; 0 means none.
type Seq int64

// FirstSeq widens the first number of a flow. It leaves room below for packets that were overtaken.
func FirstSeq(wire uint16) Seq { return 1<<16 + Seq(wire) }

// Wire returns the number as it is on the wire.
func (s Seq) Wire() uint16 { return uint16(s) }

// Near returns the widened form of wire that lies closest to s; of two equally close ones the earlier.
func (s Seq) Near(wire uint16) Seq { return s + Seq(int16(wire-uint16(s))) }

// After returns the first widened form of wire that lies above s.
func (s Seq) After(wire uint16) Seq { return s + 1 + Seq(wire-uint16(s+1)) }
