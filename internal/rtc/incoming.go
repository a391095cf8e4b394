package rtc

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

const (
	// maxStreams is how many SSRCs one peer may use: three layers with retransmissions and audio are seven,
	// and a sender that restarts its encoder takes new ones.
	maxStreams = 32
	// rtcpPerSecond is how many RTCP datagrams of one peer are read in a second: transport-wide feedback at
	// its quickest is about 50.
	rtcpPerSecond = 200
	// nacksPerSecond is how many packets one viewer may ask for in a second: half of what an 8.5 Mbit/s
	// stream has. Beyond that it needs a lower bitrate, not more packets.
	nacksPerSecond = 500
	// nacksAtOnce bounds one call of Feedback.Nack.
	nacksAtOnce = 128
	// keyFrameWishesPerSecond bounds PLI and FIR of one viewer; the forwarder throttles over all viewers.
	keyFrameWishesPerSecond = 4
)

// incoming is what a peer's packets in have in common.
type incoming struct {
	mu       sync.Mutex
	context  *srtp.Context // nil before the keys are there
	rtpHead  rtp.Header    // reused by context
	rtcpHead rtcp.Header   // reused by context
	reporter []uint32      // SSRCs that authenticated RTCP came from

	streams   []*received
	strangers []uint32     // SSRCs of no track
	ids       extensionIDs // of all sections: a bundle shares its numbers
	touched   bool         // a receiver has got something since the last flush
	queued    bool         // a reader knows
	packet    media.Packet
	recorder  *twcc.Recorder // of a publisher with transport-wide feedback

	budget budget
	nacks  [nacksAtOnce]uint16
	stats  Stats
}

// budget is what is left to a peer in the second.
type budget struct {
	second                 int64 // counted from 1: 0 is none yet
	rtcp, nacks, keyFrames int
}

func (b *budget) renew(now media.Time) {
	if s := 1 + second(now); s != b.second {
		*b = budget{second: s, rtcp: rtcpPerSecond, nacks: nacksPerSecond, keyFrames: keyFrameWishesPerSecond}
	}
}

// take takes up to n of what is left and returns how many.
func take(left *int, n int) int {
	n = min(n, *left)
	*left -= n
	return n
}

func (in *incoming) open(context *srtp.Context) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.context = context
}

func (p *Peer) setReceiver(r *remote, to media.Receiver) {
	p.rx.mu.Lock()
	defer p.rx.mu.Unlock()
	r.receiver = to
}

// mediaIn takes an SRTP or SRTCP packet. It reports whether the peer must be flushed at the end of the batch.
func (p *Peer) mediaIn(data []byte, from packetio.Path, now media.Time) bool {
	if len(data) < 12 {
		p.t.counters.BadSRTP.Add(1)
		return false
	}
	in := &p.rx
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.context == nil || p.State() > Connected {
		p.t.counters.EarlyMedia.Add(1)
		return false
	}
	var authentic bool
	if kind := data[1]; kind >= 192 && kind <= 223 { // RFC 5761 section 4
		authentic = p.rtcpIn(data, now)
	} else {
		authentic = p.rtpIn(data, now)
	}
	if authentic {
		p.heard(from, now)
	}
	if !in.touched || in.queued {
		return false
	}
	in.queued = true
	return true
}

// flush tells the receivers that nothing more is at hand.
func (p *Peer) flush(now media.Time) {
	p.rx.mu.Lock()
	defer p.rx.mu.Unlock()
	p.rx.touched, p.rx.queued = false, false
	for _, r := range p.remotes {
		if r.receiver != nil && r.fresh {
			r.fresh = false
			r.receiver.Flush(now)
		}
	}
}

