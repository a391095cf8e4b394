// Package record keeps a participant's media: what a publisher sends becomes HLS with fragmented MP4, without a new
// encoding of the picture.
//
// A Recording gives out Sinks, which the forwarder writes to like to any viewer's. Each copies into a bounded inbox and returns; live
// comes first. Run brings the packets into order, waits a second for those that are missing, makes pictures of them, gives the
// sound to its encoder, and writes a fragment each second: a crash costs no more than that and what waits. A picture with a hole is
// dropped, and those that follow, up to the next key frame, which is asked for. Segments begin at key frames. What was captured
// when follows from the sender's reports, so that sound and picture keep together, on the clock that all recordings share.
//
// Run owns all goroutines. Files, the port to where it is written, makes each step durable; Recover finishes from the journal what a
// crash has cut off.
//
// Deliberately not here: when to record whom (host, control), the way to the bucket and its retries, codecs (av).
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/av"
	"github.com/proscenium-live/proscenium/internal/hls"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// Files keeps what a recording writes, by keys below its prefix. Each method returns once what it was given survives a crash of
// this machine; it reaches the bucket later, in the order of the calls. The methods are called by one goroutine.
type Files interface {
	// Put writes a file that will not change.
	Put(key, mediaType string, body []byte) error
	// Replace writes a file of which only the newest counts.
	Replace(key, mediaType string, body []byte) error
	// Append adds to a file that is not for the bucket before Seal.
	Append(key string, body []byte) error
	Seal(key, mediaType string) error
	// Log adds a line to the recording's journal, from which Recover finishes it after a crash.
	Log(line []byte) error
}

// Media says what of a publisher is recorded.
type Media uint8

// What is recorded.
const (
	AudioVideo Media = iota
	AudioOnly
	Nothing // but thumbnails
)

// Options configure a Recording.
type Options struct {
	Files    Files
	Metadata hls.Metadata // StageARN, SessionID, ParticipantID, Thumbnails and Latest
	Target   time.Duration
	Media    Media

	// Still makes a JPEG of a key frame (Annex B, parameter sets included); nil makes no thumbnails.
	Still func(ctx context.Context, keyFrame []byte) ([]byte, error)
	Every time.Duration // between thumbnails

	// Encoder opens what turns Opus into AAC; nil stores Opus.
	Encoder func() (Encoder, error)
	// WantKey asks the publisher for a key frame.
	WantKey func()
	// Began is told once, when the first object is written.
	Began func(at time.Time)

	Now  func() media.Time // nil means media.Now
	Wall func() time.Time  // nil means time.Now
	Log  *slog.Logger
}

// Sink takes one track of a publisher. It is an sfu.Sink.
type Sink interface {
	Write(b *packetio.Batch, h media.Header, payload []byte)
	WriteReport(r media.SenderReport)
}

// Recording is one recording under one prefix: of one publishing, or of several with breaks that are short enough.
// Run does the work; the other methods may be called from any goroutine while it runs.
type Recording struct {
	o        Options
	wake     chan struct{}
	commands chan func()
	done     chan struct{}

	// Of Run.
	leg       *leg // nil while nobody publishes
	playlist  hls.Playlist
	variant   variant
	parts     int
	part      *part
	sequence  uint32
	length    time.Duration // of all that is written
	begins    bool          // the next chunk begins a segment
	open      *openSegment
	began     bool
	startedAt time.Time
	failed    error
	stills    stills

	refused atomic.Uint64
}

// openSegment is the segment that chunks are appended to.
type openSegment struct {
	hls.Segment
	size int
}

