package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/hls"
	"github.com/proscenium-live/proscenium/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is Files in memory, with what a crash would leave.
type shelf struct {
	files   map[string][]byte
	types   map[string]string
	open    map[string][]byte
	journal []byte
	calls   []string
	fail    error
}

func newShelf() *shelf {
	return &shelf{files: map[string][]byte{}, types: map[string]string{}, open: map[string][]byte{}}
}

func (s *shelf) Put(key, kind string, body []byte) error {
	if _, twice := s.files[key]; twice {
		return fmt.Errorf("%s is put twice", key)
	}
	return s.Replace(key, kind, body)
}

func (s *shelf) Replace(key, kind string, body []byte) error {
	s.files[key], s.types[key] = bytes.Clone(body), kind
	s.calls = append(s.calls, key)
	return s.fail
}

func (s *shelf) Append(key string, body []byte) error {
	s.open[key] = append(s.open[key], body...)
	return s.fail
}

func (s *shelf) Seal(key, kind string) error {
	body, ok := s.open[key]
	if !ok {
		return fmt.Errorf("%s is not open", key)
	}
	delete(s.open, key)
	return s.Put(key, kind, body)
}

func (s *shelf) Log(line []byte) error {
	s.journal = append(append(s.journal, line...), '\n')
	return s.fail
}

func (s *shelf) Truncate(key string, size int) error {
	if len(s.open[key]) < size {
		return errors.New("it is shorter")
	}
	s.open[key] = s.open[key][:size]
	return nil
}

