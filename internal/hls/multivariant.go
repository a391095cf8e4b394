package hls

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// Variant is the one rendition of a multivariant playlist.
type Variant struct {
	URI       string
	Bandwidth int      // the peak, bits per second (RFC 8216 section 4.3.4.2)
	Average   int      // bits per second; 0 leaves it out
	Width     int      // pixels; 0 for sound alone
	Height    int      // pixels
	FrameRate float64  // 0 leaves it out
	Codecs    []string // as in RFC 6381: "avc1.42e01f", "mp4a.40.2"
}

// Multivariant writes a multivariant playlist of one variant. Each segment begins with a key frame, which it says.
func Multivariant(v Variant) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=%d", max(v.Bandwidth, 1))
	if v.Average > 0 {
		fmt.Fprintf(&b, ",AVERAGE-BANDWIDTH=%d", v.Average)
	}
	if v.Width > 0 && v.Height > 0 {
		fmt.Fprintf(&b, ",RESOLUTION=%dx%d", v.Width, v.Height)
	}
	if len(v.Codecs) > 0 {
		fmt.Fprintf(&b, ",CODECS=%q", strings.Join(v.Codecs, ","))
	}
	if v.FrameRate > 0 {
		fmt.Fprintf(&b, ",FRAME-RATE=%.3f", math.Round(v.FrameRate*1000)/1000)
	}
	fmt.Fprintf(&b, "\n%s\n", v.URI)
	return b.Bytes()
}
