package host

import (
	"fmt"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
)

func TestTrack_LossIsOfTheLastSample(t *testing.T) {
	var tr track
	for i, c := range []struct {
		expected uint64
		missing  int64
		lost     uint64
		loss     float64
	}{
		{100, 0, 0, 0},
		{200, 10, 10, .1},
		{300, 10, 0, 0},
		{400, 5, 0, 0},    // repeated packets made up for what was missing
		{500, 5, 0, 0},    //
		{500, 9, 0, 0},    // a late report: nothing was expected, so nothing can be told
		{510, 100, 10, 1}, // never more than was expected
		{400, 0, 0, 0},    // counted anew
	} {
		if lost := tr.lose(c.expected, c.missing); lost != c.lost || tr.Loss != c.loss {
			t.Errorf("sample %d: lost %d, ratio %v; want %d, %v", i, lost, tr.Loss, c.lost, c.loss)
		}
	}
}

func TestTrack_RatesAreOfTheLastSample(t *testing.T) {
	var tr track
	tr.flow(100, 100_000, 30, time.Second)
	if tr.Bitrate != 800_000 || tr.FrameRate != 30 {
		t.Errorf("first sample: %v bit/s, %v frames/s", tr.Bitrate, tr.FrameRate)
	}
	tr.flow(150, 110_000, 45, 2*time.Second)
	if tr.Bitrate != 40_000 || tr.FrameRate != 7.5 || tr.Packets != 150 {
		t.Errorf("second sample: %v bit/s, %v frames/s, %d packets", tr.Bitrate, tr.FrameRate, tr.Packets)
	}
	tr.flow(150, 110_000, 45, 0) // twice at one moment: the rates stay
	if tr.Bitrate != 40_000 {
		t.Errorf("%v bit/s after no time", tr.Bitrate)
	}
}

func TestSpread_KnowsAverageAndExtremes(t *testing.T) {
	var s Spread
	if s.Average() != 0 {
		t.Error("the average of nothing is not 0")
	}
	for _, v := range []float64{3, -1, 4} {
		s.add(v)
	}
	if s.Count != 3 || s.Average() != 2 || s.Min != -1 || s.Max != 4 {
		t.Errorf("spread %+v", s)
	}
}

// crowd fills a host with publications, each of a participant of its own on a stage of its own.
func crowd(n int) *Host {
	h := &Host{sessions: map[live.StageID]*session{}}
	for i := range n {
		stage := live.StageID(fmt.Sprintf("stage%07d", i))
		m := &mediaSession{
			id: roster.MediaID(fmt.Sprint(i)), owner: holder{stage: stage, id: live.ParticipantID(fmt.Sprintf("person%06d", i))},
			s: &session{h: h, stage: stage},
		}
		m.connected.Store(1)
		m.sample.tracks[media.Video].source = m
		m.sample.tracks[media.Video].Bitrate = media.Bitrate(i)
		h.media.put(m)
		h.sessions[stage] = m.s
	}
	return h
}

func TestQuality_DoesNotGrowWithThoseWhoHaveIt(t *testing.T) { // row 45: 10^5 stages
	const n = 100_000
	h := crowd(n)
	h.sample(time.Minute)
	q := h.Quality()
	if r := q.PublishBitrate[media.Video]; r.Count != n || r.Max != n-1 || r.Min != 0 {
		t.Errorf("publish bitrate %+v", r)
	}
	if s := q.StagePublishers; s.Count != n || s.Max != 1 || s.Average() != 1 {
		t.Errorf("publishers of stages %+v", s)
	}
}

func BenchmarkSample(b *testing.B) {
	h := crowd(10_000)
	for b.Loop() {
		h.sample(time.Minute)
	}
}