// save writes the files to a folder, as a bucket would have them.
func (s *shelf) save(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for key, body := range s.files {
		at := filepath.Join(root, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func (s *shelf) playlist(t *testing.T) *hls.Playlist {
	t.Helper()
	p, err := hls.ParsePlaylist(s.files["media/hls/high/playlist.m3u8"])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// publisher plays the demo's loop into a recording, as a forwarder would.
type publisher struct {
	t            *testing.T
	loop         *loop.Loop
	video, audio Sink
	seqV, seqA   uint16
	at           time.Duration // in the loop's time
	lose         func(video bool) bool
	noVideo      bool
	rtpV, rtpA   uint32
	ntp          uint64
	now          func() media.Time
}

const frameEvery = time.Second / 30

func start(t *testing.T, r *Recording) *publisher {
	t.Helper()
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{t: t, loop: l, seqV: 65500, seqA: 100, rtpV: 1<<32 - 50_000, rtpA: 77, ntp: 3_900_000_000 << 32, now: r.o.Now}
	if p.video, p.audio, err = r.Publish(true, true); err != nil {
		t.Fatal(err)
	}
	return p
}

// play plays for a while of virtual time.
func (p *publisher) play(d time.Duration) {
	frame := int(p.at / frameEvery)
	for end := p.at + d; p.at < end; p.at += frameEvery {
		if !p.noVideo {
			p.frame(frame)
		}
		frame++
		for next := time.Duration(p.seqA-100) * 20 * time.Millisecond; next <= p.at; next += 20 * time.Millisecond {
			payload := p.loop.Sound[int(p.seqA-100)%len(p.loop.Sound)]
			h := media.Header{Seq: p.seqA, Timestamp: p.rtpA + uint32(p.seqA-100)*960}
			if p.lose == nil || !p.lose(false) {
				p.audio.Write(nil, h, payload)
			}
			p.seqA++
		}
		if frame%30 == 1 {
			p.report()
		}
		time.Sleep(frameEvery)
	}
}

func (p *publisher) frame(n int) {
	f := p.loop.Frames[n%len(p.loop.Frames)]
	for i, payload := range f.Payloads {
		h := media.Header{
			Seq: p.seqV, Timestamp: p.rtpV + uint32(int64(n)*3000), Marker: i == len(f.Payloads)-1,
		}
		p.seqV++
		if p.lose != nil && p.lose(true) {
			continue
		}
		p.video.Write(nil, h, payload)
	}
}

// report ties both clocks to the sender's.
func (p *publisher) report() {
	ntp := p.ntp + uint64(p.at/time.Second)<<32 + uint64(p.at%time.Second)<<32/uint64(time.Second)
	now := p.now()
	p.video.WriteReport(media.SenderReport{NTP: ntp, RTP: p.rtpV + uint32(int64(p.at)*90/1e6), Arrival: now})
	p.audio.WriteReport(media.SenderReport{NTP: ntp, RTP: p.rtpA + uint32(int64(p.at)*48/1e6), Arrival: now})
}

// record runs a recording in virtual time.
func record(t *testing.T, o Options, script func(r *Recording, s *shelf)) *shelf {
	t.Helper()
	s := newShelf()
	synctest.Test(t, func(t *testing.T) {
		o.Files = s
		if o.Target == 0 {
			o.Target = 6 * time.Second
		}
		begin := time.Now()
		o.Now = func() media.Time { return time.Since(begin) + time.Hour }
		o.Metadata.StageARN, o.Metadata.SessionID, o.Metadata.ParticipantID = "arn", "st-1", "ada"
		r := New(o)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan struct{})
		go func() { defer close(ended); _ = r.Run(ctx) }()
		script(r, s)
		cancel()
		<-ended
	})
	return s
}

// strict has ffmpeg decode everything, and ffprobe tell the packets. It must not warn of anything.
func strict(t *testing.T, s *shelf, known ...string) (videoFrames, audioFrames int) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("PROSCENIUM_TEST_REQUIRE") != "" {
			t.Fatal("ffmpeg is not installed")
		}
		t.Skip("ffmpeg is not installed: what was recorded is not decoded")
	}
	list := filepath.Join(s.save(t), "media", "hls", "high", "playlist.m3u8")
	if p := s.playlist(t); p.Type != hls.VOD {
		t.Fatal("the playlist may still grow: a player would wait for more")
	}
	out, err := exec.Command("ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-allowed_extensions", "ALL", "-i", list, "-f", "null", "-").CombinedOutput()
	var said []string
	for line := range strings.Lines(string(out)) {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.Contains(line, k) }) {
			said = append(said, line)
		}
	}
	if err != nil || len(said) > 0 {
		t.Errorf("ffmpeg says (%v): %s", err, strings.Join(said, ""))
	}
	out, err = exec.Command("ffprobe", "-v", "error", "-allowed_extensions", "ALL", "-show_entries", "packet=codec_type,dts", "-of", "json", list).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var probe struct {
		Packets []struct {
			Kind string `json:"codec_type"`
			DTS  int64  `json:"dts"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out, &probe); err != nil {
		t.Fatal(err)
	}
	last := map[string]int64{"video": -1 << 62, "audio": -1 << 62}
	for _, p := range probe.Packets {
		if p.DTS <= last[p.Kind] {
			t.Errorf("%s goes back from %d to %d", p.Kind, last[p.Kind], p.DTS)
		}
		last[p.Kind] = p.DTS
		if p.Kind == "video" {
			videoFrames++
		} else {
			audioFrames++
		}
	}
	return videoFrames, audioFrames
}

func TestRecording_OfAWholePublishing(t *testing.T) {
	var length time.Duration
	began := 0
	s := record(t, Options{Began: func(time.Time) { began++ }}, func(r *Recording, _ *shelf) {
		start(t, r).play(20 * time.Second)
		var err error
		if length, err = r.Finish(hls.Ended, ""); err != nil {
			t.Error(err)
		}
	})
	p := s.playlist(t)
	if p.Type != hls.VOD || length < 19900*time.Millisecond || length > 20100*time.Millisecond || p.Duration().Round(10*time.Millisecond) != length.Round(10*time.Millisecond) {
		t.Errorf("%s of %s, in %d segments of %s", p.Type, length, len(p.Segments), p.Duration())
	}
	for i, g := range p.Segments {
		if g.URI != fmt.Sprintf("%d.mp4", i) || g.Init != "init-0.mp4" || g.Discontinuity {
			t.Errorf("segment %d is %+v", i, g)
		}
	}
	video, audio := strict(t, s)
	if video < 595 || video > 602 || audio < 995 || audio > 1002 {
		t.Errorf("%d frames, %d packets of sound", video, audio)
	}
	if began != 1 || len(s.open) != 0 || s.files["events/recording-ended.json"] == nil || s.files["events/recording-started.json"] == nil {
		t.Errorf("begun %d times, open %d; files: %v", began, len(s.open), s.calls)
	}
	if m := string(s.files["media/hls/multivariant.m3u8"]); !strings.Contains(m, "RESOLUTION=1280x720") || !strings.Contains(m, `CODECS="avc1.`) {
		t.Error(m)
	}
}

func TestRecording_LossIsACleanCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s := record(t, Options{}, func(r *Recording, _ *shelf) {
		p := start(t, r)
		p.lose = func(bool) bool { return rnd.IntN(100) == 0 }
		p.play(30 * time.Second)
		if _, err := r.Finish(hls.Ended, ""); err != nil {
			t.Error(err)
		}
	})
	video, audio := strict(t, s)
	if video == 0 || audio < 1400 {
		t.Errorf("%d frames, %d packets of sound", video, audio)
	}
	if d := s.playlist(t).Duration(); d < 29*time.Second || d > 31*time.Second {
		t.Errorf("it lasts %s", d)
	}
}

