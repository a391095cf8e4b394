package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
)

const (
	history     = 1024 // packets that can be sent again, about six seconds at 1.5 Mbit/s
	ntpEpoch    = 2208988800
	soundEvery  = 20 * time.Millisecond
	reportEvery = time.Second
)

func randomSSRC() uint32 { return rand.Uint32() | 1 } //nolint:gosec // no secret

// publisher sends a stream in real time.
type publisher struct {
	transport *transport
	exchange  client.Exchanger
	location  string
	stream    *stream
	sound     [][]byte // nil: video only

	video, audio flow
	videoSeq     uint16
	audioSeq     uint16
	rtxSeq       uint16
	twccSeq      atomic.Uint32

	mu   sync.Mutex // guards what follows: the reader answers NACKs
	kept [history]keptPacket

	skip     atomic.Bool // a key frame was asked for
	packets  atomic.Uint64
	bytes    atomic.Uint64
	repeated atomic.Uint64
	plis     atomic.Uint64
	nacked   atomic.Uint64
	reports  atomic.Uint64 // TWCC and receiver reports that came
	behind   atomic.Int64  // the longest that a frame was late, in ns
}

type keptPacket struct {
	header  rtp.Header
	payload []byte
	there   bool
}

// joinPublisher publishes and returns when the transport is connected.
func joinPublisher(ctx context.Context, id *identity, e client.Exchanger, url string, s *stream, loop *loop.Loop, audio bool,
) (*publisher, error) {
	p := &publisher{exchange: e, stream: s}
	p.transport = newTransport(id, p)
	p.video = flow{kind: "video", ssrc: randomSSRC(), rtx: randomSSRC()}
	flows := []flow{p.video}
	if audio {
		p.sound = loop.Sound
		p.audio = flow{kind: "audio", ssrc: randomSSRC()}
		flows = append(flows, p.audio)
	}
	text, location, err := e.Offer(ctx, url, p.transport.offer(true, flows))
	if err != nil {
		return nil, err
	}
	p.location = location
	a, err := parseAnswer(text)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	for _, f := range a.flows {
		ours := &p.video
		if f.kind == "audio" {
			ours = &p.audio
		}
		ours.payload, ours.rtxType, ours.twcc = f.payload, f.rtxType, f.twcc
	}
	if p.video.payload == 0 {
		return nil, fmt.Errorf("answer takes no H264")
	}
	if err := p.transport.connect(ctx, a); err != nil {
		p.transport.close()
		return nil, err
	}
	return p, nil
}

// run sends until ctx is done.
func (p *publisher) run(ctx context.Context) {
	start := time.Now()
	frame, packet, at := 0, 0, 0
	nextReport := time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Since(start)
		if now >= nextReport {
			p.report(now)
			nextReport = now + reportEvery
		}
		for due(frame) <= now {
			if late := int64(time.Since(start) - due(frame)); late > p.behind.Load() {
				p.behind.Store(late)
			}
			if p.skip.Swap(false) {
				for !p.stream.frames[at%len(p.stream.frames)].key {
					at++
				}
			}
			p.sendFrame(&p.stream.frames[at%len(p.stream.frames)], uint32(frame*90000/frameRate))
			frame++
			at++
		}
		next := due(frame)
		if p.sound != nil {
			for time.Duration(packet)*soundEvery <= now {
				p.send(&p.audio, &p.audioSeq, uint32(packet*960), packet == 0, p.sound[packet%len(p.sound)])
				packet++
			}
			next = min(next, time.Duration(packet)*soundEvery)
		}
		timer.Reset(next - time.Since(start))
	}
}

// late returns the longest that a frame was late, and begins anew if asked.
func (p *publisher) late(restart bool) time.Duration {
	if restart {
		return time.Duration(p.behind.Swap(0))
	}
	return time.Duration(p.behind.Load())
}

func due(frame int) time.Duration { return time.Duration(frame) * time.Second / frameRate }