// New returns a recording, which does nothing before Run.
func New(o Options) *Recording {
	if o.Now == nil {
		o.Now = media.Now
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WantKey == nil {
		o.WantKey = func() {}
	}
	if o.Began == nil {
		o.Began = func(time.Time) {}
	}
	r := &Recording{
		o: o, wake: make(chan struct{}, 1), commands: make(chan func()), done: make(chan struct{}),
		playlist: hls.Playlist{Type: hls.Event, Target: o.Target},
	}
	r.stills.init(r)
	return r
}

// tick is how often the recording looks at what waits though nothing comes.
const tick = 100 * time.Millisecond

// Run records until Finish, or until ctx ends: then what there is stays as it is for Recover. It returns what went wrong with the
// files, after which nothing more is written.
func (r *Recording) Run(ctx context.Context) error {
	defer close(r.done)
	defer r.stills.wait()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			if r.leg != nil {
				r.leg.endEncoder(func(av.Frame) {})
			}
			return r.failed
		case command := <-r.commands:
			command()
			if r.leg == nil && r.playlist.Type == hls.VOD {
				return r.failed
			}
		case <-r.wake:
		case <-ticker.C:
		}
		r.work()
	}
}

// work takes what has come and writes what is due.
func (r *Recording) work() {
	l := r.leg
	if l == nil || r.failed != nil {
		return
	}
	now := r.o.Now()
	l.receive(now)
	l.drain()
	err := r.stills.look(now)
	if r.o.Media != Nothing {
		l.goOnWithSound(now)
		err = errors.Join(err, l.flush(now, false))
	}
	if err != nil {
		r.fail(err)
	}
}

// fail gives up writing. What is written stays.
func (r *Recording) fail(err error) {
	if r.failed == nil {
		r.failed = err
		r.o.Log.Warn("recording stopped", "participant_id", r.o.Metadata.ParticipantID, "error", err)
	}
}

// do has Run call f and waits for that. It reports false if Run has returned.
func (r *Recording) do(f func()) bool {
	called := make(chan struct{})
	select {
	case r.commands <- func() { defer close(called); f() }:
		<-called
		return true
	case <-r.done:
		return false
	}
}

// Publish begins a stretch of publishing, and ends the one before if there is one. It returns where to bring its tracks;
// each is nil if it is not wanted. An error says that sound can't be encoded.
func (r *Recording) Publish(hasVideo, hasAudio bool) (video, audio Sink, err error) {
	r.do(func() {
		r.endLeg()
		l := &leg{r: r, began: r.o.Now()}
		l.videoClock, l.audioClock = clock{rate: videoScale, shared: &l.shared}, clock{rate: audioScale, shared: &l.shared}
		l.assembler = newAssembler(l.picture, l.broken)
		if hasVideo && (r.o.Media == AudioVideo || r.o.Still != nil) {
			l.video = newInbox(media.Video, r.wake, r.o.Now, &r.refused)
			video = l.video
		}
		if hasAudio && r.o.Media != Nothing {
			if r.o.Encoder != nil {
				if l.encoder, err = r.o.Encoder(); err != nil {
					return
				}
				l.frames = l.encoder.Frames()
			}
			l.audio = newInbox(media.Audio, r.wake, r.o.Now, &r.refused)
			audio = l.audio
		}
		r.leg = l
	})
	return video, audio, err
}

// Interrupt ends the stretch of publishing: all that came of it is written. Publish may begin another.
func (r *Recording) Interrupt() { r.do(func() { r.endLeg() }) }

func (r *Recording) endLeg() {
	if r.leg == nil {
		return
	}
	l := r.leg
	defer func() { r.leg, r.part = nil, nil }()
	if r.failed != nil || r.o.Media == Nothing {
		l.endEncoder(func(av.Frame) {})
		return
	}
	if err := l.finish(r.o.Now()); err != nil {
		r.fail(err)
		return
	}
	if err := r.seal(); err != nil {
		r.fail(err)
	}
}

// Finish ends the recording, and Run. It returns how long it is, and what went wrong with the files if anything did. What
// the end is told with is the caller's word: a status of an end, and why.
func (r *Recording) Finish(status hls.Status, message string) (time.Duration, error) {
	r.do(func() {
		r.endLeg()
		r.stills.wait()
		r.playlist.Type = hls.VOD
		if r.failed == nil {
			r.failed = r.stills.look(0)
		}
		if r.failed != nil {
			return
		}
		r.failed = finish(r.o.Files, finishing{
			Playlist: &r.playlist, Variant: r.variant.final(), Metadata: r.o.Metadata, Media: r.o.Media,
			StartedAt: r.startedAt, EndedAt: r.o.Wall(), Status: status, Message: message,
		})
	})
	<-r.done
	return r.playlist.Duration(), r.failed
}

