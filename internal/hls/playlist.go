package hls

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Playlist is a media playlist of fragmented MP4.
type Playlist struct {
	Type     Type
	Target   time.Duration // the least that EXT-X-TARGETDURATION says; longer segments raise it
	Segments []Segment
}

// Duration is the sum of all segments. The gaps between parts do not count.
func (p *Playlist) Duration() time.Duration {
	var sum time.Duration
	for _, s := range p.Segments {
		sum += s.Duration
	}
	return sum
}

// Marshal writes the playlist. Its target duration is the longest segment, rounded up, and no less than Target (RFC 8216
// section 4.3.3.1).
func (p *Playlist) Marshal() []byte {
	longest := p.Target
	for _, s := range p.Segments {
		longest = max(longest, s.Duration)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-PLAYLIST-TYPE:%s\n",
		int(math.Ceil(longest.Seconds())), p.Type)
	for i, s := range p.Segments {
		anew := i == 0 || s.Discontinuity
		if s.Discontinuity && i > 0 {
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		if anew || s.Init != p.Segments[i-1].Init {
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q\n", s.Init)
		}
		if anew {
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", s.Wall.UTC().Format(clock))
		}
		fmt.Fprintf(&b, "#EXTINF:%.5f,\n%s\n", s.Duration.Seconds(), s.URI)
	}
	if p.Type == VOD {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return b.Bytes()
}

// What ParsePlaylist takes at most.
const (
	maxPlaylist = 16 << 20 // bytes
	maxLine     = 4096
)

// ParsePlaylist reads a media playlist as Marshal writes it. Tags that it does not know are skipped. URIs must be plain names
// of files beside the playlist: nothing of a bucket can make a reader look elsewhere.
func ParsePlaylist(data []byte) (*Playlist, error) {
	if len(data) > maxPlaylist {
		return nil, fmt.Errorf("the playlist is %d bytes long, the limit is %d", len(data), maxPlaylist)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	r := reader{p: &Playlist{Type: Event}}
	if !lines.Scan() || lines.Text() != "#EXTM3U" {
		return nil, errors.New("it does not begin with #EXTM3U")
	}
	for n := 2; lines.Scan(); n++ {
		if err := r.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return r.p, lines.Err()
}

// reader is a playlist half read.
type reader struct {
	p        *Playlist
	next     Segment
	duration bool // of next is known
}

func (r *reader) line(text string) (err error) {
	tag, value, _ := strings.Cut(text, ":")
	switch {
	case text == "":
	case tag == "#EXT-X-TARGETDURATION":
		r.p.Target, err = seconds(value)
	case tag == "#EXT-X-PLAYLIST-TYPE":
		if r.p.Type = Type(value); r.p.Type != Event && r.p.Type != VOD {
			return fmt.Errorf("the playlist's type is %q", value)
		}
	case tag == "#EXT-X-DISCONTINUITY":
		r.next.Discontinuity = true
	case tag == "#EXT-X-PROGRAM-DATE-TIME":
		r.next.Wall, err = time.Parse(time.RFC3339Nano, value)
	case tag == "#EXT-X-MAP":
		uri, quoted := strings.CutPrefix(value, `URI="`)
		uri, _, ended := strings.Cut(uri, `"`)
		if !quoted || !ended || !isName(uri) {
			return errors.New("the initialization section has no plain name")
		}
		r.next.Init = uri
	case tag == "#EXTINF":
		value, _, _ = strings.Cut(value, ",")
		r.next.Duration, err = seconds(value)
		r.duration = true
	case strings.HasPrefix(text, "#"):
	default:
		return r.segment(text)
	}
	return err
}

func (r *reader) segment(uri string) error {
	if !isName(uri) || !r.duration || r.next.Init == "" {
		return fmt.Errorf("the segment %.40q has no plain name, no duration or no initialization section", uri)
	}
	r.next.URI = uri
	r.p.Segments = append(r.p.Segments, r.next)
	r.next, r.duration = Segment{Init: r.next.Init}, false
	return nil
}

// isName reports whether a URI is the name of a file beside the playlist.
func isName(uri string) bool {
	if uri == "" || uri == "." || uri == ".." || len(uri) > 255 {
		return false
	}
	for _, c := range []byte(uri) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			continue
		}
		return false
	}
	return true
}

// seconds reads a decimal number of seconds, up to a day.
func seconds(text string) (time.Duration, error) {
	const day = 24 * 60 * 60
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= day) {
		return 0, fmt.Errorf("%.20q is no duration", text)
	}
	return time.Duration(math.Round(v * float64(time.Second))), nil
}
