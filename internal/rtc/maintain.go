package rtc

import (
	"context"
	"time"

	"github.com/pion/interceptor/pkg/twcc"

	"github.com/proscenium-live/proscenium/internal/media"
)

// ticksPerSecond is how often publishers get transport-wide feedback: browsers expect it every 50 to 100 ms.
// Everything else happens once a second per peer, spread over the ticks.
const ticksPerSecond = 20

func newRecorder(ssrc uint32) *twcc.Recorder { return twcc.NewRecorder(ssrc) }

// maintain does the timed work of all peers.
func (t *Transport) maintain(ctx context.Context) {
	ticker := time.NewTicker(time.Second / ticksPerSecond)
	defer ticker.Stop()
	var peers []*Peer
	for slot := 0; ; slot = (slot + 1) % ticksPerSecond {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := media.Now()
		for _, p := range *t.publishers.Load() {
			p.sendTransportFeedback()
		}
		peers = peers[:0]
		t.mu.Lock()
		for p := range t.wheel[slot] {
			peers = append(peers, p)
		}
		t.mu.Unlock()
		for i, p := range peers {
			p.everySecond(now)
			peers[i] = nil
		}
	}
}

// everySecond ends a peer whose time is over and sends the reports of one that lives.
func (p *Peer) everySecond(now media.Time) {
	o := &p.t.options
	quiet := p.ice.quiet(p.born, now)
	switch p.State() {
	case New:
		since, shaking := p.wire.handshaking()
		late := shaking && now-since > o.HandshakeTimeout+time.Second
		// A peer may pass its checks and never begin DTLS: both together must fit the time.
		if quiet > o.PendingTimeout || late || !shaking && now-p.born > o.PendingTimeout {
			p.end(Failed)
		}
	case Connected:
		if quiet > o.ConsentTimeout {
			p.end(Failed)
			return
		}
		p.leaveSilentPath(now)
		p.sendReports(now)
		p.restIfIdle(now)
	}
}

// sendReports sends a publisher its receiver report, a viewer the sender reports of its tracks.
func (p *Peer) sendReports(now media.Time) {
	if len(p.remotes) > 0 {
		p.rx.mu.Lock()
		blocks := make([]reportBlock, 0, len(p.rx.streams))
		for _, s := range p.rx.streams {
			blocks = append(blocks, s.block(now))
		}
		p.rx.mu.Unlock()
		if len(blocks) > 0 {
			p.sendRTCP(func(b []byte) []byte {
				return appendSDES(appendRR(b, p.ssrc, blocks), p.ssrc, "proscenium")
			})
		}
		return
	}
	p.sendRTCP(func(b []byte) []byte {
		for _, l := range p.locals {
			b = l.appendReport(b, now)
		}
		return b
	})
}

// appendReport continues the source's clock from its last report; the caller holds tx.mu.
func (l *Local) appendReport(b []byte, now media.Time) []byte {
	if !l.hasReport || l.main.packets == 0 {
		return b
	}
	since := now - l.report.Arrival
	ntp := l.report.NTP + uint64(int64(since/time.Second)<<32+int64(since%time.Second)<<32/int64(time.Second))
	rtp := l.report.RTP + uint32(int64(since)/1000*int64(l.rate)/1e6)
	l.sent[l.nextSent] = sentReport{middle: uint32(ntp >> 16), at: now}
	l.nextSent = (l.nextSent + 1) % len(l.sent)
	b = appendSR(b, l.main.ssrc, ntp, rtp, l.main.packets, l.main.octets)
	return appendSDES(b, l.main.ssrc, l.cname)
}

// sendTransportFeedback tells a publisher when its packets came; browsers raise their bitrate only with it.
func (p *Peer) sendTransportFeedback() {
	p.rx.mu.Lock()
	r := p.rx.recorder
	if r == nil || r.PacketsHeld() == 0 {
		p.rx.mu.Unlock()
		return
	}
	packets := r.BuildFeedbackPacket()
	p.rx.mu.Unlock()
	for _, packet := range packets {
		raw, err := packet.Marshal()
		if err != nil || len(raw) > dtlsMTU {
			continue
		}
		p.t.counters.FeedbackOut.Add(1)
		p.sendRTCP(func(b []byte) []byte { return append(b, raw...) })
	}
}

// sendBye says goodbye for all of a peer's sources.
func (p *Peer) sendBye() {
	p.sendRTCP(func(b []byte) []byte {
		b = appendRR(b, p.ssrc, nil)
		for _, l := range p.locals {
			b = appendBye(b, l.main.ssrc)
		}
		return appendBye(b, p.ssrc)
	})
}

// sendRTCP encrypts and sends what build appends, unless that is nothing or there are no keys. build is
// called under tx.mu.
func (p *Peer) sendRTCP(build func([]byte) []byte) {
	path := p.ice.selected.Load()
	if path == nil {
		return
	}
	tx := &p.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.context == nil {
		return
	}
	tx.rtcp = build(tx.rtcp[:0])
	if len(tx.rtcp) == 0 {
		return
	}
	sealed, err := tx.context.EncryptRTCP(nil, tx.rtcp, &tx.rtcpHead)
	if err != nil {
		return // 2^31 packets: the peer has been here for decades
	}
	p.t.port.Send(*path, sealed)
}