// rtpIn decrypts a packet in place and hands it to its track's receiver; the caller holds rx.mu. It reports
// whether the packet is the peer's.
func (p *Peer) rtpIn(data []byte, now media.Time) (authentic bool) {
	in, c := &p.rx, &p.t.counters
	if len(p.remotes) == 0 {
		c.Unwanted.Add(1)
		return false
	}
	ssrc := binary.BigEndian.Uint32(data[8:])
	s := in.stream(ssrc)
	if s == nil && !in.hears(ssrc) {
		c.UnknownStream.Add(1)
		return false
	}
	plain, err := in.context.DecryptRTP(data, data, &in.rtpHead)
	if err != nil {
		c.BadSRTP.Add(1)
		return false
	}
	var h header
	if !parseHeader(plain, in.ids, &h) {
		c.BadRTP.Add(1)
		return true
	}
	payload, ok := h.payload(plain)
	if !ok || len(payload) > media.MaxPacket {
		c.BadRTP.Add(1)
		return true
	}
	if h.hasTransport && in.recorder != nil {
		in.recorder.Record(ssrc, h.transport, int64(now/time.Microsecond))
	}
	if s == nil {
		if s = p.newStream(&h); s == nil {
			c.UnknownStream.Add(1)
			return true
		}
	}
	s.count(&h, now)
	c.PacketsIn.Add(1)
	c.BytesIn.Add(uint64(len(data)))
	if in.stats.First == 0 {
		in.stats.First = now
	}
	in.stats.PacketsReceived++
	in.stats.BytesReceived += uint64(len(data))
	p.deliver(s, &h, payload, now)
	return true
}

// deliver unwraps a retransmission (RFC 4588 section 4) and calls the receiver.
func (p *Peer) deliver(s *received, h *header, payload []byte, now media.Time) {
	r, c := s.remote, &p.t.counters
	pkt := &p.rx.packet
	*pkt = media.Packet{
		Seq: h.seq, Timestamp: h.timestamp, Marker: h.marker, Level: h.level, HasLevel: h.hasLevel,
		Payload: payload, Arrival: now,
	}
	switch {
	case h.payloadType == r.rtxPayloadType && r.rtxPayloadType != 0:
		if len(payload) < 2 {
			c.Probes.Add(1) // a bandwidth probe: padding on the retransmission stream
			return
		}
		pkt.Seq, pkt.Payload, pkt.Repeat = binary.BigEndian.Uint16(payload), payload[2:], true
		c.RTXIn.Add(1)
	case r.red.is(h.payloadType):
	case h.payloadType != r.payloadType:
		c.UnknownStream.Add(1)
		return
	case len(payload) == 0:
		c.Probes.Add(1)
	case r.red.payloadType != 0: // a sender may send what it needs no redundancy for plainly
		pkt.Payload = codec.WrapRED(r.red.room, r.payloadType, payload)
	}
	if r.receiver == nil {
		return
	}
	p.rx.touched, r.fresh = true, true
	r.receiver.Receive(pkt)
}

// rtcpIn decrypts and reads a compound; the caller holds rx.mu. It reports whether the packet is the peer's.
func (p *Peer) rtcpIn(data []byte, now media.Time) (authentic bool) {
	in, c := &p.rx, &p.t.counters
	from := binary.BigEndian.Uint32(data[4:])
	known := slices.Contains(in.reporter, from)
	if !known && len(in.reporter) >= maxStreams {
		c.UnknownStream.Add(1)
		return false
	}
	plain, err := in.context.DecryptRTCP(data[:0], data, &in.rtcpHead)
	if err != nil {
		c.BadSRTP.Add(1)
		return false
	}
	// Not before the tag: whoever floods the peer's address with forgeries must not use its budget up.
	in.budget.renew(now)
	if take(&in.budget.rtcp, 1) == 0 {
		c.LimitedRTCP.Add(1)
		return true
	}
	if !known {
		in.reporter = append(in.reporter, from)
	}
	c.RTCPIn.Add(1)
	for len(plain) > 0 {
		packet, rest, ok := nextRTCP(plain)
		if !ok || !p.report(packet, now) {
			c.BadRTCP.Add(1)
			return true
		}
		plain = rest
	}
	return true
}

// report reads one RTCP packet. It reports false if the packet makes no sense.
func (p *Peer) report(packet rtcpPacket, now media.Time) bool {
	body := packet.body
	switch packet.kind {
	case typeSR:
		if len(body) < 24 {
			return false
		}
		p.senderReport(body, now)
		return p.blocks(body[24:], packet.format, now)
	case typeRR:
		return len(body) >= 4 && p.blocks(body[4:], packet.format, now)
	case typeRTPFB, typePSFB:
		if len(body) < 8 {
			return false
		}
		return p.feedback(packet, binary.BigEndian.Uint32(body[4:]), body[8:], now)
	}
	return true // SDES, BYE, APP, XR: nothing in them is needed
}

