package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/client"
)

// epoch is what the stamps in payloads count from: publishers and viewers are one process.
var epoch = time.Now()

// viewer receives what one publisher sends.
type viewer struct {
	transport *transport
	exchange  client.Exchanger
	location  string
	ssrc      uint32 // of our reports
	video     flow
	audio     flow
	started   time.Time
	first     chan struct{} // closed at the first packet of media

	mu       sync.Mutex // guards what follows
	tracks   map[uint32]*track
	recorder *twcc.Recorder
	lastSSRC uint32
	delay    histogram
	bytes    uint64 // of datagrams with RTP
	packets  uint64 // RTP packets that arrived: first sendings and repeats
	joined   joinTimes
	nacks    uint64
	feedback uint64
}

// joinTimes are counted from the moment at which the offer was made; 0 means that it has not happened.
type joinTimes struct {
	connected, firstPacket, firstKey time.Duration
}

// track is one incoming stream.
type track struct {
	arrival
	rate uint64 // Hz
	ssrc uint32
	sr   uint32 // middle of the last sender report's NTP time
	srAt time.Time
}

func (v *viewer) track(ssrc uint32, rate uint64) *track {
	t := v.tracks[ssrc]
	if t == nil {
		t = &track{ssrc: ssrc, rate: rate}
		v.tracks[ssrc] = t
	}
	return t
}

// joinViewer subscribes and returns when the transport is connected.
func joinViewer(ctx context.Context, id *identity, e client.Exchanger, url string, audio bool) (*viewer, error) {
	v := &viewer{exchange: e, ssrc: randomSSRC(), started: time.Now(), first: make(chan struct{}), tracks: map[uint32]*track{}}
	v.recorder = twcc.NewRecorder(v.ssrc)
	v.transport = newTransport(id, v)
	flows := []flow{{kind: "video"}}
	if audio {
		flows = append(flows, flow{kind: "audio"})
	}
	text, location, err := e.Offer(ctx, url, v.transport.offer(false, flows))
	if err != nil {
		return nil, err
	}
	v.location = location
	a, err := parseAnswer(text)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	for _, f := range a.flows {
		if f.kind == "video" {
			v.video = f
		} else {
			v.audio = f
		}
	}
	if err := v.transport.connect(ctx, a); err != nil {
		v.transport.close()
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.joined.connected = time.Since(v.started)
	return v, nil
}

// takeRTP implements handler.
func (v *viewer) takeRTP(at time.Time, h *rtp.Header, payload []byte, size int) {
	v.mu.Lock()
	v.packets++
	v.bytes += uint64(size)
	if v.joined.firstPacket == 0 {
		v.joined.firstPacket = at.Sub(v.started)
		close(v.first)
	}
	var ask []uint16
	var media uint32
	if v.video.twcc != 0 {
		if ext := h.GetExtension(v.video.twcc); len(ext) == 2 {
			v.lastSSRC = h.SSRC
			v.recorder.Record(h.SSRC, binary.BigEndian.Uint16(ext), at.Sub(epoch).Microseconds())
		}
	}
	switch h.PayloadType {
	case v.video.payload:
		if h.PaddingSize == 0 || len(payload) > int(h.PaddingSize) {
			ask, media = v.takeVideo(at, h, payload), h.SSRC
		}
	case v.video.rtxType:
		v.takeRepeat(at, payload)
	case v.audio.payload:
		v.track(h.SSRC, 48000).take(h.SequenceNumber)
	}
	v.mu.Unlock()
	if len(ask) > 0 {
		v.nack(media, ask)
	}
}

func (v *viewer) takeVideo(at time.Time, h *rtp.Header, payload []byte) (ask []uint16) {
	t := v.track(h.SSRC, 90000)
	missing, fresh := t.take(h.SequenceNumber)
	if !fresh {
		return nil
	}
	t.clock(h.Timestamp, at.Sub(epoch).Microseconds()*9/100)
	v.look(at, payload)
	for _, seq := range missing {
		g := t.missing[t.extend(seq)]
		g.asked, g.tries = at, 1
	}
	return missing
}

// takeRepeat unwraps a retransmission (RFC 4588 section 4).
func (v *viewer) takeRepeat(at time.Time, payload []byte) {
	if len(payload) < 2 {
		return
	}
	for _, t := range v.tracks {
		if t.rate != 90000 {
			continue
		}
		if _, fresh := t.take(binary.BigEndian.Uint16(payload)); fresh {
			v.look(at, payload[2:])
		}
	}
}

func (v *viewer) look(at time.Time, payload []byte) {
	if sent, ok := readStamp(payload); ok {
		v.delay.add(at.Sub(epoch) - sent)
	}
	if v.joined.firstKey == 0 && isKeyStart(payload) {
		v.joined.firstKey = at.Sub(v.started)
	}
}

// takeRTCP implements handler.
func (v *viewer) takeRTCP(at time.Time, raw []byte) {
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			if t := v.tracks[sr.SSRC]; t != nil {
				t.sr, t.srAt = uint32(sr.NTPTime>>16), at
			}
		}
	}
}

