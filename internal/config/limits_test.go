package config

import (
	"reflect"
	"strings"
	"testing"
)

// media-features.md 10.1.
func TestLimits_FollowTheProfileWhereNotSet(t *testing.T) {
	values := func(file string) Limits {
		t.Helper()
		c, err := load(nil, nil, file)
		if err != nil {
			t.Fatal(err)
		}
		l := c.Limits
		l.entries = nil
		return l
	}
	aws := Limits{
		Bitrate: 8_500_000, AudioBitrate: 160_000, Download: 8_500_000, Resolution: Resolution{1280, 720}, FrameRate: 60, FrameRateMin: 10,
		Codecs: []string{"H264"}, Layers: 3,
	}
	if got := values("quotas: aws\n"); !reflect.DeepEqual(got, aws) {
		t.Errorf("aws: %+v", got)
	}
	open := values("")
	if r := open.Resolution; open.Bitrate < 20_000_000 || open.FrameRate < 60 || r.Width < 1920 || r.Height < 1080 || len(open.Codecs) != 5 || open.FrameRateMin != 0 {
		t.Errorf("open does not take 1080p60 of any codec: %+v", open)
	}
	some := values("quotas: aws\nlimits: {publish_bitrate: 0, publish_resolution: 1920x1080, b_frames: true, codecs: [vp9, H264]}\n")
	want := aws
	want.Bitrate, want.Resolution, want.BFrames, want.Codecs = 0, Resolution{1920, 1080}, true, []string{"VP9", "H264"}
	if !reflect.DeepEqual(some, want) {
		t.Errorf("aws with four of its own: %+v", some)
	}
}

func TestLimits_RefuseNonsense(t *testing.T) {
	for file, want := range map[string]string{
		"limits: {publish_resolution: 1280}\n":     "a width and a height",
		"limits: {publish_resolution: 1280x7}\n":   "a width and a height",
		"limits: {publish_resolution: 99999x99}\n": "a width and a height",
		"limits: {publish_bitrate: -1}\n":          "from 0 (no limit)",
		"limits: {codecs: [H264, theora]}\n":       "it must be H264 or VP8",
		"limits: {layers: 0}\n":                    "from 1 to 8",
		"limits: {codecs: \",\"}\n":                "at least one of",
	} {
		if _, err := load(nil, nil, file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", file, err, want)
		}
	}
}
