package ring

import (
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
)

// Packet is a packet in a ring. Its fields may be read, and must not be written, between At and Release.
type Packet struct {
	guard atomic.Int32 // readers inside; far below 0 while the writer is

	Level    uint8 // RFC 6464
	HasLevel bool
	Marker   bool
	Key      bool // a key frame starts here

	Timestamp uint32
	Seq       media.Seq
	Position  uint64 // in the order of arrival
	Arrival   media.Time
	Payload   []byte // empty for a bandwidth probe

	room []byte
}

// writing is added to the guard while the writer is inside: more than there can be readers.
const writing = -1 << 30

// Release ends the use of a packet that At returned.
func (p *Packet) Release() { p.guard.Add(-1) }

func (p *Packet) enter() bool {
	if p.guard.Add(1) > 0 {
		return true
	}
	p.guard.Add(-1)
	return false
}

func (p *Packet) claim() bool { return p.guard.CompareAndSwap(0, writing) }

func (p *Packet) unclaim() { p.guard.Add(-writing) }

func (p *Packet) fill(seq media.Seq, position uint64, from *media.Packet, key bool) {
	p.Seq, p.Position, p.Key = seq, position, key
	p.Timestamp, p.Marker, p.Arrival = from.Timestamp, from.Marker, from.Arrival
	p.Level, p.HasLevel = from.Level, from.HasLevel
	p.Payload = p.room[:copy(p.room, from.Payload)]
}
