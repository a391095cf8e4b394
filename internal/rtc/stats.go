package rtc

import (
	"net/netip"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// Stats tell how a peer's line is.
type Stats struct {
	State   State
	Remote  netip.AddrPort // where media goes; invalid before there is a path
	TCP     bool
	RTT     time.Duration // of a viewer, 0 when not known
	Quiet   time.Duration // since the last valid connectivity check
	Streams int           // SSRCs heard of

	PacketsReceived uint64
	BytesReceived   uint64
	Lost            uint64 // packets of a publisher that never came
	PacketsSent     uint64
	BytesSent       uint64 // of payload
	Resent          uint64 // packets on retransmission streams

	Nacked           uint64 // packets a viewer asked for again
	FeedbackReceived uint64 // packets that transport-wide feedback reports as come
	FeedbackLost     uint64 // and as lost
	Estimate         media.Bitrate

	// Lines tell, by kind, how the tracks of a publisher arrive; retransmissions are not in them.
	Lines [media.Video + 1]Line

	// Moments of the peer's life, 0 before they come.
	Born  media.Time // the offer was taken
	Path  media.Time // the first valid connectivity check
	First media.Time // the first packet of media, in of a publisher, out to a viewer
}

// Line is how a track of a publisher arrives.
type Line struct {
	Expected uint64 // packets, by their numbers
	Packets  uint64 // that came
	Jitter   time.Duration
}

// Stats returns the peer's figures. It takes the peer's locks for a moment.
func (p *Peer) Stats() Stats {
	p.rx.mu.Lock()
	s := p.rx.stats
	s.Streams = len(p.rx.streams)
	for _, r := range p.rx.streams {
		if lost := int64(r.highest-r.first+1) - int64(r.packets); r.started && lost > 0 {
			s.Lost += uint64(lost)
		}
		s.Lines[r.remote.track.Kind].add(r)
	}
	p.rx.mu.Unlock()
	p.tx.mu.Lock()
	for _, l := range p.locals {
		s.PacketsSent += uint64(l.main.packets)
		s.BytesSent += uint64(l.main.octets)
		s.Resent += uint64(l.rtx.packets - l.pads)
	}
	s.First = max(s.First, p.tx.first) // a peer has one of them
	p.tx.mu.Unlock()
	s.State = p.State()
	s.Born = p.born
	s.Quiet, s.Path = p.ice.quiet(p.born, media.Now()), p.ice.reached()
	if path := p.ice.selected.Load(); path != nil {
		s.Remote, s.TCP = path.Remote(), path.TCP()
	}
	return s
}

// add counts one SSRC in, unless it carries retransmissions; the caller holds rx.mu.
func (l *Line) add(r *received) {
	if !r.started || r.repeats {
		return
	}
	l.Expected += uint64(r.highest - r.first + 1)
	l.Packets += uint64(r.packets)
	if rate := r.remote.track.Codec.ClockRate; rate > 0 && r.ssrc == r.remote.ssrc.Load() {
		l.Jitter = time.Duration(uint64(r.jitter>>4) * uint64(time.Second) / uint64(rate))
	}
}
