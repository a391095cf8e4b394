package codec

import "time"

// maxOpus is the longest that one packet may last (RFC 6716 section 3.2.5, R5).
const maxOpus = 120 * time.Millisecond

// Opus is what an Opus packet (RFC 6716 section 3) says of itself.
type Opus struct {
	Duration time.Duration // 0 if malformed
	DTX      bool          // nothing but a table of contents: the sender is silent
}

// ParseOpus reads the table of contents.
func ParseOpus(payload []byte) Opus {
	if len(payload) == 0 {
		return Opus{}
	}
	frames := 2
	switch payload[0] & 3 {
	case 0:
		frames = 1
	case 3:
		if len(payload) < 2 {
			return Opus{}
		}
		frames = int(payload[1] & 0x3f)
	}
	d := time.Duration(frames) * opusFrame(payload[0]>>3)
	if d > maxOpus {
		return Opus{}
	}
	return Opus{Duration: d, DTX: len(payload) <= 2}
}

// opusFrame returns the length of a frame of the configuration (RFC 6716 table 2).
func opusFrame(config byte) time.Duration {
	silk := [4]time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}
	switch {
	case config < 12:
		return silk[config&3]
	case config < 16: // hybrid
		return silk[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		return 2500 * time.Microsecond << (config & 3)
	}
}
