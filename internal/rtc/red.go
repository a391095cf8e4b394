package rtc

import "github.com/proscenium-live/proscenium/internal/media/codec"

// redundant is how a publisher's sound comes in redundant blocks (RFC 2198).
type redundant struct {
	payloadType uint8  // 0 if that was not negotiated
	room        []byte // for what comes plain all the same
}

func (r *redundant) is(payloadType uint8) bool {
	return r.payloadType != 0 && r.payloadType == payloadType
}

// redundancy returns what to send of a payload of redundant sound, and as which payload type; 0 is plain Opus. The blocks
// of the payload have the publisher's number for Opus: it is passed on untouched to a viewer that takes it and has
// the same number, others get the newest block alone.
func (l *Local) redundancy(blocks uint8, payload []byte) (payloadType uint8, send []byte) {
	if l.red != 0 && l.main.payloadType == blocks {
		return l.red, payload
	}
	return 0, codec.PrimaryOfRED(payload)
}
