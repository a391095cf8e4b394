package record

import (
	"fmt"
	"path"
	"time"

	"github.com/proscenium-live/proscenium/internal/hls"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

// variant gathers what the multivariant playlist says, as it becomes known: the largest picture, the highest bitrate of a
// segment, the codecs of the first part that has them.
type variant struct {
	width, height int
	avc, sound    string
	peak          float64 // bits per second
	bytes         int64
	all           time.Duration
	frames        int
	shown         time.Duration
}

// see takes the start of a part.
func (v *variant) see(p *part) {
	if p.opus {
		v.sound = "opus"
	} else {
		v.sound = "mp4a.40.2"
	}
	if !p.video {
		return
	}
	if size, ok := codec.ParseSPS(p.params.sps); ok && int(size.Width)*int(size.Height) > v.width*v.height {
		v.width, v.height = int(size.Width), int(size.Height)
		v.avc = fmt.Sprintf("avc1.%02x%02x%02x", p.params.sps[1], p.params.sps[2], p.params.sps[3])
	}
}

// add takes a chunk of the open segment.
func (v *variant) add(pictures, bytes int, length time.Duration, s *openSegment) {
	v.bytes += int64(bytes)
	v.all += length
	if pictures > 1 {
		v.frames += pictures
		v.shown += length
	}
	if s.Duration > 0 {
		v.peak = max(v.peak, float64(s.size)*8/max(s.Duration, time.Second).Seconds())
	}
}

func (v *variant) final() *hls.Variant {
	out := &hls.Variant{URI: path.Join(hls.Rendition, hls.PlaylistURI), Bandwidth: int(v.peak), Width: v.width, Height: v.height}
	if v.all > 0 {
		out.Average = int(float64(v.bytes) * 8 / v.all.Seconds())
	}
	if v.shown > 0 {
		out.FrameRate = float64(v.frames) / v.shown.Seconds()
	}
	for _, c := range []string{v.avc, v.sound} {
		if c != "" {
			out.Codecs = append(out.Codecs, c)
		}
	}
	return out
}
