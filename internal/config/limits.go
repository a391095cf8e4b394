package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits are what a publication may send, and what a participant may be sent. A number of 0 is no limit.
type Limits struct {
	Bitrate      int // of all its pictures together, bit/s
	AudioBitrate int // bit/s
	Download     int // of all that a participant is sent, bit/s
	Resolution   Resolution
	FrameRate    int // pictures per second, of each layer
	FrameRateMin int // the same, at least
	BFrames      bool
	Codecs       []string // of pictures, by preference
	Layers       int      // of simulcast

	entries []*profiled
}

// Resolution is a picture's size in pixels; zero is none.
type Resolution struct{ Width, Height int }

// String returns it as 1280x720.
func (r Resolution) String() string {
	if r == (Resolution{}) {
		return "0"
	}
	return strconv.Itoa(r.Width) + "x" + strconv.Itoa(r.Height)
}

// profiled is a setting that the profile of quotas decides while it is not given.
type profiled struct {
	key, kind, doc string
	open, aws      string // what the profiles give
	take           func(string) error
	given          string
	own            *Setting
}

func (l *Limits) settings() []*Setting {
	const most = 1_000_000_000 // bit/s
	l.entries = []*profiled{
		{
			key: "limits.publish_bitrate", kind: "bit/s", open: "50000000", aws: "8500000", take: numberOrNone(&l.Bitrate, most),
			doc: "How much the pictures of a publication may take in bit/s, all layers together, on average over five seconds; with a tenth more it is ended with BITRATE_EXCEEDED. 0 is no limit.",
		},
		{
			key: "limits.publish_resolution", kind: "size", open: "3840x2160", aws: "1280x720", take: resolution(&l.Resolution),
			doc: "How large the pictures of a publication may be, such as 1920x1080, upright or lying; larger ones end it with RESOLUTION_EXCEEDED. 0 is no limit.",
		},
		{
			key: "limits.publish_frame_rate", kind: "number", open: "240", aws: "60", take: numberOrNone(&l.FrameRate, 1000),
			doc: "How many pictures a second a publication may send, in each layer, on average over five seconds; with a tenth more it is ended with INVALID_INPUT. 0 is no limit.",
		},
		{
			key: "limits.publish_frame_rate_min", kind: "number", open: "0", aws: "10", take: numberOrNone(&l.FrameRateMin, 1000),
			doc: "How many pictures a second a publication must send on average over half a minute, less a tenth; otherwise it is ended with INVALID_INPUT. Two and fewer are a picture that stands still, and allowed, as is sending none. 0 is no limit.",
		},
		{
			key: "limits.publish_audio_bitrate", kind: "bit/s", open: "510000", aws: "160000", take: numberOrNone(&l.AudioBitrate, most),
			doc: "How much the sound of a publication may take in bit/s on average over five seconds, without its redundancy; with a tenth more it is ended with BITRATE_EXCEEDED. 0 is no limit.",
		},
		{
			key: "limits.download_bitrate", kind: "bit/s", open: "0", aws: "8500000", take: numberOrNone(&l.Download, most),
			doc: "How much a participant is sent in bit/s, over all that it watches: more is made to fit by lower layers, and by pauses of pictures, as if its line bore no more. It needs adaptation.enabled. 0 is no limit.",
		},
		{
			key: "limits.b_frames", kind: "switch", open: "false", aws: "false", take: onOff(&l.BFrames).set,
			doc: "Take publications with B-frames. Otherwise they are ended with B_FRAME_PRESENT: browsers show such pictures late or in the wrong order.",
		},
		{
			key: "limits.codecs", kind: "list", open: "H264,VP8,VP9,AV1,H265", aws: "H264", take: codecs(&l.Codecs),
			doc: "The codecs of pictures that publishers may use, with commas between: of those that a publisher offers, the first in this list is chosen. Nothing is transcoded, so viewers must know it too; every one knows H264.",
		},
		{
			key: "limits.layers", kind: "number", open: "3", aws: "3", take: ranged(&l.Layers, 1, 8),
			doc: "How many simulcast layers of a picture are taken of a publisher that offers several (simulcast.md): the first ones of its offer. 1 takes the first alone.",
		},
	}
	out := make([]*Setting, len(l.entries))
	for i, e := range l.entries {
		e.own = &Setting{
			Key: e.key, Group: "Limits of publications", from: everywhere, value: e.value(), Doc: e.doc,
			Derived: fmt.Sprintf("by the profile of quotas: open has %s, aws has %s", e.open, e.aws),
		}
		out[i] = e.own
	}
	return out
}

func (e *profiled) value() value {
	return value{kind: e.kind, get: func() string { return e.given }, set: func(s string) error {
		if s != "" {
			if err := e.take(s); err != nil {
				return err
			}
		}
		e.given = s
		return nil
	}}
}

// resolve gives what the operator has not set the profile's value.
func (l *Limits) resolve(profile string) {
	for _, e := range l.entries {
		if e.given != "" {
			continue
		}
		text := e.open
		if profile == "aws" {
			text = e.aws
		}
		if err := e.take(text); err != nil {
			panic(fmt.Sprintf("config: %s of profile %s: %v", e.key, profile, err))
		}
		e.own.Origin = Origin{Place: Profile, Detail: "profile " + profile}
	}
}

func numberOrNone(p *int, most int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > most {
			return fmt.Errorf("it must be a whole number from 0 (no limit) to %d", most)
		}
		*p = n
		return nil
	}
}

func ranged(p *int, least, most int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("it must be a whole number from %d to %d", least, most)
		}
		*p = n
		return nil
	}
}

func resolution(p *Resolution) func(string) error {
	return func(s string) error {
		if s == "0" {
			*p = Resolution{}
			return nil
		}
		width, height, ok := strings.Cut(s, "x")
		w, err1 := strconv.ParseUint(width, 10, 16)
		h, err2 := strconv.ParseUint(height, 10, 16)
		if !ok || errors.Join(err1, err2) != nil || w < 16 || h < 16 {
			return errors.New("it must be a width and a height in pixels, such as 1280x720, or 0 (no limit)")
		}
		*p = Resolution{Width: int(w), Height: int(h)}
		return nil
	}
}

// videoCodecs are what can be forwarded, as package sdp has it.
var videoCodecs = []string{"H264", "VP8", "VP9", "AV1", "H265"}

func codecs(p *[]string) func(string) error {
	return func(s string) error {
		var names []string
		v := list(&names, "list", oneOf(videoCodecs...))
		if err := v.set(strings.ToUpper(s)); err != nil {
			return err
		}
		if len(names) == 0 {
			return fmt.Errorf("it must name at least one of %s", strings.Join(videoCodecs, ", "))
		}
		*p = slices.Clone(names)
		return nil
	}
}
