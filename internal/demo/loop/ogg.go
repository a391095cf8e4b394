package loop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	maxOpusPackets = 50 * 60 // a minute of 20 ms packets
	maxOpusSize    = 1275    // bytes of a packet of one frame (RFC 6716 section 3.2.1)
	oggHeader      = 27      // bytes of a page header without its segment table (RFC 3533 section 6)
)

// readOggOpus returns the Opus packets of an Ogg stream (RFC 7845), without the two header packets. They are
// copies where a packet lies over pages and alias data elsewhere. Checksums are not looked at.
func readOggOpus(data []byte) ([][]byte, error) {
	var packets [][]byte
	var part []byte // of a packet that goes on
	headers := 0
	for len(data) > 0 {
		segments, body, rest, err := nextPage(data)
		if err != nil {
			return nil, err
		}
		data = rest
		size := 0
		for _, n := range segments {
			size += int(n)
			if n == 255 {
				continue // the packet goes on in the next segment
			}
			packet := append(part, body[:size]...)
			body, size, part = body[size:], 0, nil
			if headers++; headers <= 2 {
				if err := checkHeader(headers, packet); err != nil {
					return nil, err
				}
				continue
			}
			if len(packet) == 0 || len(packet) > maxOpusSize {
				return nil, fmt.Errorf("packet %d has %d bytes, not 1 to %d", len(packets), len(packet), maxOpusSize)
			}
			if len(packets) == maxOpusPackets {
				return nil, fmt.Errorf("more than %d packets", maxOpusPackets)
			}
			packets = append(packets, packet)
		}
		if len(part)+size > 64<<10 {
			return nil, errors.New("packet of more than 64 KiB")
		}
		part = append(part, body[:size]...)
	}
	if len(packets) == 0 {
		return nil, errors.New("stream has no packets")
	}
	return packets, nil
}

// nextPage takes a page off data.
func nextPage(data []byte) (segments, body, rest []byte, err error) {
	if len(data) < oggHeader || !bytes.HasPrefix(data, []byte("OggS")) || data[4] != 0 {
		return nil, nil, nil, errors.New("no Ogg page where one should begin")
	}
	n := int(data[26])
	if len(data) < oggHeader+n {
		return nil, nil, nil, errors.New("page ends in its segment table")
	}
	segments = data[oggHeader : oggHeader+n]
	size := 0
	for _, s := range segments {
		size += int(s)
	}
	data = data[oggHeader+n:]
	if len(data) < size {
		return nil, nil, nil, errors.New("page ends in its body")
	}
	return segments, data[:size:size], data[size:], nil
}

// checkHeader checks the identification header (RFC 7845 section 5.1) and knows the comment header by its name.
func checkHeader(number int, packet []byte) error {
	if number == 2 {
		if !bytes.HasPrefix(packet, []byte("OpusTags")) {
			return errors.New("second packet is no OpusTags")
		}
		return nil
	}
	if len(packet) < 19 || !bytes.HasPrefix(packet, []byte("OpusHead")) {
		return errors.New("first packet is no OpusHead")
	}
	if rate := binary.LittleEndian.Uint32(packet[12:]); rate != 48000 {
		return fmt.Errorf("input rate %d, not 48000", rate)
	}
	return nil
}
