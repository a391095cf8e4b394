package sdp

import (
	"bytes"

	"github.com/proscenium-live/proscenium/internal/live"
)

// MaxOffer is the largest offer in bytes (media-features.md 6.3).
const MaxOffer = 256 << 10

// The caps on what an offer may hold. A browser's largest honest offer (50 sections aside) stays far below;
// beyond them parsing would cost more than a session is worth.
const (
	maxLines      = 4096
	maxLine       = 4096 // bytes
	maxMedias     = 32
	maxCandidates = 256
	maxSSRCs      = 64 // per section
	maxSSRCLines  = 512
	maxGroups     = 64 // per section
	maxRIDs       = 8  // per section
	maxCodecs     = 128
	maxExtensions = 64 // per section
	maxFeedback   = 1024
	maxPrints     = 8
	maxMID        = 32 // bytes
	maxText       = 256
)

func refuse(format string, args ...any) error {
	return live.Refuse(live.Invalid, live.InvalidOffer, format, args...)
}

// check counts lines before anything is built from them: time is linear in the size and nothing is allocated.
func check(raw []byte, limit int) error {
	if len(raw) > limit {
		return live.Refuse(live.Invalid, live.BodyTooLarge, "the SDP has %d bytes, the limit is %d", len(raw), limit)
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return refuse("the SDP holds a NUL byte")
	}
	caps := []struct {
		prefix string
		name   string
		n, max int
	}{
		{"m=", "media sections", 0, maxMedias},
		{"a=candidate:", "candidates", 0, maxCandidates},
		{"a=ssrc:", "ssrc attributes", 0, maxSSRCLines},
		{"a=ssrc-group:", "ssrc groups", 0, maxMedias * maxGroups},
		{"a=rid:", "rids", 0, maxMedias * maxRIDs},
		{"a=rtpmap:", "rtpmaps", 0, maxMedias * maxCodecs},
		{"a=rtcp-fb:", "rtcp-fb attributes", 0, maxFeedback},
		{"a=extmap:", "extmaps", 0, maxMedias * maxExtensions},
	}
	lines := 0
	for rest := raw; len(rest) > 0; {
		var line []byte
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			line, rest = rest, nil
		}
		if lines++; lines > maxLines {
			return refuse("the SDP has more than %d lines", maxLines)
		}
		if len(line) > maxLine {
			return refuse("line %d of the SDP has %d bytes, the limit is %d", lines, len(line), maxLine)
		}
		for i := range caps {
			c := &caps[i]
			if len(line) < len(c.prefix) || string(line[:len(c.prefix)]) != c.prefix {
				continue
			}
			if c.n++; c.n > c.max {
				return refuse("the SDP has more than %d %s", c.max, c.name)
			}
			break
		}
	}
	return nil
}
