package codec

import "encoding/binary"

// maxBlocks bounds the blocks of one packet of redundant sound; real ones have two or three.
const maxBlocks = 32

// PrimaryOfRED returns the newest block of a payload of redundant audio data (RFC 2198 section 3), aliasing it; nil
// if the payload is malformed.
func PrimaryOfRED(payload []byte) []byte {
	const (
		more      = 0x80 // F: another block header follows
		blockHead = 4    // F, type, 14 bits of time offset, 10 bits of length
	)
	at, older := 0, 0
	for range maxBlocks {
		if at >= len(payload) {
			return nil
		}
		if payload[at]&more == 0 {
			at++
			if older > len(payload)-at {
				return nil
			}
			return payload[at+older:]
		}
		if at+blockHead > len(payload) {
			return nil
		}
		older += int(binary.BigEndian.Uint16(payload[at+2:]) & 0x3ff)
		at += blockHead
	}
	return nil
}

// WrapRED writes a payload to dst as redundant audio data of one block, whose payload type is given, and returns it. It
// is nil if dst has no room.
func WrapRED(dst []byte, payloadType uint8, payload []byte) []byte {
	if len(dst) < 1+len(payload) {
		return nil
	}
	dst[0] = payloadType & 0x7f
	return dst[:1+copy(dst[1:], payload)]
}
