package host

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

func TestPlayer_CountsBetweenItsLastTwoWords(t *testing.T) {
	var p player
	if _, told := p.figures(); told {
		t.Error("told before the first word")
	}
	for i, c := range []struct {
		says             Played
		decoded, dropped float64
		ratio            float64
	}{
		{Played{Decoded: 90, Dropped: 10}, 90, 10, .1},
		{Played{Decoded: 190, Dropped: 10}, 100, 0, 0},
		{Played{Decoded: 190, Dropped: 20}, 0, 10, 1},
		{Played{Decoded: 190, Dropped: 20}, 0, 0, 0},
		{Played{Decoded: 30, Dropped: 10}, 30, 10, .25},         // a new player
		{Played{Decoded: 1 << 63, Dropped: 1<<64 - 1}, 0, 0, 0}, // whatever it claims, a ratio is one
	} {
		p.take(c.says, time.Second)
		f, told := p.figures()
		if !told || f.DroppedRatio < 0 || f.DroppedRatio > 1 {
			t.Errorf("word %d: %+v", i, f)
		}
		if c.says.Decoded == 1<<63 {
			continue
		}
		if decoded, dropped := p.recent(time.Second); decoded != c.decoded || dropped != c.dropped || f.DroppedRatio != c.ratio {
			t.Errorf("word %d: %v decoded, %v dropped, ratio %v", i, decoded, dropped, f.DroppedRatio)
		}
	}
	if decoded, dropped := p.recent(time.Second + playedFor + 1); decoded+dropped != 0 {
		t.Error("an old word counts")
	}
}

func TestQuality_ToldByPlatform(t *testing.T) {
	var q Quality
	for _, v := range []viewer{
		{platform: Web, decoded: 99, dropped: 1, expected: 10, lost: 1},
		{platform: Web, decoded: 97, dropped: 3},
		{platform: IOS, decoded: 50, dropped: 50, rates: [kinds]float64{AllKinds: 7}, has: [kinds]bool{AllKinds: true}},
		{platform: Android},
	} {
		q.views(v)
	}
	if d := q.DroppedFrames; d.Count != 3 || d.Min != .01 || d.Max != .5 {
		t.Errorf("dropped of all: %+v", d)
	}
	if d := q.Platforms[Web].DroppedFrames; d.Count != 2 || d.Average() != .02 {
		t.Errorf("dropped on the web: %+v", d)
	}
	if q.Platforms[Web].DownloadLoss.Max != .1 || q.Platforms[IOS].SubscribeBitrate.Sum != 7 || q.Platforms[Android].DroppedFrames.Count != 0 {
		t.Errorf("by platform: %+v", q.Platforms)
	}
}

func TestPlatform_OfABrowserIsTheWeb(t *testing.T) {
	for want, c := range map[Platform]live.Client{
		Web: {Browser: "Chrome", OS: "Android"}, Android: {OS: "Android"}, IOS: {OS: "iOS"}, OtherPlatform: {OS: "Linux", SDKVersion: "OBS-Studio 30"},
	} {
		if got := platformOf(c); got != want {
			t.Errorf("%+v is %v", c, got)
		}
	}
	seen := map[string]bool{}
	for _, p := range Platforms() {
		seen[p.String()] = true
	}
	if len(seen) != platforms {
		t.Errorf("names: %v", seen)
	}
}
