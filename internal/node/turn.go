package node

import (
	"context"
	"fmt"
	"net/url"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/signal"
	"github.com/proscenium-live/proscenium/internal/turn"
)

// openTURN opens the relay, if it is wanted. It wants the transport and the host open.
func (n *Node) openTURN(ctx context.Context, m *mediaRole) error {
	t := n.config.TURN
	if !t.On() {
		return nil
	}
	public, err := url.Parse(n.public)
	if err != nil {
		return fmt.Errorf("public_url %s: %w", n.public, err)
	}
	o := turn.Options{
		Listen: t.Listen, ListenTLS: t.ListenTLS, Host: t.Host, URLs: t.URLs,
		Media: m.transport.Addrs(), Lifetime: t.Lifetime,
		PerParticipant: t.PerParticipant, Allocations: t.Allocations, Bitrate: t.Bitrate,
		Standing: func(p turn.Participant) turn.Standing {
			switch there, barred := m.host.Standing(p.Stage, p.ID); {
			case barred:
				return turn.Barred
			case there:
				return turn.There
			}
			return turn.Absent
		},
	}
	if o.Host == "" {
		o.Host = public.Hostname()
	}
	for _, c := range m.transport.Candidates() {
		o.Peers = append(o.Peers, c.Addr)
	}
	if n.tls != nil {
		o.TLS = n.tls.Clone()
		o.TLS.NextProtos = nil // it is not HTTP, and its clients name no protocol
	}
	if m.turn, err = turn.Open(ctx, o); err != nil {
		return fmt.Errorf("turn.listen %s, turn.listen_tls %s: %w", t.Listen, t.ListenTLS, err)
	}
	n.onClose("turn", func() error {
		m.turn.Close()
		return nil
	})
	return nil
}

// iceServers tells a participant what it may be relayed by.
func (m *mediaRole) iceServers(stage live.StageID, id live.ParticipantID) []signal.ICEServer {
	if m.turn == nil {
		return nil
	}
	c := m.turn.Credential(turn.Participant{Stage: stage, ID: id})
	return []signal.ICEServer{{
		URLs: c.URLs, Username: c.Username, Credential: c.Password, TTLSeconds: int(c.Lifetime.Seconds()),
	}}
}

// countTURN tells what is relayed.
func (n *Node) countTURN() {
	if n.media.turn == nil {
		return
	}
	c := n.media.turn.Counters()
	n.metrics.Add(
		admin.Number{Name: "turn_allocations", Help: "Allocations of TURN that are alive.", Gauge: true, Read: admin.One(c.Allocations.Load)},
		admin.Number{Name: "turn_connections", Help: "TCP and TLS connections to TURN that are open.", Gauge: true, Read: admin.One(c.Connections.Load)},
		admin.Number{Name: "turn_in_bytes_total", Help: "Bytes relayed from clients.", Read: admin.One(c.BytesIn.Load)},
		admin.Number{Name: "turn_out_bytes_total", Help: "Bytes relayed to clients.", Read: admin.One(c.BytesOut.Load)},
		admin.Number{Name: "turn_refused_total", Help: "What TURN did not do, by reason.", Label: "reason", Read: func() map[string]float64 {
			return map[string]float64{
				"credential": float64(c.Refused.Load()), "peer": float64(c.Denied.Load()), "allocations": float64(c.OverQuota.Load()),
				"bitrate": float64(c.OverRate.Load()), "stranger": float64(c.Limited.Load()),
				"connections": float64(c.NoConnection.Load()), "not_turn": float64(c.Dropped.Load()),
			}
		}},
	)
}
