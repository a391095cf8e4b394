package host

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// Rules bound what a publication may send (media-features.md 10.1). A number of 0 is no limit. One that is broken ends
// the publication, and nothing else.
type Rules struct {
	Bitrate       media.Bitrate // of all pictures together; setting limits.publish_bitrate
	AudioBitrate  media.Bitrate // setting limits.publish_audio_bitrate
	Width, Height int           // of pictures, upright or lying; setting limits.publish_resolution
	FrameRate     int           // of each layer; setting limits.publish_frame_rate
	FrameRateMin  int           // of the fastest layer; setting limits.publish_frame_rate_min
	BFrames       bool          // whether they are taken; setting limits.b_frames
}

const (
	// ruleEvery is how often publications are looked at.
	ruleEvery = time.Second
	// ruleWindow is what bitrates and frame rates are averages over: encoders are uneven, and a key frame is
	// as large as a second of the frames between.
	ruleWindow = 5 * time.Second
	// ruleSlack is how far above a limit an average may be, or below: encoders miss their own settings by as much.
	ruleSlack = 0.1
	// slowWindow is what the least frame rate is an average over: browsers lower theirs for a while
	// on a bad line.
	slowWindow = 30 * time.Second
	// still is up to how many frames a second a picture counts as standing still: muted cameras and shared
	// screens on which nothing moves send one.
	still = 2
	// backwardHabit is how many packets in a window must say that pictures are out of order: a clock that
	// is set back once is no B-frame.
	backwardHabit = 3
)

// breach is a rule that a publication breaks.
type breach struct {
	code    live.Reason
	message string
}

// keepRules looks at every publication once a second until ctx ends. It reads what was counted anyway: the packets on
// their way know nothing of rules.
func (h *Host) keepRules(ctx context.Context) {
	tick := time.NewTicker(ruleEvery)
	defer tick.Stop()
	gauges := map[*mediaSession]*gauge{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			gauges = h.inspect(gauges, media.Now())
		}
	}
}

// inspect looks at every publication, ends those that break a rule, and returns what is remembered of the others.
func (h *Host) inspect(before map[*mediaSession]*gauge, now media.Time) map[*mediaSession]*gauge {
	after := make(map[*mediaSession]*gauge, len(before))
	h.media.each(func(m *mediaSession) {
		if m.publisher != "" || m.of != nil { // a replica's source is looked at where it is
			return
		}
		g := before[m]
		if g == nil {
			g = &gauge{}
		}
		after[m] = g
		for _, up := range m.ups() {
			g.see(up, up.Track().Kind, up.Stats(), now)
		}
		g.forget(now)
		if b, broken := g.judge(h.o.Rules, now); broken && !g.cut {
			g.cut = true
			m.breaks(b)
		}
	})
	return after
}

// breaks ends a publication.
func (m *mediaSession) breaks(b breach) {
	m.s.h.log.Info("publication ended for breaking a rule", "stage_id", m.owner.stage,
		"participant_id", m.owner.id, "error_code", string(b.code), "reason", b.message)
	_ = m.s.do(roster.Cut{Media: m.id, Code: b.code, Message: b.message}) // never refused
}

// ups returns the tracks that have come of a publication, each layer of its picture being one.
func (m *mediaSession) ups() []*sfu.UpTrack {
	var list []*sfu.UpTrack
	for kind := range m.up {
		if up := m.up[kind].Load(); up != nil && up.Track().RID == "" {
			list = append(list, up)
		}
	}
	return append(list, m.layers()...)
}

// gauge is what is remembered of a publication.
type gauge struct {
	flows []*flow
	cut   bool
}

// flow is what one track of a publication has sent, second by second.
type flow struct {
	source any // whose counters these are
	kind   media.Kind
	size   codec.Size
	points [slowPoints]point // a ring: the newest is at (n-1)%len
	n      int
}

// slowPoints holds a slowWindow and a little more.
const slowPoints = int(slowWindow/ruleEvery) + 4

// point is what was counted at a moment.
type point struct {
	at                    media.Time
	bytes, frames, behind uint64
}

// see takes what a track has counted so far.
func (g *gauge) see(source any, kind media.Kind, s sfu.UpStats, now media.Time) {
	var f *flow
	for _, have := range g.flows {
		if have.source == source {
			f = have
		}
	}
	if f == nil {
		// Its counters began at 0, at some moment since the last look.
		f = &flow{source: source, kind: kind, n: 1, points: [slowPoints]point{{at: now - ruleEvery}}}
		g.flows = append(g.flows, f)
	}
	f.size = s.Size
	f.points[f.n%slowPoints] = point{at: now, bytes: s.Once, frames: s.Frames, behind: s.Backward}
	f.n++
}

