package rtc

import (
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// nacksPerRequest bounds one NACK to what a datagram holds with ease.
const nacksPerRequest = 250

// remote is one track of a publisher. It is the track's media.Source.
type remote struct {
	peer                        *Peer
	track                       media.Track
	payloadType, rtxPayloadType uint8
	red                         redundant
	ssrc                        atomic.Uint32 // of the stream heard last, 0 before

	// guarded by peer.rx.mu
	receiver media.Receiver
	fresh    bool // the receiver has got something since its last Flush
}

func newRemote(p *Peer, s *sdp.Section) *remote {
	r := &remote{
		peer: p, payloadType: s.Codec.PayloadType,
		track: media.Track{ID: s.Offered.MID, Kind: media.Audio, Codec: media.Codec{
			Name: s.Codec.Name, ClockRate: s.Codec.ClockRate, Channels: s.Codec.Channels, FMTP: s.Codec.FMTP,
		}},
	}
	if s.Offered.Kind == sdp.Video {
		r.track.Kind = media.Video
	}
	if r.track.ID == "" {
		r.track.ID = r.track.Kind.String()
	}
	if s.RED != nil {
		r.red = redundant{payloadType: s.RED.PayloadType, room: make([]byte, 1+media.MaxPacket)}
		r.track.Codec.RED = s.Codec.PayloadType
	}
	if s.RTX != nil {
		r.rtxPayloadType = s.RTX.PayloadType
	}
	ids := &p.rx.ids
	ids.mid = max(ids.mid, s.Extension(sdp.ExtMID))
	ids.level = max(ids.level, s.Extension(sdp.ExtAudioLevel))
	ids.transport = max(ids.transport, s.Extension(sdp.ExtTransportCC))
	if ids.transport != 0 && p.rx.recorder == nil {
		p.rx.recorder = newRecorder(p.ssrc)
	}
	return r
}

// Track describes the track; its codec is as negotiated.
func (r *remote) Track() media.Track { return r.track }

// RequestKeyFrame sends a PLI, unless nothing has been heard of the track yet.
func (r *remote) RequestKeyFrame() {
	if ssrc := r.ssrc.Load(); ssrc != 0 {
		r.peer.t.counters.PLIOut.Add(1)
		r.peer.sendRTCP(func(b []byte) []byte { return appendPLI(b, r.peer.ssrc, ssrc) })
	}
}

// RequestPackets sends generic NACKs.
func (r *remote) RequestPackets(seqs []uint16) {
	ssrc := r.ssrc.Load()
	if ssrc == 0 {
		return
	}
	r.peer.t.counters.NacksOut.Add(uint64(len(seqs)))
	for len(seqs) > 0 {
		some := seqs[:min(len(seqs), nacksPerRequest)]
		seqs = seqs[len(some):]
		r.peer.sendRTCP(func(b []byte) []byte { return appendNack(b, r.peer.ssrc, ssrc, some) })
	}
}

// received is one SSRC of a publisher and what a receiver report says of it (RFC 3550 appendix A.3, A.8).
type received struct {
	ssrc     uint32
	remote   *remote
	repeats  bool // carries retransmissions
	started  bool
	first    uint32 // extended number
	highest  uint32 // extended number
	packets  uint32
	expected uint32 // at the last report
	counted  uint32 // packets at the last report
	transit  uint32
	jitter   uint32 // times 16
	lastSR   uint32
	lastSRAt media.Time
}

func (s *received) count(h *header, now media.Time) {
	arrival := uint32(uint64(now) * uint64(s.remote.track.Codec.ClockRate) / 1e9)
	transit := arrival - h.timestamp
	if !s.started {
		s.started, s.first, s.highest = true, uint32(h.seq), uint32(h.seq)
		s.transit = transit
	}
	if d := int16(h.seq - uint16(s.highest)); d > 0 {
		s.highest += uint32(d)
	}
	s.packets++
	d := int32(transit - s.transit)
	s.transit = transit
	if d < 0 {
		d = -d
	}
	s.jitter += uint32(d) - (s.jitter+8)>>4
}

// block makes the report since the last one.
func (s *received) block(now media.Time) reportBlock {
	expected := s.highest - s.first + 1
	lost := int64(expected) - int64(s.packets)
	interval := int64(expected - s.expected)
	missed := interval - int64(s.packets-s.counted)
	s.expected, s.counted = expected, s.packets
	b := reportBlock{
		ssrc: s.ssrc, highest: s.highest, jitter: s.jitter >> 4,
		lost: int32(max(min(lost, 0x7fffff), -0x800000)),
	}
	if interval > 0 && missed > 0 {
		b.fraction = uint8(min(missed*256/interval, 255))
	}
	if s.lastSRAt > 0 {
		b.lastSR = s.lastSR
		b.delay = uint32((now - s.lastSRAt) * 65536 / 1e9)
	}
	return b
}