func (v *viewer) nack(media uint32, seqs []uint16) {
	v.mu.Lock()
	v.nacks++
	v.mu.Unlock()
	v.send(&rtcp.TransportLayerNack{
		SenderSSRC: v.ssrc, MediaSSRC: media, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
	})
}

// askKeyFrame sends a PLI if no key frame has come yet.
func (v *viewer) askKeyFrame() {
	v.mu.Lock()
	have, ssrc := v.joined.firstKey != 0, v.video.ssrc
	v.mu.Unlock()
	if !have && ssrc != 0 {
		v.send(&rtcp.PictureLossIndication{SenderSSRC: v.ssrc, MediaSSRC: ssrc})
	}
}

// feed sends what a browser would in this tenth of a second: TWCC, NACKs to be repeated, and once a second the reports.
func (v *viewer) feed(now time.Time, report bool) {
	v.mu.Lock()
	var out []rtcp.Packet
	if report {
		rr := &rtcp.ReceiverReport{SSRC: v.ssrc}
		for _, t := range v.tracks {
			rr.Reports = append(rr.Reports, t.reception(now))
		}
		out = append(out, rr)
	}
	out = append(out, v.recorder.BuildFeedbackPacket()...)
	for _, t := range v.tracks {
		if seqs := t.due(now, nil); len(seqs) > 0 {
			v.nacks++
			out = append(out, &rtcp.TransportLayerNack{
				SenderSSRC: v.ssrc, MediaSSRC: t.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
			})
		}
	}
	v.feedback += uint64(len(out))
	v.mu.Unlock()
	if len(out) > 0 {
		v.send(out...)
	}
}

func (t *track) reception(now time.Time) rtcp.ReceptionReport {
	lost := int64(t.expected()) - int64(t.received)
	r := rtcp.ReceptionReport{
		SSRC: t.ssrc, FractionLost: t.fraction(), TotalLost: uint32(max(lost, 0)) & 0xffffff,
		LastSequenceNumber: uint32(t.highest - 1<<16), Jitter: uint32(t.jitter), LastSenderReport: t.sr,
	}
	if !t.srAt.IsZero() {
		r.Delay = uint32(now.Sub(t.srAt).Seconds() * 65536)
	}
	return r
}

func (v *viewer) send(packets ...rtcp.Packet) {
	raw, err := rtcp.Marshal(packets)
	if err == nil {
		_ = v.transport.sendRTCP(raw) // lost feedback is sent again
	}
}

// leave ends the viewer.
func (v *viewer) leave(ctx context.Context) error {
	err := v.exchange.Delete(ctx, v.location)
	v.transport.close()
	return err
}

// seen is what a viewer has counted so far.
type seen struct {
	packets, bytes               uint64
	expected, received, repaired uint64
	double, nacks, feedback      uint64
	badTag                       uint64
	delay                        histogram
	joined                       joinTimes
}

// count returns the counts and, if asked, begins anew with the delays.
func (v *viewer) count(restart bool) seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := seen{
		packets: v.packets, bytes: v.bytes, delay: v.delay, joined: v.joined, nacks: v.nacks,
		feedback: v.feedback, badTag: v.transport.badTag.Load(),
	}
	for _, t := range v.tracks {
		s.expected += t.expected()
		s.received += t.received
		s.repaired += t.repaired
		s.double += t.double
	}
	if restart {
		v.delay = histogram{}
	}
	return s
}
