package host

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// TrackFigures are what is known of one track of a media session: one that a publisher sends, or one that a viewer
// is sent. Numbers count since the track began; Bitrate, Loss and FrameRate are over the last sample.
type TrackFigures struct {
	Kind      media.Kind
	Codec     string // of a publication; "" of a subscription
	Bitrate   media.Bitrate
	Loss      float64 // 0..1; of a publisher before repair, of a viewer by its own word
	Jitter    time.Duration
	RTT       time.Duration // of a viewer; 0 when not known
	FrameRate float64       // of video
	Width     uint16        // of a publisher's video; 0 when not known
	Height    uint16

	Packets     uint64
	Bytes       uint64 // of payload
	Frames      uint64
	KeyFrames   uint64
	Lost        uint64 // packets: of a publisher those that never came, of a viewer those it says so of
	Recovered   uint64 // packets of a publisher that came when asked for again
	Repeated    uint64 // packets sent again to a viewer
	Nacks       uint64 // packets asked for again: from a publisher, by a viewer
	KeyRequests uint64 // key frames asked for, likewise
}

// MediaFigures are what is known of one media session.
type MediaFigures struct {
	Publisher live.ParticipantID // whom it shows; "" of a publication
	Connected time.Time          // zero while it is not connected
	Sampled   time.Time          // zero before the first sample
	Transport string             // udp, tcp, local (inside the process), or "" while there is none
	Tracks    []TrackFigures
	Player    *PlayerFigures // nil while the player has not told
	Platform  Platform
	Sent      SubscriptionState // of a subscription
}

// ParticipantFigures are what is known of a participant's media.
type ParticipantFigures struct {
	roster.Participant
	Publication   *MediaFigures  // nil while there is none
	Subscriptions []MediaFigures // by publisher
	Line          *LineFigures   // nil while nothing is known
}

// Figures returns the session of a stage on this node and its participants by id, false if it has none here. The
// figures are as old as Options.SampleEvery.
func (h *Host) Figures(stage live.StageID) (live.SessionID, []ParticipantFigures, bool) {
	s := h.lookup(stage)
	if s == nil {
		return "", nil, false
	}
	s.mu.Lock()
	if s.roster == nil {
		s.mu.Unlock()
		return "", nil, false
	}
	view := s.roster.View()
	s.mu.Unlock()
	slices.SortFunc(view, func(a, b roster.Participant) int { return cmp.Compare(a.ID, b.ID) })
	list, at := make([]ParticipantFigures, len(view)), make(map[live.ParticipantID]*ParticipantFigures, len(view))
	for i, p := range view {
		list[i].Participant = p
		at[p.ID] = &list[i]
	}
	h.media.each(func(m *mediaSession) {
		p := at[m.owner.id]
		switch {
		case m.s != s || p == nil:
		case m.publisher != "":
			f := m.figures()
			f.Sent = m.sent()
			p.Subscriptions = append(p.Subscriptions, f)
		case p.Publication == nil || p.Publication.Connected.IsZero(): // the connected one of two
			f := m.figures()
			p.Publication = &f
		}
	})
	for i := range list {
		list[i].Line = h.line(holder{stage: stage, id: list[i].ID})
		slices.SortFunc(list[i].Subscriptions, func(a, b MediaFigures) int { return cmp.Compare(a.Publisher, b.Publisher) })
	}
	return s.id, list, true
}

// sample is what was last seen of a media session.
type sample struct {
	mu        sync.Mutex
	at        media.Time // 0 before the first
	transport string
	told      bool // when its first media came
	tracks    [kinds]track
	lost      uint64 // packets since the sample before
	frames    frames // of layers
}

// track is a track's figures, and what was counted at the time of the sample.
type track struct {
	TrackFigures
	source   any // whose counters these are: another begins at 0
	expected uint64
	missing  int64
	recent   uint64 // packets expected in the last sample
}

func (m *mediaSession) figures() MediaFigures {
	f := MediaFigures{Publisher: m.publisher, Platform: m.platform}
	if played, ok := m.player.figures(); ok {
		f.Player = &played
	}
	if at := media.Time(m.connected.Load()); at != 0 {
		f.Connected = wall(at)
	}
	s := &m.sample
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == 0 {
		return f
	}
	f.Sampled, f.Transport = wall(s.at), s.transport
	for kind := range s.tracks {
		if t := &s.tracks[kind]; t.source != nil {
			f.Tracks = append(f.Tracks, t.TrackFigures)
		}
	}
	return f
}