func (p *publisher) sendFrame(f *streamFrame, ts uint32) {
	var sei []byte
	for _, n := range f.padding {
		sei = appendStamped(sei[:0], n, time.Since(epoch))
		p.send(&p.video, &p.videoSeq, ts, false, sei)
	}
	for i, payload := range f.picture {
		p.send(&p.video, &p.videoSeq, ts, i == len(f.picture)-1, payload)
	}
}

func (p *publisher) send(f *flow, seq *uint16, ts uint32, marker bool, payload []byte) {
	h := rtp.Header{
		Version: 2, PayloadType: f.payload, SequenceNumber: *seq, Timestamp: ts, SSRC: f.ssrc, Marker: marker,
	}
	*seq++
	if f == &p.video {
		p.keep(h, payload)
	}
	p.write(f, h, payload)
	p.packets.Add(1)
}

func (p *publisher) keep(h rtp.Header, payload []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := &p.kept[h.SequenceNumber%history]
	k.header, k.payload, k.there = h, append(k.payload[:0], payload...), true
}

// write sends one packet under the next transport-wide number.
func (p *publisher) write(f *flow, h rtp.Header, payload []byte) {
	if f.twcc != 0 {
		n := uint16(p.twccSeq.Add(1))
		if err := h.SetExtension(f.twcc, []byte{byte(n >> 8), byte(n)}); err != nil {
			return
		}
	}
	raw := make([]byte, h.MarshalSize()+len(payload))
	n, err := h.MarshalTo(raw)
	if err != nil {
		return
	}
	copy(raw[n:], payload)
	p.bytes.Add(uint64(len(raw)))
	_ = p.transport.sendRTP(&h, raw) // what is lost is asked for again
}

func (p *publisher) report(at time.Duration) {
	now := time.Now()
	ntp := uint64(now.Unix()+ntpEpoch)<<32 | uint64(now.Nanosecond())<<32/1e9
	out := []rtcp.Packet{&rtcp.SenderReport{
		SSRC: p.video.ssrc, NTPTime: ntp, RTPTime: uint32(at.Microseconds() * 9 / 100),
		PacketCount: uint32(p.packets.Load()), OctetCount: uint32(p.bytes.Load()),
	}}
	if p.sound != nil {
		out = append(out, &rtcp.SenderReport{SSRC: p.audio.ssrc, NTPTime: ntp, RTPTime: uint32(at.Microseconds() * 48 / 1000)})
	}
	if raw, err := rtcp.Marshal(out); err == nil {
		_ = p.transport.sendRTCP(raw)
	}
}

// takeRTP implements handler: nobody sends media to a publisher.
func (p *publisher) takeRTP(time.Time, *rtp.Header, []byte, int) {}

// takeRTCP implements handler.
func (p *publisher) takeRTCP(_ time.Time, raw []byte) {
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return
	}
	for _, packet := range packets {
		switch v := packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			p.plis.Add(1)
			p.skip.Store(true) // as an encoder does: the next picture is a key frame
		case *rtcp.TransportLayerNack:
			for _, pair := range v.Nacks {
				for _, seq := range pair.PacketList() {
					p.nacked.Add(1)
					p.repeat(seq)
				}
			}
		case *rtcp.TransportLayerCC, *rtcp.ReceiverReport:
			p.reports.Add(1)
		}
	}
}

// repeat sends a packet again, on the retransmission stream if there is one (RFC 4588).
func (p *publisher) repeat(seq uint16) {
	p.mu.Lock()
	k := &p.kept[seq%history]
	if !k.there || k.header.SequenceNumber != seq {
		p.mu.Unlock()
		return
	}
	h, payload := k.header, append([]byte(nil), k.payload...)
	if p.video.rtxType != 0 {
		h.PayloadType, h.SSRC = p.video.rtxType, p.video.rtx
		h.SequenceNumber = p.rtxSeq
		p.rtxSeq++
		payload = append(binary.BigEndian.AppendUint16(nil, seq), payload...)
	}
	p.mu.Unlock()
	p.repeated.Add(1)
	p.write(&p.video, h, payload)
}

// leave ends the publisher.
func (p *publisher) leave(ctx context.Context) error {
	err := p.exchange.Delete(ctx, p.location)
	p.transport.close()
	return err
}
