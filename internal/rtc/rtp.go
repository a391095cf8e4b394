package rtc

import "encoding/binary"

// header is what the server reads of an RTP header (RFC 3550 section 5.1, RFC 8285).
type header struct {
	payloadType uint8
	marker      bool
	seq         uint16
	timestamp   uint32
	ssrc        uint32
	offset      int // of the payload
	padding     bool

	transport    uint16 // transport-wide sequence number
	hasTransport bool
	level        uint8
	hasLevel     bool
	mid          []byte // aliases the packet, as do the rids
	rid          []byte // of the layer
	repairedRID  []byte // of the layer that a retransmission repeats
}

// extensionIDs are the negotiated numbers of header extensions; 0 is none.
type extensionIDs struct {
	mid, transport, level, rid, repairedRID uint8
}

// parseHeader reads a header. It reports false if a length in it goes beyond the packet.
func parseHeader(data []byte, ids extensionIDs, h *header) bool {
	if len(data) < 12 || data[0]>>6 != 2 {
		return false
	}
	*h = header{
		payloadType: data[1] & 0x7f, marker: data[1]&0x80 != 0, padding: data[0]&0x20 != 0,
		seq:       binary.BigEndian.Uint16(data[2:]),
		timestamp: binary.BigEndian.Uint32(data[4:]),
		ssrc:      binary.BigEndian.Uint32(data[8:]),
		offset:    12 + 4*int(data[0]&0x0f),
	}
	if data[0]&0x10 == 0 {
		return h.offset <= len(data)
	}
	if h.offset+4 > len(data) {
		return false
	}
	profile := binary.BigEndian.Uint16(data[h.offset:])
	size := 4 * int(binary.BigEndian.Uint16(data[h.offset+2:]))
	start := h.offset + 4
	if h.offset = start + size; h.offset > len(data) {
		return false
	}
	switch block := data[start:h.offset]; {
	case profile == 0xbede:
		return h.oneByte(block, ids)
	case profile&0xfff0 == 0x1000:
		return h.twoByte(block, ids)
	}
	return true // some other extension, which is to be ignored
}

// oneByte reads RFC 8285 section 4.2.
func (h *header) oneByte(block []byte, ids extensionIDs) bool {
	for i := 0; i < len(block); {
		id, n := block[i]>>4, int(block[i]&0x0f)+1
		switch {
		case block[i] == 0: // padding
			i++
			continue
		case id == 15: // stop
			return true
		case i+1+n > len(block):
			return false
		}
		h.extension(id, block[i+1:i+1+n], ids)
		i += 1 + n
	}
	return true
}

// twoByte reads RFC 8285 section 4.3.
func (h *header) twoByte(block []byte, ids extensionIDs) bool {
	for i := 0; i < len(block); {
		if block[i] == 0 {
			i++
			continue
		}
		if i+2 > len(block) {
			return false
		}
		n := int(block[i+1])
		if i+2+n > len(block) {
			return false
		}
		h.extension(block[i], block[i+2:i+2+n], ids)
		i += 2 + n
	}
	return true
}

func (h *header) extension(id uint8, value []byte, ids extensionIDs) {
	switch {
	case id == 0:
	case id == ids.transport && len(value) >= 2:
		h.transport, h.hasTransport = binary.BigEndian.Uint16(value), true
	case id == ids.level && len(value) >= 1:
		h.level, h.hasLevel = value[0]&0x7f, true
	case id == ids.mid:
		h.mid = value
	case id == ids.rid:
		h.rid = value
	case id == ids.repairedRID:
		h.repairedRID = value
	}
}

// payload returns the payload without padding. It reports false if the padding is longer than the payload
// (CVE-2025-49140) or zero.
func (h *header) payload(data []byte) ([]byte, bool) {
	body := data[h.offset:]
	if !h.padding {
		return body, true
	}
	if len(body) == 0 {
		return nil, false
	}
	n := int(body[len(body)-1])
	if n == 0 || n > len(body) {
		return nil, false
	}
	return body[:len(body)-n], true
}
