package host

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// awsRules are media-features.md 10.1.
var awsRules = Rules{
	Bitrate: 8_500_000, AudioBitrate: 160_000, Width: 1280, Height: 720, FrameRate: 60, FrameRateMin: 10,
}

// sender is a track of a made-up publication.
type sender struct {
	kind   media.Kind
	rate   func(second int) float64 // bit/s
	frames float64                  // per second
	behind uint64                   // packets that say B-frame, per second
	size   codec.Size
}

func steady(rate float64) func(int) float64 { return func(int) float64 { return rate } }

// breachOf looks at the senders once a second and returns the first breach, and the second of it.
func breachOf(r Rules, seconds int, senders ...sender) (breach, int) {
	g := &gauge{}
	totals := make([]sfu.UpStats, len(senders))
	at := make([]struct{ bytes, frames float64 }, len(senders))
	for s := 1; s <= seconds; s++ {
		now := media.Time(s) * time.Second
		for i, from := range senders {
			at[i].bytes += from.rate(s) / 8
			at[i].frames += from.frames
			totals[i].Once, totals[i].Frames, totals[i].Size = uint64(at[i].bytes), uint64(at[i].frames), from.size
			totals[i].Backward += from.behind
			g.see(i, from.kind, totals[i], now)
		}
		g.forget(now)
		if b, broken := g.judge(r, now); broken {
			return b, s
		}
	}
	return breach{}, 0
}

// media-features.md 6.2 and 10.1.
func TestRules_TellWhatIsWithinFromWhatIsBeyond(t *testing.T) {
	hd := codec.Size{Width: 1280, Height: 720}
	video := func(rate, frames float64, size codec.Size) sender {
		return sender{kind: media.Video, rate: steady(rate), frames: frames, size: size}
	}
	audio := func(rate float64) sender { return sender{kind: media.Audio, rate: steady(rate)} }
	bursts := func(second int) float64 { // a key frame every fourth second
		if second%4 == 0 {
			return 12e6
		}
		return 3e6
	}
	for name, c := range map[string]struct {
		rules   Rules
		senders []sender
		want    live.Reason
		says    string
	}{
		"8.5 Mbit/s":               {awsRules, []sender{video(8.5e6, 30, hd)}, "", ""},
		"9.6 Mbit/s":               {awsRules, []sender{video(9.6e6, 30, hd)}, live.BitrateExceeded, "limits.publish_bitrate"},
		"three layers of 2 Mbit/s": {awsRules, []sender{video(2e6, 30, hd), video(2e6, 30, hd), video(2e6, 30, hd)}, "", ""},
		"three layers of 3.4":      {awsRules, []sender{video(3.4e6, 30, hd), video(3.4e6, 30, hd), video(3.4e6, 30, hd)}, live.BitrateExceeded, "10.20 Mbit/s"},
		"key frames of a burst":    {awsRules, []sender{{kind: media.Video, rate: bursts, frames: 30, size: hd}}, "", ""},
		"any bitrate":              {Rules{}, []sender{video(100e6, 30, hd)}, "", ""},
		"upright":                  {awsRules, []sender{video(1e6, 30, codec.Size{Width: 720, Height: 1280})}, "", ""},
		"square of as many pixels": {awsRules, []sender{video(1e6, 30, codec.Size{Width: 960, Height: 960})}, "", ""},
		"1080p":                    {awsRules, []sender{video(1e6, 30, codec.Size{Width: 1920, Height: 1080})}, live.ResolutionExceeded, "1920x1080"},
		"wide and flat":            {awsRules, []sender{video(1e6, 30, codec.Size{Width: 1600, Height: 400})}, live.ResolutionExceeded, "limits.publish_resolution"},
		"one layer too large":      {awsRules, []sender{video(1e6, 30, hd), video(1e6, 30, codec.Size{Width: 1282, Height: 722})}, live.ResolutionExceeded, "1282x722"},
		"size unknown":             {awsRules, []sender{video(1e6, 30, codec.Size{})}, "", ""},
		"60 fps":                   {awsRules, []sender{video(1e6, 60, hd)}, "", ""},
		"75 fps":                   {awsRules, []sender{video(1e6, 75, hd)}, live.InvalidInput, "limits.publish_frame_rate)"},
		"10 fps":                   {awsRules, []sender{video(1e6, 10, hd)}, "", ""},
		"7 fps":                    {awsRules, []sender{video(1e6, 7, hd)}, live.InvalidInput, "limits.publish_frame_rate_min"},
		"7 fps beside 15":          {awsRules, []sender{video(1e6, 7, hd), video(1e6, 15, hd)}, "", ""},
		"a still picture":          {awsRules, []sender{video(1e4, 1, hd)}, "", ""},
		"160 kbit/s of sound":      {awsRules, []sender{audio(160e3)}, "", ""},
		"256 kbit/s of sound":      {awsRules, []sender{audio(256e3), video(1e6, 30, hd)}, live.BitrateExceeded, "kbit/s of sound"},
		"B-frames":                 {awsRules, []sender{{kind: media.Video, rate: steady(1e6), frames: 30, size: hd, behind: 15}}, live.BFramePresent, "limits.b_frames"},
		"B-frames that are taken":  {Rules{BFrames: true}, []sender{{kind: media.Video, rate: steady(1e6), frames: 30, size: hd, behind: 15}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := breachOf(c.rules, 70, c.senders...)
			if b.code != c.want || !strings.Contains(b.message, c.says) {
				t.Errorf("%q: %s, want %q", b.code, b.message, c.want)
			}
		})
	}
}

