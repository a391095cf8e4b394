// Package ring remembers the last packets of a flow, so that each is kept once however many receive it.
//
// One goroutine writes, any number read. A slot is guarded by a count of the readers inside it: a reader enters
// with one atomic addition and reads or encrypts the payload where it lies; the writer takes a slot only when
// nobody is inside and otherwise drops the packet and says so, so no reader can make it wait. As a slot is
// written again only after a whole turn of the ring, that happens to a reader that is a second late and to
// nobody else. The memory is claimed once by New and used again for ever.
//
// The package starts no goroutine. What a payload means, and what to do about a packet that is missing, is
// deliberately not here.
package ring

import (
	"math/bits"
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
)

// The sizes of a ring in packets. A slot takes media.MaxPacket bytes and about a hundred for its header.
const (
	// VideoSlots is 1.6 MB: 6 seconds at 1.5 Mbit/s, 1 second at 9 Mbit/s.
	VideoSlots = 1024
	// AudioSlots is 0.2 MB: 2.5 seconds of packets of 20 ms.
	AudioSlots = 128
)

// Result says what Put made of a packet.
type Result uint8

// The results of Put.
const (
	Stored    Result = iota
	Duplicate        // the number is in the ring already
	Late             // older than all the ring remembers
	Busy             // a reader was a whole turn late and is still inside the slot
	TooBig           // the payload exceeds media.MaxPacket
)

// Ring holds the last packets of one flow. Put may be called by one goroutine at a time, everything else by any.
type Ring struct {
	slots []Packet
	log   []atomic.Int64 // numbers in the order of arrival
	mask  uint64
	head  atomic.Int64  // the highest number stored, 0 before the first
	tail  atomic.Uint64 // packets stored so far: the log's next position
}

// New returns a ring of at least slots packets; the number is rounded up to a power of two.
func New(slots int) *Ring {
	n := 1 << bits.Len(uint(max(slots, 2)-1))
	r := &Ring{slots: make([]Packet, n), log: make([]atomic.Int64, n), mask: uint64(n - 1)}
	slab := make([]byte, n*media.MaxPacket)
	for i := range r.slots {
		r.slots[i].room = slab[i*media.MaxPacket : (i+1)*media.MaxPacket : (i+1)*media.MaxPacket]
	}
	return r
}

// Len returns how many packets the ring can hold.
func (r *Ring) Len() int { return len(r.slots) }

// Head returns the highest number stored, 0 before the first.
func (r *Ring) Head() media.Seq { return media.Seq(r.head.Load()) }

// Tail returns how many packets were stored so far: the position that the next one gets.
func (r *Ring) Tail() uint64 { return r.tail.Load() }

// Has says whether the packet seq is there; of use to the writer only, to whom it stays true.
func (r *Ring) Has(seq media.Seq) bool {
	return r.remembers(seq, r.Head()) && r.slot(seq).Seq == seq
}

// Put copies the packet in as number seq, which must be above 0. key marks the start of a key frame.
func (r *Ring) Put(seq media.Seq, p *media.Packet, key bool) Result {
	head := r.Head()
	if head != 0 && seq <= head-media.Seq(len(r.slots)) {
		return Late
	}
	s := r.slot(seq)
	if s.Seq == seq {
		return Duplicate
	}
	if len(p.Payload) > len(s.room) {
		return TooBig
	}
	if !s.claim() {
		return Busy
	}
	tail := r.tail.Load()
	s.fill(seq, tail, p, key)
	s.unclaim()
	if seq > head {
		r.head.Store(int64(seq))
	}
	r.log[tail&r.mask].Store(int64(seq))
	r.tail.Store(tail + 1)
	return Stored
}

// At returns the packet seq, nil if the ring does not hold it. The caller must Release it, and soon: at the
// latest when the packet has been sent.
func (r *Ring) At(seq media.Seq) *Packet {
	if !r.remembers(seq, r.Head()) {
		return nil
	}
	s := r.slot(seq)
	if !s.enter() {
		return nil
	}
	if s.Seq != seq {
		s.Release()
		return nil
	}
	return s
}

// Since writes to dst the numbers that arrived from position on, in the order of arrival, and returns how many.
// It reports false if the ring has gone round since position, so that some are forgotten; the reader has then
// lost its place and may go on at Tail.
func (r *Ring) Since(position uint64, dst []media.Seq) (int, bool) {
	n := int(min(r.tail.Load()-position, uint64(len(dst))))
	for i := range n {
		dst[i] = media.Seq(r.log[(position+uint64(i))&r.mask].Load())
	}
	// Looked at afterwards: the writer may have come round while we read. One place is kept free for
	// the entry that it may be writing now.
	return n, r.tail.Load()-position < uint64(len(r.slots))
}

func (r *Ring) slot(seq media.Seq) *Packet { return &r.slots[uint64(seq)&r.mask] }

func (r *Ring) remembers(seq, head media.Seq) bool {
	return seq > 0 && seq <= head && seq > head-media.Seq(len(r.slots))
}