// forget drops the tracks that were not seen now: others have taken their places.
func (g *gauge) forget(now media.Time) {
	g.flows = slices.DeleteFunc(g.flows, func(f *flow) bool { return f.points[(f.n-1)%slowPoints].at != now })
}

// over returns what was counted in the window that ends now, and how long that is: at least the window, more where looks
// were late. whole says whether the track is as old as that.
func (f *flow) over(window time.Duration, now media.Time) (p point, span time.Duration, whole bool) {
	newest := f.points[(f.n-1)%slowPoints]
	first := newest
	for i := f.n - 2; i >= 0 && i > f.n-1-slowPoints; i-- {
		first = f.points[i%slowPoints]
		if whole = now-first.at >= window; whole {
			break
		}
	}
	return point{
		bytes: newest.bytes - first.bytes, frames: newest.frames - first.frames, behind: newest.behind - first.behind,
	}, max(window, now-first.at), whole
}

// judge says which rule is broken, if one is.
func (g *gauge) judge(r Rules, now media.Time) (breach, bool) {
	var rates [kinds]float64
	fastest, steady := 0.0, false
	for _, f := range g.flows {
		p, span, _ := f.over(ruleWindow, now)
		rates[f.kind] += float64(p.bytes) * 8 / span.Seconds()
		if f.kind != media.Video {
			continue
		}
		if b, broken := f.judge(r, p, span); broken {
			return b, true
		}
		slow, span, whole := f.over(slowWindow, now)
		steady = steady || whole
		fastest = max(fastest, float64(slow.frames)/span.Seconds())
	}
	switch {
	case tooMuch(rates[media.Video], float64(r.Bitrate)):
		return breach{live.BitrateExceeded, fmt.Sprintf(
			"the publication sends %s of pictures on average over %v, the limit is %s (setting limits.publish_bitrate)",
			megabits(rates[media.Video]), ruleWindow, megabits(float64(r.Bitrate)))}, true
	case tooMuch(rates[media.Audio], float64(r.AudioBitrate)):
		return breach{live.BitrateExceeded, fmt.Sprintf(
			"the publication sends %.0f kbit/s of sound on average over %v, the limit is %.0f kbit/s (setting limits.publish_audio_bitrate)",
			rates[media.Audio]/1e3, ruleWindow, float64(r.AudioBitrate)/1e3)}, true
	case steady && fastest > still && fastest < float64(r.FrameRateMin)*(1-ruleSlack):
		return breach{live.InvalidInput, fmt.Sprintf(
			"the publication sends %.1f frames per second on average over %v, the least is %d (setting limits.publish_frame_rate_min)",
			fastest, slowWindow, r.FrameRateMin)}, true
	}
	return breach{}, false
}

// judge looks at a single layer.
func (f *flow) judge(r Rules, p point, span time.Duration) (breach, bool) {
	rate := float64(p.frames) / span.Seconds()
	switch {
	case !r.BFrames && p.behind >= backwardHabit:
		return breach{live.BFramePresent, "the publication has B-frames: pictures are not sent in the order in which they are shown (setting limits.b_frames)"}, true
	case tooLarge(f.size, r.Width, r.Height):
		return breach{live.ResolutionExceeded, fmt.Sprintf(
			"the pictures are %dx%d, the limit is %dx%d, upright or lying (setting limits.publish_resolution)",
			f.size.Width, f.size.Height, r.Width, r.Height)}, true
	case tooMuch(rate, float64(r.FrameRate)):
		return breach{live.InvalidInput, fmt.Sprintf(
			"the publication sends %.1f frames per second on average over %v, the limit is %d (setting limits.publish_frame_rate)",
			rate, ruleWindow, r.FrameRate)}, true
	}
	return breach{}, false
}

func tooMuch(got, limit float64) bool { return limit > 0 && got > limit*(1+ruleSlack) }

// tooLarge compares areas and longer sides, so that a picture may stand or lie (media-features.md 7.3).
func tooLarge(size codec.Size, width, height int) bool {
	if width == 0 || height == 0 {
		return false
	}
	w, h := int(size.Width), int(size.Height)
	return w*h > width*height || max(w, h) > max(width, height)
}

func megabits(rate float64) string { return fmt.Sprintf("%.2f Mbit/s", rate/1e6) }
