package rtc

import "encoding/binary"

// DTLS 1.2 content types (RFC 5246 section 6.2.1).
const (
	recordCipherSpec = 20
	recordAlert      = 21
	recordHandshake  = 22
)

const (
	recordHead  = 13 // bytes (RFC 6347 section 4.1)
	messageHead = 12 // bytes (RFC 6347 section 4.2.2)
	// lastMessage is the number of a client's Finished: ClientHello, Certificate, ClientKeyExchange and
	// CertificateVerify precede it, as no cookie is asked for. What is beyond is no repeat.
	lastMessage = 4
)

// plausible tells whether the records of a datagram are such as an honest client sends at this point. Those that are
// not encrypted anybody may forge who knows the addresses, and pion answers some with a fatal alert that ends the
// session: data in the clear, or a cipher change that it cannot read. RFC 6347 section 4.1.2.7 has them discarded.
// Once connected, only repeats of the handshake may come in the clear.
func plausible(data []byte, connected bool) bool {
	if len(data) == 0 {
		return false
	}
	for len(data) > 0 {
		if len(data) < recordHead {
			return false
		}
		kind, epoch, n := data[0], binary.BigEndian.Uint16(data[3:]), int(binary.BigEndian.Uint16(data[11:]))
		data = data[recordHead:]
		if n > len(data) {
			return false
		}
		if epoch == 0 && !plausibleClear(kind, data[:n], connected) {
			return false
		}
		data = data[n:]
	}
	return true
}

func plausibleClear(kind uint8, body []byte, connected bool) bool {
	switch kind {
	case recordCipherSpec:
		return len(body) == 1 && body[0] == 1
	case recordAlert:
		return len(body) == 2 && !connected
	case recordHandshake:
		return !connected || repeats(body)
	}
	return false
}

// repeats tells whether a record holds nothing but messages of the handshake that is over.
func repeats(body []byte) bool {
	for len(body) > 0 {
		if len(body) < messageHead || binary.BigEndian.Uint16(body[4:]) > lastMessage {
			return false
		}
		n := int(body[9])<<16 | int(body[10])<<8 | int(body[11]) // of the fragment
		if n > len(body)-messageHead {
			return false
		}
		body = body[messageHead+n:]
	}
	return true
}
