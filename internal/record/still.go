package record

import (
	"context"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/hls"
	"github.com/proscenium-live/proscenium/internal/media"
)

// stillTime is how long a thumbnail may take to be made.
const stillTime = 10 * time.Second

// stills makes thumbnails, one at a time.
type stills struct {
	r      *Recording
	due    media.Time
	number int // of the last one written
	asked  bool
	busy   bool
	made   chan []byte // holds one: nil for one that failed
	work   sync.WaitGroup
}

func (s *stills) init(r *Recording) { s.r, s.made = r, make(chan []byte, 1) }

// look asks for a key frame when one is due, and writes what was made.
func (s *stills) look(now media.Time) error {
	select {
	case jpeg := <-s.made:
		s.busy = false
		if err := s.write(jpeg); err != nil {
			return err
		}
	default:
	}
	if s.r.o.Still != nil && !s.busy && !s.asked && now >= s.due {
		s.asked = true
		s.r.o.WantKey()
	}
	return nil
}

// still takes a key frame, of which a thumbnail is made if one is due.
func (r *Recording) still(f *frame, p parameters) {
	s, now := &r.stills, r.o.Now()
	if r.o.Still == nil || s.busy || now < s.due {
		return
	}
	s.busy, s.asked, s.due = true, false, now+r.o.Every
	picture := f.annexB(p)
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stillTime)
		defer cancel()
		jpeg, err := r.o.Still(ctx, picture)
		if err != nil {
			r.o.Log.Warn("thumbnail not made", "participant_id", r.o.Metadata.ParticipantID, "error", err)
			jpeg = nil
		}
		s.made <- jpeg
	})
}

func (s *stills) write(jpeg []byte) error {
	if jpeg == nil {
		return nil
	}
	if err := s.r.begin(); err != nil {
		return err
	}
	if s.r.o.Metadata.Thumbnails {
		s.number++
		key := path.Join(hls.ThumbnailFolder, hls.Rendition, fmt.Sprintf("%d.jpg", s.number))
		if err := s.r.o.Files.Put(key, typeJPEG, jpeg); err != nil {
			return err
		}
	}
	if s.r.o.Metadata.Latest {
		return s.r.o.Files.Replace(path.Join(hls.LatestFolder, hls.Rendition, hls.LatestURI), typeJPEG, jpeg)
	}
	return nil
}

// wait lets what is being made be made. What comes of it is written by the next look, or not at all.
func (s *stills) wait() { s.work.Wait() }
