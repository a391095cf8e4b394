package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/proscenium-live/proscenium/internal/hls"
)

// entry is a line of a recording's journal. One member is set, or Sealed and Variant.
type entry struct {
	Begun   *begunEntry  `json:"begun,omitempty"`
	Open    *openEntry   `json:"open,omitempty"`
	Sealed  *hls.Segment `json:"sealed,omitempty"`
	Variant *hls.Variant `json:"variant,omitempty"`
}

// begunEntry is what does not change.
type begunEntry struct {
	Metadata  hls.Metadata  `json:"metadata"`
	Target    time.Duration `json:"target"`
	Media     Media         `json:"media"`
	StartedAt time.Time     `json:"startedAt"`
}

// openEntry is the open segment as far as it is written; more in its file is half a chunk.
type openEntry struct {
	hls.Segment
	Size int `json:"size"`
}

// Truncater is a Files whose open file can be cut.
type Truncater interface {
	Files
	Truncate(key string, size int) error
}

// Recovered is what became of a recording that a crash had ended.
type Recovered struct {
	Metadata  hls.Metadata
	StartedAt time.Time
	Duration  time.Duration
}

// ErrNothing says that a journal has nothing to recover: no media was written.
var ErrNothing = errors.New("nothing was recorded")

// Recover finishes a recording that was not, from its journal: the open segment is cut where it is whole, and listed; the
// playlist and the JSON say the end. A last line that is not whole is left out.
func Recover(journal []byte, files Truncater, endedAt time.Time, message string) (Recovered, error) {
	var begun *begunEntry
	var open *openEntry
	var variant *hls.Variant
	playlist := hls.Playlist{Type: hls.VOD}
	for line := range bytes.Lines(journal) {
		var e entry
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &e) != nil {
			break
		}
		switch {
		case e.Begun != nil:
			begun, playlist.Target = e.Begun, e.Begun.Target
		case e.Open != nil:
			open = e.Open
		case e.Sealed != nil:
			playlist.Segments = append(playlist.Segments, *e.Sealed)
			variant, open = e.Variant, nil
		}
	}
	if begun == nil || open == nil && len(playlist.Segments) == 0 && begun.Media != Nothing {
		return Recovered{}, ErrNothing
	}
	if open != nil {
		if err := errors.Join(files.Truncate(below(open.URI), open.Size), files.Seal(below(open.URI), typeMP4)); err != nil {
			return Recovered{}, fmt.Errorf("recover segment %s: %w", open.URI, err)
		}
		playlist.Segments = append(playlist.Segments, open.Segment)
	}
	if variant == nil {
		variant = &hls.Variant{URI: path.Join(hls.Rendition, hls.PlaylistURI)}
	}
	err := finish(files, finishing{
		Playlist: &playlist, Variant: variant, Metadata: begun.Metadata, Media: begun.Media, StartedAt: begun.StartedAt, EndedAt: endedAt,
		Status: hls.EndedWithFailure, Message: message,
	})
	return Recovered{Metadata: begun.Metadata, StartedAt: begun.StartedAt, Duration: playlist.Duration()}, err
}

// finishing is what a recording's end is written from.
type finishing struct {
	Playlist           *hls.Playlist
	Variant            *hls.Variant
	Metadata           hls.Metadata
	Media              Media
	StartedAt, EndedAt time.Time
	Status             hls.Status
	Message            string
}

func finish(files Files, f finishing) error {
	if len(f.Playlist.Segments) > 0 {
		if err := files.Replace(below(hls.PlaylistURI), typeHLS, f.Playlist.Marshal()); err != nil {
			return err
		}
		if err := files.Replace(path.Join(hls.Folder, hls.MultivariantURI), typeHLS, hls.Multivariant(*f.Variant)); err != nil {
			return err
		}
	}
	m := f.Metadata
	m.Status, m.Message, m.StartedAt, m.EndedAt, m.Duration = f.Status, f.Message, f.StartedAt, f.EndedAt, f.Playlist.Duration()
	return files.Put(m.Status.File(), typeJSON, m.Marshal())
}
