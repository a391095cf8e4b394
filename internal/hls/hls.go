// Package hls writes what makes a recording more than a heap of segments: playlists and the JSON files beside them, as
// bytes.
//
// The forms are those of Amazon IVS (media-features 1.4 and 1.5 in the project's specification) within the rules of HTTP Live
// Streaming (RFC 8216). Everything is a pure function: no file, no clock and no goroutine is here. Segments
// themselves are made by record, with mediacommon's fmp4.
package hls

import "time"

// The names of files below a recording's prefix.
const (
	Folder          = "media/hls"
	MultivariantURI = "multivariant.m3u8"
	PlaylistURI     = "playlist.m3u8"
	Rendition       = "high" // the one folder of an individual recording
)

// clock is how EXT-X-PROGRAM-DATE-TIME is written: UTC with milliseconds (RFC 8216 section 4.3.2.6).
const clock = "2006-01-02T15:04:05.000Z"

// Type says whether a playlist may still grow (RFC 8216 section 4.3.3.5).
type Type string

// The types.
const (
	Event Type = "EVENT" // segments are added at its end
	VOD   Type = "VOD"   // it changes no more
)

// Segment is one media file of a playlist.
type Segment struct {
	URI      string
	Duration time.Duration
	// Init is the URI of the initialization section. It is told where it differs from the segment before.
	Init string
	// Discontinuity says that the timeline, the encoding or the clock begins anew here.
	Discontinuity bool
	// Wall is the moment at which the segment begins, on the clock of all recordings. It is told of the first segment and
	// after each discontinuity.
	Wall time.Time
}
