package host

import (
	"context"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// JoinStep is a step of a client's way to media.
type JoinStep string

// The steps that a host sees; both are counted from the offer.
const (
	MediaConnected JoinStep = "connected"   // ICE and DTLS are up
	FirstMedia     JoinStep = "first_media" // the first packet came from a publisher, or left for a viewer
)

// Spread is how a figure lies over those who have it.
type Spread struct {
	Count         int
	Sum, Min, Max float64
}

func (s *Spread) add(v float64) {
	if s.Count == 0 || v < s.Min {
		s.Min = v
	}
	if s.Count == 0 || v > s.Max {
		s.Max = v
	}
	s.Count++
	s.Sum += v
}

// Average is 0 if nobody has the figure.
func (s Spread) Average() float64 {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / float64(s.Count)
}

// AllKinds is the place in a Rates for sound and picture together.
const AllKinds media.Kind = 0

// Rates are bits per second by kind.
type Rates [kinds]Spread

// Quality is how publishers and viewers on this node fare, as of the last sample. It does not grow with their number.
type Quality struct {
	PublishBitrate   Rates  // of each publisher
	SubscribeBitrate Rates  // of each subscriber, over all it subscribes to
	DownloadLoss     Spread // 0..1, of each subscriber
	DroppedFrames    Spread // 0..1, of each subscriber whose player tells
	RoundTrip        Spread // seconds, of each subscription that knows
	FrameRate        Spread // of each publisher's video
	Resolution       Spread // the shorter edge of each publisher's video
	StagePublishers  Spread // of each open session
	StageSubscribers Spread

	Platforms [platforms]PlatformQuality
	Layers    [layerNames]LayerQuality // of publishers that send layers

	LostIn  uint64 // packets of publishers that did not come at first; only grows
	LostOut uint64 // packets that viewers say did not come; only grows
}

// PlatformQuality is how those fare who use one platform.
type PlatformQuality struct {
	PublishBitrate, SubscribeBitrate, DownloadLoss, DroppedFrames Spread
}

// Quality returns the figures of the last sample.
func (h *Host) Quality() Quality {
	h.sampled.mu.Lock()
	defer h.sampled.mu.Unlock()
	return h.sampled.quality
}

// sampleOften takes samples until ctx ends. It is far from the packets: it reads what they were counted by.
func (h *Host) sampleOften(ctx context.Context) {
	tick := time.NewTicker(h.o.SampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := media.Now()
			h.sample(now)
			h.endLong(now)
		}
	}
}

// viewer is what a subscriber gets, over all it subscribes to.
type viewer struct {
	rates          [kinds]float64
	has            [kinds]bool // of which kinds there is a track
	lost, expected float64

	decoded, dropped float64 // frames, by the player's word
	platform         Platform
}

// sample looks at every media session and sums up.
func (h *Host) sample(now media.Time) {
	var q Quality
	viewers := map[holder]viewer{}
	stages := map[live.StageID][2]int{}
	h.mu.Lock()
	for stage := range h.sessions {
		stages[stage] = [2]int{}
	}
	h.mu.Unlock()
	var lostIn, lostOut uint64
	h.media.each(func(m *mediaSession) {
		if m.look(now); m.connected.Load() == 0 {
			return
		}
		m.sample.mu.Lock()
		defer m.sample.mu.Unlock()
		if m.publisher == "" {
			lostIn += m.sample.lost
			q.publishes(&m.sample, m.platform)
			q.layers(m.layers(), now)
			n := stages[m.owner.stage]
			n[0]++
			stages[m.owner.stage] = n
			return
		}
		lostOut += m.sample.lost
		v := viewers[m.owner]
		v.gets(&m.sample, &q)
		v.plays(m, now)
		viewers[m.owner] = v
	})
	for who, v := range viewers {
		q.views(v)
		n := stages[who.stage]
		n[1]++
		stages[who.stage] = n
	}
	for _, n := range stages {
		q.StagePublishers.add(float64(n[0]))
		q.StageSubscribers.add(float64(n[1]))
	}
	h.sampled.mu.Lock()
	defer h.sampled.mu.Unlock()
	q.LostIn, q.LostOut = h.sampled.quality.LostIn+lostIn, h.sampled.quality.LostOut+lostOut
	h.sampled.quality = q
}

