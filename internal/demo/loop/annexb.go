package loop

import (
	"bytes"
	"errors"
	"fmt"
)

// Bounds of what a loop may hold. The project's own stays far below; they keep a damaged file from taking memory.
const (
	maxUnits   = 30 * 60 // access units: a minute at 30 a second
	maxNALs    = 64      // NAL units of one access unit
	maxNALSize = 1 << 20 // bytes
)

// The NAL unit types that matter here (ITU-T H.264 table 7-1).
const (
	nalIDR       = 5
	nalDelimiter = 9
)

// unit is an access unit: the NAL units of one picture, without its delimiter.
type unit struct {
	nals [][]byte
	key  bool // starts with an IDR picture's parameter sets: decoding can begin here
}

// readAnnexB cuts a byte stream (ITU-T H.264 annex B) with access unit delimiters into access units. They alias
// data.
func readAnnexB(data []byte) ([]unit, error) {
	var units []unit
	for len(data) > 0 {
		nal, rest, err := nextNAL(data)
		if err != nil {
			return nil, err
		}
		data = rest
		kind := nal[0] & 0x1f
		if kind == nalDelimiter {
			if len(units) == maxUnits {
				return nil, fmt.Errorf("more than %d access units", maxUnits)
			}
			units = append(units, unit{})
			continue
		}
		if len(units) == 0 {
			return nil, errors.New("stream does not begin with an access unit delimiter")
		}
		u := &units[len(units)-1]
		if len(u.nals) == maxNALs {
			return nil, fmt.Errorf("more than %d NAL units in access unit %d", maxNALs, len(units)-1)
		}
		u.nals = append(u.nals, nal)
		u.key = u.key || kind == nalIDR
	}
	for i, u := range units {
		if len(u.nals) == 0 {
			return nil, fmt.Errorf("access unit %d is empty", i)
		}
	}
	if len(units) == 0 || !units[0].key {
		return nil, errors.New("stream does not begin with a key frame")
	}
	return units, nil
}

// nextNAL returns the NAL unit that data begins with, behind its start code, and what follows.
func nextNAL(data []byte) (nal, rest []byte, err error) {
	body := bytes.TrimLeft(data, "\x00")
	if len(data)-len(body) < 2 || len(body) == 0 || body[0] != 1 {
		return nil, nil, errors.New("no start code where a NAL unit should begin")
	}
	body = body[1:]
	end := bytes.Index(body, []byte{0, 0, 1})
	if end < 0 {
		end = len(body)
	}
	nal, rest = bytes.TrimRight(body[:end], "\x00"), body[end:]
	if len(nal) == 0 {
		return nil, nil, errors.New("empty NAL unit")
	}
	if len(nal) > maxNALSize {
		return nil, nil, fmt.Errorf("NAL unit of %d bytes, the limit is %d", len(nal), maxNALSize)
	}
	return nal, rest, nil
}
