package sfu

import (
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/media/ring"
)

// maxLead is how many packets of a key frame are looked back over for its first: parameter sets and the like
// come before the picture, in packets of their own or not.
const maxLead = 32

// keyFrame finds where key frames start, in packets that may come in any order. It belongs to one goroutine.
type keyFrame struct {
	start media.Seq // of the newest key frame whose start is known

	open       bool // a key frame is coming in whose start is not known
	timestamp  uint32
	at         media.Seq // a packet of it that says so
	whole      bool      // ... before which a decoder needs nothing
	parameters bool      // the track has such packets: its parameter sets are in band, or it needs none
}

// came takes a packet that is in the ring now, and says whether a new key frame's start is known with it.
func (k *keyFrame) came(r *ring.Ring, seq media.Seq, p *media.Packet, says codec.Description) bool {
	if says.Key && (!k.open || p.Timestamp != k.timestamp || says.Whole) {
		k.open, k.timestamp, k.at, k.whole = true, p.Timestamp, seq, says.Whole
		k.parameters = k.parameters || k.whole
	}
	if !k.open || p.Timestamp != k.timestamp {
		return false
	}
	start, known := k.first(r)
	if !known {
		return false
	}
	k.open = false
	isNew := start > k.start
	k.start = max(k.start, start)
	return isNew
}

// first returns the first packet of the open key frame. It is known if the packet before it is there and of
// another frame, or if the parameter set is found: a decoder needs nothing from before that.
func (k *keyFrame) first(r *ring.Ring) (media.Seq, bool) {
	seq := k.at
	for range maxLead {
		before := r.At(seq - 1)
		if before == nil {
			return seq, k.whole || !k.parameters
		}
		other := before.Timestamp != k.timestamp
		before.Release()
		if other {
			return seq, true
		}
		seq--
	}
	return seq, k.whole
}
