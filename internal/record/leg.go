package record

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/av"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

const (
	// chunkLength is how much is written at once, and with it how much a crash may cost.
	chunkLength = time.Second
	// soundWait is how long a chunk waits for the sound that belongs to it, which takes its way through another process.
	soundWait = 1500 * time.Millisecond
	// pictureWait is how long a recording waits at its beginning for a picture that was announced, and later for the next
	// one before it goes on with sound and the last picture.
	pictureWait = 2 * time.Second
	// askBefore is how long before a segment is due a key frame is asked for.
	askBefore = 500 * time.Millisecond
	// mostSounds bounds what waits for pictures: a minute.
	mostSounds = 3000
)

// Encoder turns Opus into AAC. Its methods are called by one goroutine.
type Encoder interface {
	// Write takes a packet; pts is in ticks of 48 kHz. What can't be taken at once is lost.
	Write(packet []byte, pts int64)
	// Frames brings what was encoded, in order. It is closed when the encoder has ended, by Close or by itself.
	Frames() <-chan av.Frame
	Close() error
}

// leg is one stretch of publishing: from its first track to its end. Of the recording's goroutine, but for the inboxes.
type leg struct {
	r            *Recording
	video, audio *inbox // nil where the publication has none, or none is wanted
	began        media.Time

	shared                  senderClock
	videoClock, audioClock  clock
	videoOrder, audioOrder  reorder
	assembler               *assembler
	encoder                 Encoder // nil while sound is stored as it came
	frames                  <-chan av.Frame
	sounds                  []sound // not written yet
	soundTill, soundHighest int64   // RTP time up to which sound has come out, and has gone in

	part     *part
	open     *chunk
	closing  []*chunk
	begun    media.Time // when the open segment began, captured
	asked    bool       // for the key frame of the next one
	lastKey  picture    // shown again where pictures have stopped
	lastSeen media.Time // when the last picture came
	lastRTP  int64      // of it
	spacing  int64      // between the last two
	poor     bool       // a key frame is waited for
}

func (l *leg) timeline() timeline {
	return timeline{video: l.videoClock.captured, audio: l.audioClock.captured}
}

// receive takes what the inboxes hold.
func (l *leg) receive(now media.Time) {
	if l.video != nil {
		l.video.take(func(s *slot) { l.takeSlot(s, &l.videoClock, &l.videoOrder) })
		l.videoOrder.take(now, l.assembler.push, l.assembler.gap)
	}
	if l.audio != nil {
		l.audio.take(func(s *slot) { l.takeSlot(s, &l.audioClock, &l.audioOrder) })
		l.audioOrder.take(now, l.sound, func() {})
	}
}

func (l *leg) takeSlot(s *slot, c *clock, o *reorder) {
	if s.report.Arrival != 0 {
		if o.started { // before the first packet it says nothing of any
			c.report(s.report, o.times.near(s.report.RTP))
		}
		return
	}
	o.put(s.header, s.arrival, s.payload[:s.size])
	c.came(o.times.near(s.header.Timestamp), s.arrival)
}

// sound takes a packet of sound in its turn.
func (l *leg) sound(p *packet) {
	if len(p.payload) == 0 {
		return
	}
	l.soundHighest = p.timestamp
	if l.encoder != nil {
		l.encoder.Write(p.payload, p.timestamp)
		return
	}
	duration := codec.ParseOpus(p.payload).Duration
	length := int64(duration) * audioScale / int64(time.Second)
	if length <= 0 {
		return
	}
	l.heard(sound{rtp: p.timestamp, duration: length, data: p.payload})
}

// encoded takes a frame of AAC.
func (l *leg) encoded(f av.Frame) { l.heard(sound{rtp: f.PTS, duration: 1024, data: f.Data}) }

func (l *leg) heard(s sound) {
	if s.rtp < l.soundTill { // its clock went back
		return
	}
	if len(l.sounds) == mostSounds {
		l.sounds = append(l.sounds[:0], l.sounds[1:]...)
	}
	l.soundTill = s.rtp + s.duration
	l.sounds = append(l.sounds, s)
}

// picture takes a frame in its turn. The first is a key frame.
func (l *leg) picture(f frame, params parameters) {
	l.poor = false
	captured := l.videoClock.captured(f.timestamp)
	p := picture{rtp: f.timestamp, key: f.key, data: f.avcc()}
	if l.lastRTP != 0 && f.timestamp > l.lastRTP {
		l.spacing = f.timestamp - l.lastRTP
	}
	l.lastRTP, l.lastSeen = f.timestamp, f.arrival
	if f.key {
		l.lastKey = p
		l.r.still(&f, params)
		anew := l.part == nil || !l.part.video || !l.part.params.equal(params)
		if anew || captured-l.begun >= l.r.o.Target {
			l.closeByPicture(f.timestamp)
			if anew {
				l.newPart(true, params)
			}
			l.begin(captured)
		}
	}
	if l.part == nil || !l.part.video {
		return
	}
	if l.open == nil || l.open.byAudio || captured-l.videoClock.captured(l.open.firstRTP) >= chunkLength {
		l.closeByPicture(f.timestamp)
		l.open = &chunk{part: l.part, firstRTP: f.timestamp, begins: l.takeBegins()}
	}
	l.open.pictures = append(l.open.pictures, p)
	if !l.asked && captured-l.begun >= l.r.o.Target-askBefore {
		l.asked = true
		l.r.o.WantKey()
	}
}