// A flood is not waited for until a whole window of it is there.
func TestRules_SeeAFloodAtOnce(t *testing.T) {
	if b, second := breachOf(awsRules, 10, sender{kind: media.Video, rate: steady(200e6), frames: 30}); second != 1 {
		t.Errorf("seen in second %d: %+v", second, b)
	}
	if b, second := breachOf(awsRules, 10, sender{kind: media.Video, rate: steady(12e6), frames: 30}); second == 0 || second > 5 {
		t.Errorf("seen in second %d: %+v", second, b)
	}
}

// A bitrate that was too high for a moment is forgiven, and does not stay in mind.
func TestRules_ForgetWhatIsLongerAgoThanTheWindow(t *testing.T) {
	early := func(second int) float64 {
		if second == 1 {
			return 40e6
		}
		return 1e6
	}
	if b, second := breachOf(awsRules, 30, sender{kind: media.Video, rate: early, frames: 30}); second != 0 {
		t.Errorf("second %d: %+v", second, b)
	}
}

// A track whose place another has taken counts no more.
func TestRules_ForgetTracksThatAreGone(t *testing.T) {
	g := &gauge{}
	g.see("old", media.Video, sfu.UpStats{Once: 1e6}, time.Second)
	g.see("new", media.Video, sfu.UpStats{}, time.Second)
	g.see("new", media.Video, sfu.UpStats{}, 2*time.Second)
	g.forget(2 * time.Second)
	if len(g.flows) != 1 || g.flows[0].source != "new" {
		t.Errorf("%d flows", len(g.flows))
	}
}

// A host that is looked at late, or that stood still, takes nothing for a flood.
func TestRules_HoldWhereLooksAreLate(t *testing.T) {
	g := &gauge{}
	now, sent := media.Time(0), 0.0
	for i, pause := range []time.Duration{1e9, 1e9, 9e9, 1e9, 30e9, 2e9, 1e9, 1e9} {
		now += pause
		sent += 8e6 / 8 * pause.Seconds()
		g.see("x", media.Video, sfu.UpStats{Once: uint64(sent)}, now)
		if b, broken := g.judge(awsRules, now); broken {
			t.Errorf("look %d: %+v", i, b)
		}
	}
}

// Who sends more than it may is cut off and told why; nobody else is disturbed.
func TestRules_ABreachEndsThePublicationAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *Options) { o.Rules = awsRules })
		_, ada := h.join(stageOne, "ada")
		_, bob := h.join(stageOne, "bob")
		loud, quiet := h.publish(stageOne, "ada"), h.publish(stageOne, "bob")
		send := func(pub *LocalPublication, second, packets int) {
			to := pub.Receivers()[1]
			for i := range packets {
				to.Receive(&media.Packet{
					Seq: uint16(second*packets + i), Timestamp: uint32(second * 90000), Payload: make([]byte, 1250),
				})
			}
			to.Flush(media.Now())
		}
		for second := range 8 {
			send(loud, second, 1000) // 10 Mbit/s
			send(quiet, second, 500)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		select {
		case <-loud.Done():
		default:
			t.Error("the publication of 10 Mbit/s goes on")
		}
		select {
		case <-quiet.Done():
			t.Error("the publication of 5 Mbit/s has ended")
		default:
		}
		want := []string{"PUBLISH_ERROR ada BITRATE_EXCEEDED", "PUBLISH_STOPPED ada"}
		facts := h.names()
		if i := slices.Index(facts, want[0]); i < 0 || i+1 >= len(facts) || facts[i+1] != want[1] {
			t.Errorf("facts %v, want %v in them", facts, want)
		}
		if slices.Contains(facts, "LEFT ada") || ada.reason() != "" || bob.reason() != "" {
			t.Errorf("somebody was thrown out: %v", facts)
		}
		if !slices.Equal(ada.warnings(), []live.Reason{live.BitrateExceeded}) || len(bob.warnings()) != 0 {
			t.Errorf("ada was told %v, bob %v", ada.warnings(), bob.warnings())
		}
	})
}
