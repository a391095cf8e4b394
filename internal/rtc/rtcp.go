package rtc

import "encoding/binary"

// The RTCP packet types and formats in use (RFC 3550 section 12.1, RFC 4585 section 6.1, RFC 5104 section 4.2).
const (
	typeSR    = 200
	typeRR    = 201
	typeSDES  = 202
	typeBye   = 203
	typeRTPFB = 205
	typePSFB  = 206

	formatNack      = 1
	formatTransport = 15
	formatPLI       = 1
	formatFIR       = 4
	formatREMB      = 15
)

// rtcpPacket is one packet of a compound.
type rtcpPacket struct {
	kind   uint8
	format uint8 // or count
	body   []byte
}

// nextRTCP cuts the first packet off a compound. It reports false where the rest makes no sense.
func nextRTCP(data []byte) (p rtcpPacket, rest []byte, ok bool) {
	if len(data) < 4 || data[0]>>6 != 2 {
		return p, nil, false
	}
	n := 4 * (1 + int(binary.BigEndian.Uint16(data[2:])))
	if n > len(data) {
		return p, nil, false
	}
	p = rtcpPacket{kind: data[1], format: data[0] & 0x1f, body: data[4:n]}
	if data[0]&0x20 != 0 { // padding, at the end of the last packet only
		if n != len(data) || len(p.body) == 0 {
			return p, nil, false
		}
		padding := int(p.body[len(p.body)-1])
		// RFC 3550 wants a multiple of four; transport-wide feedback is padded with less.
		if padding == 0 || padding > len(p.body) {
			return p, nil, false
		}
		p.body = p.body[:len(p.body)-padding]
	}
	return p, data[n:], true
}

// reportBlock is one block of a sender or receiver report (RFC 3550 section 6.4.1).
type reportBlock struct {
	ssrc     uint32
	fraction uint8
	lost     int32
	highest  uint32
	jitter   uint32
	lastSR   uint32
	delay    uint32 // since lastSR, in 1/65536 s
}

// reportBlocks calls f for each block of the reports that follow a body's fixed part. It reports false if
// the count is a lie.
func reportBlocks(blocks []byte, count uint8, f func(reportBlock)) bool {
	if len(blocks) < 24*int(count) {
		return false
	}
	for range count {
		b := blocks[:24]
		blocks = blocks[24:]
		f(reportBlock{
			ssrc: binary.BigEndian.Uint32(b), fraction: b[4],
			lost:    int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8,
			highest: binary.BigEndian.Uint32(b[8:]), jitter: binary.BigEndian.Uint32(b[12:]),
			lastSR: binary.BigEndian.Uint32(b[16:]), delay: binary.BigEndian.Uint32(b[20:]),
		})
	}
	return true
}

// readNack appends the numbers of a generic NACK's entries to seqs, as far as its capacity goes
// (RFC 4585 section 6.2.1). It returns how many were asked for altogether.
func readNack(entries []byte, seqs []uint16) (taken []uint16, asked int) {
	for ; len(entries) >= 4; entries = entries[4:] {
		id, mask := binary.BigEndian.Uint16(entries), binary.BigEndian.Uint16(entries[2:])
		for i := range 17 {
			if i > 0 && mask>>(i-1)&1 == 0 {
				continue
			}
			if asked++; len(seqs) < cap(seqs) {
				seqs = append(seqs, id+uint16(i))
			}
		}
	}
	return seqs, asked
}

// readREMB returns the bitrate of a receiver's estimate in bits per second, clamped to what a link may
// honestly have (draft-alvestrand-rmcat-remb-03 section 2.2).
func readREMB(fci []byte) (uint64, bool) {
	if len(fci) < 8 || string(fci[:4]) != "REMB" {
		return 0, false
	}
	exponent, mantissa := fci[5]>>2, uint64(fci[5]&3)<<16|uint64(fci[6])<<8|uint64(fci[7])
	const most = 10_000_000_000
	if exponent > 40 {
		return most, true
	}
	return min(mantissa<<exponent, most), true
}

// putRTCP writes a packet's header before its body, which starts 4 bytes in.
func putRTCP(b []byte, kind, format uint8) []byte {
	b[0] = 0x80 | format
	b[1] = kind
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	return b
}

// appendPLI appends a picture loss indication (RFC 4585 section 6.3.1).
func appendPLI(b []byte, from, about uint32) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, from)
	b = binary.BigEndian.AppendUint32(b, about)
	putRTCP(b[start:], typePSFB, formatPLI)
	return b
}

// appendNack appends a generic NACK (RFC 4585 section 6.2.1) for numbers in any order.
func appendNack(b []byte, from, about uint32, seqs []uint16) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, from)
	b = binary.BigEndian.AppendUint32(b, about)
	for len(seqs) > 0 {
		id, mask := seqs[0], uint16(0)
		seqs = seqs[1:]
		for len(seqs) > 0 {
			d := seqs[0] - id - 1
			if d > 15 {
				break
			}
			mask |= 1 << d
			seqs = seqs[1:]
		}
		b = binary.BigEndian.AppendUint16(b, id)
		b = binary.BigEndian.AppendUint16(b, mask)
	}
	putRTCP(b[start:], typeRTPFB, formatNack)
	return b
}

// appendSR appends a sender report without blocks (RFC 3550 section 6.4.1).
func appendSR(b []byte, ssrc uint32, ntp uint64, rtp, packets, octets uint32) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp)
	b = binary.BigEndian.AppendUint32(b, rtp)
	b = binary.BigEndian.AppendUint32(b, packets)
	b = binary.BigEndian.AppendUint32(b, octets)
	putRTCP(b[start:], typeSR, 0)
	return b
}

// appendSDES appends a source description with the canonical name (RFC 3550 section 6.5).
func appendSDES(b []byte, ssrc uint32, cname string) []byte {
	start := len(b)
	cname = cname[:min(len(cname), 255)]
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, 1, uint8(len(cname)))
	b = append(b, cname...)
	b = append(b, 0)
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	putRTCP(b[start:], typeSDES, 1)
	return b
}

// appendRR appends a receiver report with the blocks (RFC 3550 section 6.4.2), at most 31.
func appendRR(b []byte, ssrc uint32, blocks []reportBlock) []byte {
	start := len(b)
	blocks = blocks[:min(len(blocks), 31)]
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	for _, r := range blocks {
		b = binary.BigEndian.AppendUint32(b, r.ssrc)
		b = binary.BigEndian.AppendUint32(b, uint32(r.fraction)<<24|uint32(r.lost)&0xffffff)
		b = binary.BigEndian.AppendUint32(b, r.highest)
		b = binary.BigEndian.AppendUint32(b, r.jitter)
		b = binary.BigEndian.AppendUint32(b, r.lastSR)
		b = binary.BigEndian.AppendUint32(b, r.delay)
	}
	putRTCP(b[start:], typeRR, uint8(len(blocks)))
	return b
}

// appendBye appends a goodbye of the sources (RFC 3550 section 6.6), at most 31.
func appendBye(b []byte, ssrcs ...uint32) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, s := range ssrcs {
		b = binary.BigEndian.AppendUint32(b, s)
	}
	putRTCP(b[start:], typeBye, uint8(len(ssrcs)))
	return b
}
