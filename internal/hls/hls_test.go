package hls

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// The sample of media-features 1.4, to the byte up to its end.
const sample = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:12
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init-0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2024-01-01T12:00:00.000Z
#EXTINF:3.30091,
0.mp4
#EXTINF:5.63794,
1.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2024-01-01T12:00:52.772Z
#EXTINF:2.54412,
2.mp4
#EXT-X-ENDLIST
`

func TestPlaylist_IsThatOfTheGuide(t *testing.T) {
	p := Playlist{Type: VOD, Target: 12 * time.Second, Segments: []Segment{
		{URI: "0.mp4", Init: "init-0.mp4", Duration: 3300910 * time.Microsecond, Wall: at("2024-01-01T13:00:00+01:00")},
		{URI: "1.mp4", Init: "init-0.mp4", Duration: 5637940 * time.Microsecond, Wall: at("2024-01-01T12:00:03.3Z")},
		{URI: "2.mp4", Init: "init-1.mp4", Duration: 2544120 * time.Microsecond, Wall: at("2024-01-01T12:00:52.772Z"), Discontinuity: true},
	}}
	if got := string(p.Marshal()); got != sample {
		t.Errorf("got\n%s", got)
	}
	if p.Duration() != 11482970*time.Microsecond {
		t.Errorf("it lasts %s", p.Duration())
	}
}

func TestPlaylist_ReadsWhatItWrites(t *testing.T) {
	p, err := ParsePlaylist([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Marshal()); got != sample {
		t.Errorf("got\n%s", got)
	}
}

func TestPlaylist_TargetIsNoLessThanAnySegment(t *testing.T) { // RFC 8216 section 4.3.3.1
	p := Playlist{Type: Event, Target: 6 * time.Second, Segments: []Segment{{URI: "0.mp4", Init: "i", Duration: 8600 * time.Millisecond}}}
	if text := string(p.Marshal()); !strings.Contains(text, "#EXT-X-TARGETDURATION:9\n") || strings.Contains(text, "ENDLIST") {
		t.Error(text)
	}
}

func TestParsePlaylist_Refuses(t *testing.T) { // security row 40
	begin := "#EXTM3U\n#EXT-X-MAP:URI=\"init-0.mp4\"\n"
	for name, text := range map[string]string{
		"nothing": "", "something else": "<html>", "a path": begin + "#EXTINF:1,\n../../etc/passwd\n", "a URL": begin + "#EXTINF:1,\nhttp://h/0.mp4\n",
		"no duration": begin + "0.mp4\n", "no init": "#EXTM3U\n#EXTINF:1,\n0.mp4\n", "an endless segment": begin + "#EXTINF:1e9,\n0.mp4\n",
		"no number": begin + "#EXTINF:NaN,\n0.mp4\n", "negative": begin + "#EXTINF:-1,\n0.mp4\n", "an init elsewhere": "#EXTM3U\n#EXT-X-MAP:URI=\"/x\"\n",
		"a long line": begin + "#" + strings.Repeat("x", maxLine) + "\n", "a type": "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:LIVE\n", "a time": begin + "#EXT-X-PROGRAM-DATE-TIME:noon\n",
	} {
		if p, err := ParsePlaylist([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, p)
		}
	}
}

func FuzzParsePlaylist(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("#EXTM3U\n#EXTINF:1,\n0.mp4\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePlaylist(data)
		if err != nil {
			return
		}
		again, err := ParsePlaylist(p.Marshal())
		if err != nil || len(again.Segments) != len(p.Segments) {
			t.Errorf("what was read can't be read again: %v", err)
		}
		for _, s := range p.Segments {
			if strings.ContainsAny(s.URI+s.Init, "/\\:?#%") || s.Duration < 0 {
				t.Errorf("read %+v", s)
			}
		}
	})
}

func TestMultivariant(t *testing.T) {
	got := string(Multivariant(Variant{
		URI: "high/playlist.m3u8", Bandwidth: 2_700_000, Average: 2_100_000, Width: 1280, Height: 720, FrameRate: 30000. / 1001,
		Codecs: []string{"avc1.42e01f", "mp4a.40.2"},
	}))
	if want := `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=2700000,AVERAGE-BANDWIDTH=2100000,RESOLUTION=1280x720,CODECS="avc1.42e01f,mp4a.40.2",FRAME-RATE=29.970
high/playlist.m3u8
`; got != want {
		t.Errorf("got\n%s", got)
	}
	if got := string(Multivariant(Variant{URI: "high/playlist.m3u8", Codecs: []string{"mp4a.40.2"}})); strings.Contains(got, "RESOLUTION") || !strings.Contains(got, "BANDWIDTH=1") {
		t.Errorf("of sound alone:\n%s", got)
	}
}

// The samples of media-features 1.5, member by member.
func TestMetadata_IsThatOfTheGuide(t *testing.T) {
	m := Metadata{
		StageARN: "arn:aws:ivs:us-west-2:123456789012:stage/AbCdef1G2hij", SessionID: "st-ZyXwvu1T2s", ParticipantID: "xYz1c2d3e4f",
		StartedAt: at("2024-03-13T13:17:17.9Z"), EndedAt: at("2024-03-13T13:28:02Z"), Duration: 645237 * time.Millisecond,
		Thumbnails: true, Latest: true,
	}
	const head = `{"version":"v1","stage_arn":"arn:aws:ivs:us-west-2:123456789012:stage/AbCdef1G2hij","session_id":"st-ZyXwvu1T2s","participant_id":"xYz1c2d3e4f",`
	const renditions = `"path":"media/hls","playlist":"multivariant.m3u8","renditions":[{"path":"high","playlist":"playlist.m3u8"}]}`
	const pictures = `,"thumbnails":{"path":"media/thumbnails","renditions":[{"path":"high"}]},"latest_thumbnail":{"path":"media/latest_thumbnail","renditions":[{"path":"high"}]}}}`
	for status, want := range map[Status]string{
		Started:          `"recording_started_at":"2024-03-13T13:17:17Z","recording_status":"RECORDING_STARTED","media":{"hls":{` + renditions,
		Ended:            `"recording_started_at":"2024-03-13T13:17:17Z","recording_ended_at":"2024-03-13T13:28:02Z","recording_status":"RECORDING_ENDED","media":{"hls":{"duration_ms":645237,` + renditions,
		StartFailed:      `"recording_status":"RECORDING_START_FAILED","media":{"hls":{` + renditions,
		EndedWithFailure: `"recording_started_at":"2024-03-13T13:17:17Z","recording_ended_at":"2024-03-13T13:28:02Z","recording_status":"RECORDING_ENDED_WITH_FAILURE","media":{"hls":{"duration_ms":645237,` + renditions,
	} {
		m.Status = status
		var g, w any
		if err := json.Unmarshal(m.Marshal(), &g); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(head+want+pictures), &w); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s:\n got %s\nwant %s", status, m.Marshal(), head+want+pictures)
		}
	}
	m = Metadata{Status: EndedWithFailure}
	if text := string(m.Marshal()); !strings.Contains(text, `"duration_ms": 0`) || strings.Contains(text, "thumbnail") || strings.Contains(text, "status_message") {
		t.Errorf("a failure before any media: %s", text)
	}
	for status, file := range map[Status]string{Started: "events/recording-started.json", Ended: "events/recording-ended.json", StartFailed: "events/recording-failed.json", EndedWithFailure: "events/recording-failed.json"} {
		if status.File() != file {
			t.Errorf("%s is kept at %s", status, status.File())
		}
	}
}
