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
	}
	p.rx.mu.Unlock()
	p.tx.mu.Lock()
	for _, l := range p.locals {
		s.PacketsSent += uint64(l.main.packets)
		s.BytesSent += uint64(l.main.octets)
		s.Resent += uint64(l.rtx.packets)
	}
	p.tx.mu.Unlock()
	s.State = p.State()
	s.Quiet = p.ice.quiet(p.born, media.Now())
	if path := p.ice.selected.Load(); path != nil {
		s.Remote, s.TCP = path.Remote(), path.TCP()
	}
	return s
}
