package rtc

import (
	"context"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

const (
	// probeTick is how often the padding of a probe is sent: 40 portions in the 200 ms that one takes.
	probeTick = 5 * time.Millisecond
	// probePadding is the most that one packet can be padded with (RFC 3550 section 5.1).
	probePadding = 255
)

// openLine has a viewer's packets told to the estimator of its participant's line.
func (p *Peer) openLine() {
	if p.options.Link == nil || len(p.locals) == 0 {
		return
	}
	wide := true
	var probe func()
	for _, l := range p.locals {
		wide = wide && l.ids.transport != 0
		if l.kind == media.Video && l.ids.transport != 0 && l.rtx.ssrc != 0 {
			probe = func() { p.t.probes.add(p) }
		}
	}
	if !wide { // what the feedback says would be of a part only
		probe = nil
	}
	p.tx.line, p.tx.wide = p.options.Link.Open(probe), wide
}

// left tells the estimator of a packet; the caller holds tx.mu and has numbered it.
func (o *outgoing) left(b *packetio.Batch, size int) {
	switch {
	case o.line == nil:
	case o.wide:
		o.line.Sent(o.transport, size, b.Now())
	default:
		o.line.Count(size, b.Now())
	}
}

// transportFeedback reads when packets came.
func (p *Peer) transportFeedback(fci []byte, now media.Time) (bwe.Heard, bool) {
	tx := &p.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.line == nil || !tx.wide {
		return bwe.Count(fci)
	}
	if path := p.ice.selected.Load(); path != nil && *path != tx.lineOver {
		if !tx.lineOver.IsZero() {
			tx.line.Moved(now)
		}
		tx.lineOver = *path
	}
	return tx.line.Feedback(fci, now)
}

// remoteEstimate takes the viewer's own estimate.
func (p *Peer) remoteEstimate(rate media.Bitrate, now media.Time) {
	tx := &p.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.line != nil {
		tx.line.Remote(rate, now)
	}
}

// reported tells the estimator what a report says of a track; the caller holds rx.mu.
func (l *Local) reported(b reportBlock, rtt time.Duration, now media.Time) {
	expected := int(int32(b.highest - l.highest))
	first := l.highest == 0
	l.highest = b.highest
	tx := &l.peer.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.line == nil || tx.wide || first || expected <= 0 || expected > 1<<16 {
		return
	}
	tx.line.Report(expected, expected*int(b.fraction)/256, rtt, now)
}

// pad sends padding on a stream for retransmissions; the caller holds tx.mu.
func (l *Local) pad(b *packetio.Batch, path packetio.Path) {
	s := l.peer.tx.sealer
	l.rtx.seq++
	index, _ := l.rtx.advance(l.rtx.seq)
	h := media.Header{Timestamp: l.timestamp}
	n := l.headerSize(&l.rtx, h)
	slot := b.Append(path, n+probePadding+s.overhead())
	if slot == nil {
		return
	}
	l.putHeader(slot, &l.rtx, l.rtx.seq, h)
	slot[0] |= 0x20
	padding := slot[n : n+probePadding]
	clear(padding)
	padding[probePadding-1] = probePadding
	s.seal(slot, n, padding, l.rtx.ssrc, index)
	l.rtx.packets++
	l.rtx.octets += probePadding
	l.pads++
	l.peer.tx.left(b, len(slot))
	l.peer.t.counters.ProbesOut.Add(1)
}

// sendProbe sends what is due of a probe, and says whether more will be.
func (p *Peer) sendProbe(b *packetio.Batch, now media.Time) bool {
	path := p.ice.selected.Load()
	l := p.Sink(media.Video)
	if path == nil || l == nil {
		return false
	}
	tx := &p.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.sealer == nil || tx.line == nil {
		return false
	}
	bytes, more := tx.line.Probe(now)
	for ; bytes > 0; bytes -= probePadding {
		l.pad(b, *path)
	}
	return more
}

// probes are the peers that send a probe now: few, for a fifth of a second each.
type probes struct {
	mu    sync.Mutex
	peers []*Peer
	wake  chan struct{} // holds one
}

func (s *probes) init() { s.wake = make(chan struct{}, 1) }

func (s *probes) add(p *Peer) {
	s.mu.Lock()
	s.peers = append(s.peers, p)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *probes) take() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	peers := s.peers
	s.peers = nil
	return peers
}

// run sends the probes of all peers until ctx ends. It sleeps while there are none.
func (s *probes) run(ctx context.Context, batch *packetio.Batch) {
	tick := time.NewTimer(time.Hour)
	defer tick.Stop()
	var peers []*Peer
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
		peers = append(peers, s.take()...)
		now := media.Now()
		kept := peers[:0]
		for _, p := range peers {
			if p.sendProbe(batch, now) {
				kept = append(kept, p)
			}
		}
		clear(peers[len(kept):])
		peers = kept
		batch.Flush()
		if len(peers) > 0 {
			tick.Reset(probeTick)
		}
	}
}