func (p *Peer) feedback(packet rtcpPacket, about uint32, fci []byte, now media.Time) bool {
	in, c := &p.rx, &p.t.counters
	switch {
	case packet.kind == typeRTPFB && packet.format == formatNack:
		p.nack(about, fci, now)
	case packet.kind == typeRTPFB && packet.format == formatTransport:
		heard, ok := p.transportFeedback(fci, now)
		c.FeedbackIn.Add(1)
		in.stats.FeedbackReceived += uint64(heard.Received)
		in.stats.FeedbackLost += uint64(heard.Lost)
		return ok
	case packet.kind == typePSFB && packet.format == formatPLI:
		p.keyFrameWish(about, now)
	case packet.kind == typePSFB && packet.format == formatFIR:
		for ; len(fci) >= 8; fci = fci[8:] { // the SSRC stands in each entry (RFC 5104 section 4.3.1.1)
			p.keyFrameWish(binary.BigEndian.Uint32(fci), now)
		}
	case packet.kind == typePSFB && packet.format == formatREMB:
		if rate, ok := readREMB(fci); ok {
			in.stats.Estimate = media.Bitrate(rate)
			p.remoteEstimate(media.Bitrate(rate), now)
		}
	}
	return true
}

func (p *Peer) local(ssrc uint32) *Local {
	for _, l := range p.locals {
		if l.main.ssrc == ssrc {
			return l
		}
	}
	return nil
}

func (p *Peer) nack(about uint32, entries []byte, now media.Time) {
	l := p.local(about)
	if l == nil {
		return
	}
	in, c := &p.rx, &p.t.counters
	seqs, asked := readNack(entries, in.nacks[:0])
	c.NacksIn.Add(uint64(asked))
	granted := take(&in.budget.nacks, len(seqs))
	if granted < asked {
		c.LimitedRTCP.Add(1)
	}
	in.stats.Nacked += uint64(granted)
	if f := l.feedback.Load(); f != nil && granted > 0 {
		f.Nack(seqs[:granted], now)
	}
}

func (p *Peer) keyFrameWish(about uint32, now media.Time) {
	l := p.local(about)
	if l == nil {
		return
	}
	p.t.counters.PLIIn.Add(1)
	if take(&p.rx.budget.keyFrames, 1) == 0 {
		p.t.counters.LimitedRTCP.Add(1)
		return
	}
	if f := l.feedback.Load(); f != nil {
		f.WantKeyFrame(now)
	}
}

// blocks reads a viewer's report on our streams.
func (p *Peer) blocks(data []byte, count uint8, now media.Time) bool {
	return reportBlocks(data, count, func(b reportBlock) {
		l := p.local(b.ssrc)
		if l == nil {
			return
		}
		r := media.Report{
			FractionLost: float64(b.fraction) / 256,
			TotalLost:    int64(b.lost),
			RTT:          l.roundTrip(b, now),
		}
		if l.rate > 0 {
			r.Jitter = time.Duration(int64(b.jitter) * int64(time.Second) / int64(l.rate))
		}
		if r.RTT > 0 {
			p.rx.stats.RTT = r.RTT
		}
		l.reported(b, r.RTT, now)
		if f := l.feedback.Load(); f != nil {
			f.Report(r, now)
		}
	})
}

// roundTrip is RFC 3550 section 6.4.1, with the sending time remembered here: the reports carry the
// publisher's clock. Nonsense gives 0.
func (l *Local) roundTrip(b reportBlock, now media.Time) time.Duration {
	if b.lastSR == 0 {
		return 0
	}
	l.peer.tx.mu.Lock()
	defer l.peer.tx.mu.Unlock()
	for _, s := range l.sent {
		if s.middle != b.lastSR {
			continue
		}
		if rtt := now - s.at - time.Duration(uint64(b.delay)*uint64(time.Second)>>16); rtt > 0 && rtt < time.Minute {
			return rtt
		}
	}
	return 0
}

// senderReport reads a publisher's clock.
func (p *Peer) senderReport(body []byte, now media.Time) {
	s := p.rx.stream(binary.BigEndian.Uint32(body))
	if s == nil {
		return
	}
	ntp := binary.BigEndian.Uint64(body[4:])
	s.lastSR, s.lastSRAt = uint32(ntp>>16), now
	if s.remote.receiver != nil && s.ssrc == s.remote.ssrc.Load() {
		s.remote.receiver.ReceiveReport(media.SenderReport{NTP: ntp, RTP: binary.BigEndian.Uint32(body[12:]), Arrival: now})
	}
}