func TestRecording_ComesBackAfterABreak(t *testing.T) {
	s := record(t, Options{}, func(r *Recording, _ *shelf) {
		start(t, r).play(8 * time.Second)
		r.Interrupt()
		time.Sleep(20 * time.Second)
		start(t, r).play(8 * time.Second)
		if _, err := r.Finish(hls.Ended, ""); err != nil {
			t.Error(err)
		}
	})
	p := s.playlist(t)
	cut := slices.IndexFunc(p.Segments, func(g hls.Segment) bool { return g.Discontinuity })
	if d := p.Duration(); cut <= 0 || d < 15800*time.Millisecond || d > 16200*time.Millisecond || p.Segments[cut].Init != "init-1.mp4" {
		t.Fatalf("%d segments of %s, the break before %d", len(p.Segments), d, cut)
	}
	if gap := p.Segments[cut].Wall.Sub(p.Segments[0].Wall); gap < 27*time.Second || gap > 29*time.Second {
		t.Errorf("the second part begins %s after the first", gap)
	}
	strict(t, s, "duplicated MOOV")
}

func TestRecording_IsFinishedAfterACrash(t *testing.T) {
	s := record(t, Options{}, func(r *Recording, _ *shelf) { start(t, r).play(10 * time.Second) }) // and the process ends
	for key := range s.open {
		s.open[key] = append(s.open[key], "half a chunk"...)
	}
	s.journal = append(s.journal, `{"open":{"URI":"9.mp4"`...)
	got, err := Recover(s.journal, s, time.Unix(1_700_000_000, 0), "the server ended")
	if err != nil {
		t.Fatal(err)
	}
	if got.Duration < 8*time.Second || got.Metadata.ParticipantID != "ada" {
		t.Errorf("recovered %+v of ten seconds", got)
	}
	if f := string(s.files["events/recording-failed.json"]); !strings.Contains(f, "RECORDING_ENDED_WITH_FAILURE") || !strings.Contains(f, "the server ended") {
		t.Error(f)
	}
	if p := s.playlist(t); p.Type != hls.VOD || p.Duration().Round(time.Millisecond) != got.Duration.Round(time.Millisecond) {
		t.Errorf("the playlist is %s of %s", p.Type, p.Duration())
	}
	strict(t, s)
	if _, err := Recover(nil, s, time.Now(), ""); !errors.Is(err, ErrNothing) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestRecording_OfSoundAlone(t *testing.T) {
	s := record(t, Options{Media: AudioOnly}, func(r *Recording, _ *shelf) {
		p := start(t, r)
		if p.video != nil {
			t.Error("pictures are wanted")
		}
		p.noVideo, p.video = true, p.audio
		p.play(15 * time.Second)
		if _, err := r.Finish(hls.Ended, ""); err != nil {
			t.Error(err)
		}
	})
	if video, audio := strict(t, s); video != 0 || audio < 745 {
		t.Errorf("%d frames, %d packets of sound", video, audio)
	}
	if p := s.playlist(t); len(p.Segments) < 2 {
		t.Errorf("in %d segments", len(p.Segments))
	}
}

func TestRecording_ShowsTheLastPictureWhileThereIsNone(t *testing.T) {
	s := record(t, Options{}, func(r *Recording, _ *shelf) {
		p := start(t, r)
		p.play(8 * time.Second)
		p.noVideo = true
		p.play(20 * time.Second)
		p.noVideo = false
		p.play(8 * time.Second)
		if _, err := r.Finish(hls.Ended, ""); err != nil {
			t.Error(err)
		}
	})
	p := s.playlist(t)
	if d := p.Duration(); d < 35*time.Second || d > 37*time.Second {
		t.Errorf("it lasts %s", d)
	}
	for _, g := range p.Segments {
		if g.Discontinuity {
			t.Errorf("a discontinuity at %s", g.URI)
		}
	}
	strict(t, s)
}

func TestRecording_StopsWhenFilesFail(t *testing.T) {
	full := errors.New("no space left")
	record(t, Options{}, func(r *Recording, s *shelf) {
		p := start(t, r)
		p.play(8 * time.Second)
		s.fail = full
		p.play(8 * time.Second)
		if _, err := r.Finish(hls.Ended, ""); !errors.Is(err, full) {
			t.Errorf("finished with %v", err)
		}
	})
}