// begin says that what comes next begins a segment.
func (l *leg) begin(captured media.Time) {
	l.begun, l.asked, l.r.begins = captured, false, true
}

func (l *leg) takeBegins() bool {
	begins := l.r.begins
	l.r.begins = false
	return begins
}

// closeByPicture closes the open chunk where a picture begins.
func (l *leg) closeByPicture(rtp int64) {
	c := l.open
	if c == nil {
		return
	}
	if c.byAudio { // what the picture's moment is on the clock of the sound
		captured := l.videoClock.captured(rtp)
		c.endRTP = max(c.firstRTP+1, c.firstRTP+ticks(captured-l.audioClock.captured(c.firstRTP), audioScale))
	} else {
		c.endRTP = max(rtp, c.firstRTP+1)
	}
	l.close()
}

func (l *leg) close() {
	l.open.closedAt = l.r.o.Now()
	l.closing = append(l.closing, l.open)
	l.open = nil
}

func (l *leg) newPart(video bool, params parameters) {
	l.part = l.r.newPart(video, params)
}

// broken is told when pictures are dropped up to the next key frame.
func (l *leg) broken() {
	l.poor = true
	l.r.o.WantKey()
}

// goOnWithSound lets sound move the recording where pictures do not come.
func (l *leg) goOnWithSound(now media.Time) {
	if l.audio == nil || len(l.sounds) == 0 {
		return
	}
	if l.video != nil && now-max(l.lastSeen, l.began) < pictureWait {
		return
	}
	first, end := l.sounds[0].rtp, l.soundTill
	if l.part == nil {
		l.newPart(false, parameters{})
		l.begin(l.audioClock.captured(first))
	}
	if l.open != nil && !l.open.byAudio { // pictures have stopped: the last one is shown on
		l.open.endRTP = l.lastRTP + max(l.spacing, 1)
		from := l.videoClock.captured(l.open.endRTP)
		l.close()
		first = max(first, l.soundTill-ticks(max(l.audioClock.captured(l.soundTill)-from, 0), audioScale))
	}
	if l.open == nil {
		if len(l.closing) > 0 {
			return // they take their sound first
		}
		if l.audioClock.captured(first)-l.begun >= l.r.o.Target {
			l.begin(l.audioClock.captured(first))
		}
		l.open = &chunk{part: l.part, byAudio: true, firstRTP: first, begins: l.takeBegins()}
	}
	if end-l.open.firstRTP >= ticks(chunkLength, audioScale) {
		l.open.endRTP = end
		l.close()
	}
}

// flush writes the chunks that have their sound, or have waited for it long enough. With all it waits for nothing.
func (l *leg) flush(now media.Time, all bool) error {
	for len(l.closing) > 0 {
		c := l.closing[0]
		end := l.endOf(c)
		if !all && l.waitsForSound(c, end, now) {
			return nil
		}
		n := 0
		for n < len(l.sounds) && l.audioClock.captured(l.sounds[n].rtp) < end {
			n++
		}
		l.closing = l.closing[1:]
		if err := l.r.write(c, l.sounds[:n], l.timeline(), l.lastKey); err != nil {
			return err
		}
		l.sounds = append(l.sounds[:0], l.sounds[n:]...)
	}
	return nil
}

// endOf returns when what comes after a chunk was captured.
func (l *leg) endOf(c *chunk) media.Time {
	if c.byAudio {
		return l.audioClock.captured(c.endRTP)
	}
	return l.videoClock.captured(c.endRTP)
}

func (l *leg) waitsForSound(c *chunk, end, now media.Time) bool {
	if l.audio == nil || now-c.closedAt >= soundWait {
		return false
	}
	return l.soundTill == 0 || l.audioClock.captured(l.soundTill) < end
}

// finish writes all that is there.
func (l *leg) finish(now media.Time) error {
	l.receive(now)
	if l.video != nil {
		l.videoOrder.flush(l.assembler.push, l.assembler.gap)
	}
	if l.audio != nil {
		l.audioOrder.flush(l.sound, func() {})
	}
	l.endEncoder(l.encoded)
	if l.open == nil && len(l.closing) == 0 && len(l.sounds) > 0 && l.part == nil && l.audio != nil { // shorter than the wait for a picture
		l.newPart(false, parameters{})
		l.begin(l.audioClock.captured(l.sounds[0].rtp))
		l.open = &chunk{part: l.part, byAudio: true, firstRTP: l.sounds[0].rtp, begins: l.takeBegins()}
	}
	if c := l.open; c != nil {
		if c.byAudio {
			c.endRTP = max(l.soundTill, c.firstRTP+1)
		} else {
			c.endRTP = l.lastRTP + max(l.spacing, videoScale/60)
		}
		l.close()
	}
	return l.flush(now, true)
}

// drain takes what the encoder has made so far.
func (l *leg) drain() {
	for l.frames != nil {
		select {
		case f, more := <-l.frames:
			if !more { // it has ended by itself: the rest is without sound
				l.frames = nil
				l.r.o.Log.Warn("sound is no longer recorded: its encoder has ended", "participant_id", l.r.o.Metadata.ParticipantID)
				return
			}
			l.encoded(f)
		default:
			return
		}
	}
}

// endEncoder has the encoder end, and takes what is left.
func (l *leg) endEncoder(each func(av.Frame)) {
	if l.encoder == nil {
		return
	}
	_ = l.encoder.Close() // why it ended is told by its owner
	if l.frames != nil {
		for f := range l.frames {
			each(f)
		}
	}
}