// Refused returns how many packets found no room, because the files were too slow.
func (r *Recording) Refused() uint64 { return r.refused.Load() }

// newPart begins a part.
func (r *Recording) newPart(video bool, params parameters) *part {
	p := &part{
		number: r.parts, init: fmt.Sprintf("init-%d.mp4", r.parts), video: video, params: params, opus: r.o.Encoder == nil,
	}
	r.parts++
	return p
}

// below is where the files of the rendition are.
func below(name string) string { return path.Join(hls.Folder, hls.Rendition, name) }

// What the files are said to be.
const (
	typeMP4  = "video/mp4"
	typeHLS  = "application/vnd.apple.mpegurl"
	typeJSON = "application/json"
	typeJPEG = "image/jpeg"
)

// write writes a chunk with its sound.
func (r *Recording) write(c *chunk, sounds []sound, t timeline, lastKey picture) error {
	if len(c.pictures) == 0 && c.part.video {
		if lastKey.data == nil {
			return nil
		}
		c.pictures = []picture{lastKey} // pictures have stopped: the last key frame is shown on
	}
	if len(c.pictures) == 0 && len(sounds) == 0 {
		return nil
	}
	anew := c.part != r.part
	if anew {
		c.part.offset = r.length
	}
	if anew || c.begins || r.open == nil {
		if err := r.seal(); err != nil {
			return err
		}
	}
	out, err := c.write(r.sequence+1, sounds, t)
	if err != nil {
		return fmt.Errorf("write fragment %d: %w", r.sequence, err)
	}
	if anew {
		init, err := c.part.initialization(r.leg.audio != nil)
		if err != nil {
			return fmt.Errorf("write initialization section %d: %w", c.part.number, err)
		}
		if err := r.o.Files.Put(below(c.part.init), typeMP4, init); err != nil {
			return err
		}
		r.part = c.part
		r.variant.see(c.part)
	}
	if r.open == nil {
		r.open = &openSegment{Segment: hls.Segment{
			URI: fmt.Sprintf("%d.mp4", len(r.playlist.Segments)), Init: c.part.init, Discontinuity: anew && len(r.playlist.Segments) > 0,
			Wall: r.o.Wall().Add(out.wall - r.o.Now()),
		}}
	}
	r.sequence++
	r.open.Duration += out.duration
	r.open.size += len(out.data)
	r.length += out.duration
	r.variant.add(len(c.pictures), len(out.data), out.duration, r.open)
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.o.Files.Append(below(r.open.URI), out.data); err != nil {
		return err
	}
	return r.log(entry{Open: &openEntry{Segment: r.open.Segment, Size: r.open.size}})
}

// begin tells that there is something to keep, once.
func (r *Recording) begin() error {
	if r.began {
		return nil
	}
	r.began, r.startedAt = true, r.o.Wall()
	m := r.o.Metadata
	m.Status, m.StartedAt = hls.Started, r.startedAt
	if err := r.log(entry{Begun: &begunEntry{Metadata: r.o.Metadata, Target: r.o.Target, Media: r.o.Media, StartedAt: r.startedAt}}); err != nil {
		return err
	}
	if err := r.o.Files.Put(m.Status.File(), typeJSON, m.Marshal()); err != nil {
		return err
	}
	r.o.Began(r.startedAt)
	return nil
}

// seal closes the open segment and lists it.
func (r *Recording) seal() error {
	s := r.open
	if s == nil {
		return nil
	}
	r.open = nil
	if err := r.o.Files.Seal(below(s.URI), typeMP4); err != nil {
		return err
	}
	r.playlist.Segments = append(r.playlist.Segments, s.Segment)
	if err := r.log(entry{Sealed: &s.Segment, Variant: r.variant.final()}); err != nil {
		return err
	}
	if err := r.o.Files.Replace(below(hls.PlaylistURI), typeHLS, r.playlist.Marshal()); err != nil {
		return err
	}
	return r.o.Files.Replace(path.Join(hls.Folder, hls.MultivariantURI), typeHLS, hls.Multivariant(*r.variant.final()))
}

func (r *Recording) log(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return r.o.Files.Log(line)
}