// publishes adds a publication.
func (q *Quality) publishes(s *sample, from Platform) {
	all, some := 0.0, false
	for kind := range s.tracks {
		t := &s.tracks[kind]
		if t.source == nil {
			continue
		}
		some = true
		q.PublishBitrate[kind].add(float64(t.Bitrate))
		all += float64(t.Bitrate)
		if media.Kind(kind) != media.Video {
			continue
		}
		q.FrameRate.add(t.FrameRate)
		if edge := min(t.Width, t.Height); edge > 0 {
			q.Resolution.add(float64(edge))
		}
	}
	if some {
		q.PublishBitrate[AllKinds].add(all)
		q.Platforms[from].PublishBitrate.add(all)
	}
}

// views adds a subscriber.
func (q *Quality) views(v viewer) {
	on := &q.Platforms[v.platform]
	for kind, rate := range v.rates {
		if v.has[kind] {
			q.SubscribeBitrate[kind].add(rate)
		}
	}
	if v.has[AllKinds] {
		on.SubscribeBitrate.add(v.rates[AllKinds])
	}
	if v.expected > 0 {
		q.DownloadLoss.add(v.lost / v.expected)
		on.DownloadLoss.add(v.lost / v.expected)
	}
	if frames := v.decoded + v.dropped; frames > 0 {
		q.DroppedFrames.add(v.dropped / frames)
		on.DroppedFrames.add(v.dropped / frames)
	}
}

// gets adds a subscription.
func (v *viewer) gets(s *sample, q *Quality) {
	for kind := range s.tracks {
		t := &s.tracks[kind]
		if t.source == nil {
			continue
		}
		v.has[kind], v.has[AllKinds] = true, true
		v.rates[kind] += float64(t.Bitrate)
		v.rates[AllKinds] += float64(t.Bitrate)
		packets := float64(t.recent)
		v.expected += packets
		v.lost += t.Loss * packets
		if t.RTT > 0 {
			q.RoundTrip.add(t.RTT.Seconds())
		}
	}
}

// plays adds what the player of a subscription said.
func (v *viewer) plays(m *mediaSession, now media.Time) {
	decoded, dropped := m.player.recent(now)
	v.decoded += decoded
	v.dropped += dropped
	v.platform = m.platform
}

// joined is told once, when a client's media path is up.
func (m *mediaSession) joined() {
	m.connected.Store(int64(max(media.Now(), 1)))
	now := time.Now()
	m.s.h.o.Joined(MediaConnected, now.Sub(m.offered))
	if m.span == nil {
		return
	}
	line, connected := m.peer.Stats(), media.Time(m.connected.Load())
	if line.Path == 0 || line.Path > connected {
		line.Path = connected
	}
	// All moments are told from one, since each look at the clocks differs by a little.
	at := func(t media.Time) time.Time { return now.Add(t - connected) }
	m.span.Past("ice", at(line.Born), at(line.Path))
	m.span.Past("dtls", at(line.Path), now)
}

// began is told once, when a client's first media has come or left.
func (m *mediaSession) began(line rtc.Stats) {
	if m.offered.IsZero() {
		return // it lives in this process
	}
	first := wall(line.First)
	m.s.h.o.Joined(FirstMedia, first.Sub(m.offered))
	// A publisher sends as soon as its own side of DTLS is done, which may be before ours has said so.
	waited := max(line.First-media.Time(m.connected.Load()), 0)
	m.span.Past("first packet", first.Add(-waited), first)
	m.span.EndAt(first)
}

// traced has a media session's steps told to the span of the request that began it.
func (m *mediaSession) traced(span *tracing.Span) {
	span.Set("proscenium.stage_id", string(m.owner.stage))
	span.Set("proscenium.participant_id", string(m.owner.id))
	span.Set("proscenium.publisher_id", string(m.publisher))
	m.span = span
}
