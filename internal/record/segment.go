package record

import (
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	videoID, audioID       = 1, 2
	videoScale, audioScale = 90_000, 48_000
	// maxSlew is how much the sound of a segment may move against that of the one before, to follow the sender's clock: a
	// millisecond in six seconds makes up for 160 parts in a million, which is more than clocks are off.
	maxSlew = 48
	// leap is where it is no slew but a hole, which stays one.
	leap = audioScale / 10
)

// picture is a frame in a segment.
type picture struct {
	rtp  int64
	key  bool
	data []byte // avcc
}

// sound is a packet of encoded audio in a segment.
type sound struct {
	rtp      int64
	duration int64 // ticks of 48 kHz
	data     []byte
}

// part is a stretch of a recording with one initialization section.
type part struct {
	number int
	init   string // its URI
	video  bool
	params parameters
	opus   bool // sound is stored as it came

	// guarded by nothing: of the recording's goroutine
	written bool
	start   media.Time    // when its first segment was captured
	offset  time.Duration // where it begins on the recording's timeline

	videoEnd int64 // ticks: where the last segment ended
	audioEnd int64
}

// initialization writes the part's initialization section.
func (p *part) initialization(hasAudio bool) ([]byte, error) {
	var init fmp4.Init
	if p.video {
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{
			ID: videoID, TimeScale: videoScale, Codec: &codecs.H264{SPS: p.params.sps, PPS: p.params.pps},
		})
	}
	if hasAudio && p.opus {
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: audioID, TimeScale: audioScale, Codec: &codecs.Opus{ChannelCount: 2}})
	} else if hasAudio {
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: audioID, TimeScale: audioScale, Codec: &codecs.MPEG4Audio{
			Config: mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: audioScale, ChannelConfig: 2},
		}})
	}
	var b seekablebuffer.Buffer
	err := init.Marshal(&b)
	return b.Bytes(), err
}

// chunk is what is written at once: a second or so of a segment, in one movie fragment.
type chunk struct {
	part     *part
	begins   bool // a segment
	pictures []picture
	// firstRTP is of the first picture, or of the first sound where there are no pictures; endRTP, of the same track, of
	// what comes after it.
	firstRTP, endRTP int64
	byAudio          bool       // the two are of the sound
	closedAt         media.Time // of the process's clock: no longer is sound waited for than a while after it
}

// written is what became of a chunk.
type written struct {
	data     []byte
	duration time.Duration
	wall     media.Time // when it was captured
}

// timeline turns what was captured when into places on the recording's timeline.
type timeline struct {
	video, audio func(rtp int64) media.Time
}

// write makes the chunk's bytes, with the sound that belongs to it.
func (s *chunk) write(number uint32, sounds []sound, t timeline) (written, error) {
	p := s.part
	of := t.video
	if s.byAudio {
		of = t.audio
	}
	start := of(s.firstRTP)
	if !p.written {
		p.written, p.start = true, start
		p.videoEnd, p.audioEnd = ticks(p.offset, videoScale), -1
	}
	place := func(at media.Time) time.Duration { return p.offset + at - p.start }
	end := max(ticks(place(of(s.endRTP)), videoScale), p.videoEnd+1)
	out := fmp4.Part{SequenceNumber: number}
	begin := p.videoEnd
	if len(s.pictures) > 0 {
		track := s.videoTrack(begin, end, func(rtp int64) int64 { return ticks(place(t.video(rtp)), videoScale) })
		end = track.end
		out.Tracks = append(out.Tracks, track.track)
	}
	if len(sounds) > 0 {
		out.Tracks = append(out.Tracks, s.audioTrack(sounds, ticks(place(t.audio(sounds[0].rtp)), audioScale)))
	}
	p.videoEnd = end
	var b seekablebuffer.Buffer
	if err := out.Marshal(&b); err != nil {
		return written{}, err
	}
	return written{data: b.Bytes(), duration: time.Duration(end-begin) * time.Second / videoScale, wall: start}, nil
}

type videoTrack struct {
	track *fmp4.PartTrack
	end   int64
}

// videoTrack lays the pictures out from begin to end. Decoding times are the presentation times in rising order, which
// also holds for pictures that are shown in another order than they come.
func (s *chunk) videoTrack(begin, end int64, place func(rtp int64) int64) videoTrack {
	shown := make([]int64, len(s.pictures))
	for i, p := range s.pictures {
		shown[i] = max(place(p.rtp), begin)
	}
	shown[0] = begin
	decoded := slices.Clone(shown)
	slices.Sort(decoded)
	for i := 1; i < len(decoded); i++ {
		decoded[i] = max(decoded[i], decoded[i-1]+1)
	}
	end = max(end, decoded[len(decoded)-1]+1)
	track := &fmp4.PartTrack{ID: videoID, BaseTime: uint64(begin)}
	for i, p := range s.pictures {
		next := end
		if i+1 < len(decoded) {
			next = decoded[i+1]
		}
		offset := shown[i] - decoded[i]
		if offset < 0 && -offset < videoScale/1000 { // of equal times, which are told apart
			offset = 0
		}
		track.Samples = append(track.Samples, &fmp4.Sample{
			Duration: uint32(next - decoded[i]), PTSOffset: int32(offset), IsNonSyncSample: !p.key, Payload: p.data,
		})
	}
	return videoTrack{track, end}
}

// audioTrack lays the sound out from where it was captured, which is hardly ever moved.
func (s *chunk) audioTrack(sounds []sound, begin int64) *fmp4.PartTrack {
	p := s.part
	begin = max(begin, 0)
	if d := begin - p.audioEnd; p.audioEnd >= 0 && d > -leap && d < leap {
		begin = p.audioEnd + min(max(d, -maxSlew), maxSlew)
	} else if p.audioEnd >= 0 {
		begin = max(begin, p.audioEnd)
	}
	track := &fmp4.PartTrack{ID: audioID, BaseTime: uint64(begin)}
	end := begin
	for i, a := range sounds {
		length := a.duration
		if i+1 < len(sounds) { // a hole in the sound makes the one before it longer
			if hole := sounds[i+1].rtp - a.rtp - a.duration; hole > 0 && hole < 1<<31 {
				length += hole
			}
		}
		track.Samples = append(track.Samples, &fmp4.Sample{Duration: uint32(length), Payload: a.data})
		end += length
	}
	p.audioEnd = end
	return track
}

// ticks turns a place on the timeline into ticks of a clock.
func ticks(d time.Duration, rate int64) int64 {
	return int64(d/time.Second)*rate + int64(d%time.Second)*rate/int64(time.Second)
}