// wall tells a moment of the process in the world's time.
func wall(at media.Time) time.Time { return time.Now().Add(at - media.Now()) }

// look takes a sample.
func (m *mediaSession) look(now media.Time) {
	if m.connected.Load() == 0 {
		return
	}
	line := rtc.Stats{}
	transport := "local"
	if m.peer != nil {
		line = m.peer.Stats()
		transport = "udp"
		if line.TCP {
			transport = "tcp"
		}
	}
	if m.sample.take(m, line, transport, now) {
		m.began(line)
	}
}

// shortest is the least time that rates are told over: a key frame in the first milliseconds is no bitrate.
const shortest = time.Second

// take takes over what is counted now. It reports true once, when the first media has come.
func (s *sample) take(m *mediaSession, line rtc.Stats, transport string, now media.Time) (began bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	began = !s.told && line.First != 0
	s.told = s.told || began
	s.lost = 0
	since := now - max(s.at, media.Time(m.connected.Load()))
	if since < shortest {
		return began
	}
	for kind := range kinds {
		if source, counted, some := m.counted(media.Kind(kind), s); some {
			s.lost += s.tracks[kind].seeUp(source, counted, line.Lines[kind], since)
			s.tracks[kind].Kind, s.tracks[kind].Codec = media.Kind(kind), m.codec(media.Kind(kind))
		}
		if down := m.down[kind].Load(); down != nil {
			s.lost += s.tracks[kind].seeDown(down, since)
			s.tracks[kind].Kind = media.Kind(kind)
		}
	}
	s.at, s.transport = now, transport
	return began
}

func (m *mediaSession) codec(kind media.Kind) string {
	for _, t := range m.tracks {
		if t.Kind == kind {
			return t.Codec.Name
		}
	}
	return ""
}

// seeUp returns how many packets were lost since the sample before.
func (t *track) seeUp(source any, c sfu.UpStats, line rtc.Line, since time.Duration) (lost uint64) {
	if t.source != source {
		*t = track{source: source, expected: line.Expected, missing: int64(line.Expected) - int64(line.Packets)}
	}
	lost = t.lose(line.Expected, int64(line.Expected)-int64(line.Packets))
	t.flow(c.Packets, c.Bytes, c.Frames, since)
	t.KeyFrames, t.Lost, t.Recovered, t.Nacks, t.KeyRequests = c.KeyFrames, c.Lost, c.Recovered, c.Nacks, c.Plis
	t.Width, t.Height, t.Jitter = c.Size.Width, c.Size.Height, line.Jitter
	return lost
}

// seeDown is seeUp for a viewer's track.
func (t *track) seeDown(down *sfu.DownTrack, since time.Duration) (lost uint64) {
	c := down.Stats()
	if t.source != down {
		*t = track{source: down}
	}
	lost = t.lose(c.Packets, c.Report.TotalLost)
	t.flow(c.Packets, c.Bytes, c.Frames, since)
	t.KeyFrames, t.Lost, t.Repeated, t.Nacks, t.KeyRequests = c.KeyFrames, uint64(max(c.Report.TotalLost, 0)), c.Repeated, c.Nacked, c.Plis
	t.RTT, t.Jitter = c.Report.RTT, c.Report.Jitter
	return lost
}

// lose takes how many packets there should be and are not. A repeated packet that comes makes up for one.
func (t *track) lose(expected uint64, missing int64) (lost uint64) {
	more := max(int64(expected)-int64(t.expected), 0)
	gone := min(max(missing-t.missing, 0), more)
	t.Loss, t.recent = 0, uint64(more)
	if more > 0 {
		t.Loss = float64(gone) / float64(more)
	}
	t.expected, t.missing = expected, missing
	return uint64(gone)
}

func (t *track) flow(packets, bytes, frames uint64, since time.Duration) {
	if since > 0 {
		t.Bitrate = media.Bitrate(float64(bytes-t.Bytes) * 8 / since.Seconds())
		t.FrameRate = float64(frames-t.Frames) / since.Seconds()
	}
	t.Packets, t.Bytes, t.Frames = packets, bytes, frames
}
