package node

import (
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// countMedia has the numbers of the media role read at each scrape.
func (n *Node) countMedia() {
	n.countPeople()
	n.countQuality()
	n.countAdaptation()
	n.countQueues()
	n.countFlow()
	n.countDrops()
	bounds := make([]float64, len(sfu.DelayBuckets))
	for i, b := range sfu.DelayBuckets {
		bounds[i] = b.Seconds()
	}
	n.metrics.AddHistogram(admin.Histogram{
		Name: "forwarding_delay_seconds", Bounds: bounds,
		Help: "Time from the arrival of a packet to the end of the turn that forwarded it.",
		Read: func() ([]uint64, float64) {
			s := n.media.engine.Stats()
			return s.Delay[:], s.DelaySum.Seconds()
		},
	})
}

func (n *Node) countPeople() {
	now := func(read func(host.Stats) int) func() map[string]float64 {
		return admin.One(func() int { return read(n.media.host.Stats()) })
	}
	n.metrics.Add(
		admin.Number{Name: "sessions", Help: "Sessions open on this node.", Gauge: true, Read: now(func(s host.Stats) int { return s.Sessions })},
		admin.Number{Name: "participants", Help: "Participants on this node.", Gauge: true, Read: now(func(s host.Stats) int { return s.Participants })},
		admin.Number{Name: "sockets", Help: "State sockets open.", Gauge: true, Read: now(func(s host.Stats) int { return s.Sockets })},
		admin.Number{Name: "concurrent_publishers", Help: "Publishers, over all stages.", Gauge: true, Read: now(func(s host.Stats) int { return s.Publishers })},
		admin.Number{Name: "concurrent_subscriptions", Help: "Pairs of publisher and subscriber, over all stages.", Gauge: true, Read: now(func(s host.Stats) int { return s.Subscriptions })},
		admin.Number{Name: "pending_media_sessions", Help: "Media sessions answered but not connected yet.", Gauge: true, Read: now(func(s host.Stats) int { return s.Pending })},
		admin.Number{Name: "peers", Help: "Peer connections alive.", Gauge: true, Read: admin.One(n.media.transport.Counters().Peers.Load)},
		admin.Number{Name: "refused_total", Help: "Requests of clients that were refused.", Label: "what", Read: n.refused},
		admin.Number{Name: "facts_lost_total", Help: "Facts about participants that did not reach the control plane.", Read: admin.One(func() uint64 { return n.media.host.Stats().FactsLost })},
	)
}

func (n *Node) refused() map[string]float64 {
	s := n.media.host.Stats()
	return map[string]float64{
		"join": float64(s.JoinsRefused), "publish": float64(s.PublishesRefused), "subscribe": float64(s.SubscribesRefused),
	}
}

func (n *Node) countFlow() {
	c, port := n.media.transport.Counters(), n.media.transport.PortCounters()
	add := func(name, help string, from *atomic.Uint64) {
		n.metrics.Add(admin.Number{Name: name, Help: help, Read: admin.One(from.Load)})
	}
	add("datagrams_in_total", "Datagrams received.", &port.Received)
	add("datagrams_in_bytes_total", "Bytes of datagrams received.", &port.ReceivedBytes)
	add("datagrams_out_total", "Datagrams sent.", &port.Sent)
	add("datagrams_out_bytes_total", "Bytes of datagrams sent.", &port.SentBytes)
	add("receive_calls_total", "System calls that received.", &port.ReceiveCalls)
	add("send_calls_total", "System calls that sent.", &port.SendCalls)
	add("rtp_in_total", "RTP packets received from publishers.", &c.PacketsIn)
	n.metrics.Add(admin.Number{Name: "rtp_out_total", Help: "RTP packets forwarded to viewers.", Read: admin.One(func() uint64 { return n.media.engine.Stats().Packets })})
	add("rtp_in_bytes_total", "Bytes of RTP packets received from publishers, as they came.", &c.BytesIn)
	n.metrics.Add(admin.Number{Name: "rtp_out_bytes_total", Help: "Bytes of payload forwarded to viewers.", Read: admin.One(func() uint64 { return n.media.engine.Stats().Bytes })})
	n.metrics.Add(admin.Number{
		Name: "rtp_lost_total", Label: "direction", Help: "RTP packets that were lost: in from publishers, before repair; out to viewers, by their reports.",
		Read: func() map[string]float64 {
			q := n.media.host.Quality()
			return map[string]float64{"in": float64(q.LostIn), "out": float64(q.LostOut)}
		},
	})
	add("rtcp_in_total", "RTCP packets received.", &c.RTCPIn)
	add("rtx_in_total", "Retransmissions received from publishers.", &c.RTXIn)
	add("nack_in_total", "Packets that viewers asked for again.", &c.NacksIn)
	add("nack_out_total", "Packets that publishers were asked for again.", &c.NacksOut)
	add("pli_in_total", "Key frames that viewers asked for.", &c.PLIIn)
	add("pli_out_total", "Key frames that publishers were asked for.", &c.PLIOut)
	add("peers_connected_total", "Peer connections that came up.", &c.Connected)
	add("peers_failed_total", "Peer connections that failed.", &c.Failed)
	n.metrics.Add(admin.Number{Name: "tcp_connections", Help: "Media connections over TCP.", Gauge: true, Read: admin.One(port.Connections.Load)})
}

// countAdaptation tells how viewers are adapted to.
func (n *Node) countAdaptation() {
	one := func(read func(host.AdaptationStats) float64) func() map[string]float64 {
		return admin.One(func() float64 { return read(n.media.host.Adaptation()) })
	}
	n.metrics.Add(
		admin.Number{
			Name: "bounded_lines", Help: "Participants whose line has shown a bound.", Gauge: true,
			Read: one(func(s host.AdaptationStats) float64 { return float64(s.Bounded) }),
		},
		admin.Number{
			Name: "paused_pictures", Help: "Subscriptions without picture because the line does not bear it.", Gauge: true,
			Read: one(func(s host.AdaptationStats) float64 { return float64(s.Paused) }),
		},
		admin.Number{
			Name: "adaptations_total", Help: "Changes of what viewers are sent.", Label: "what",
			Read: func() map[string]float64 {
				s := n.media.host.Adaptation()
				return map[string]float64{
					"layer_up": float64(s.Ups), "layer_down": float64(s.Downs), "pause": float64(s.Pauses), "resume": float64(s.Resumes),
				}
			},
		},
		admin.Number{
			Name: "probes_total", Help: "Probes of viewers' lines: begun, and those that showed more.", Label: "what",
			Read: func() map[string]float64 {
				s := n.media.host.Adaptation()
				return map[string]float64{"begun": float64(s.Probes), "confirmed": float64(s.Confirms)}
			},
		},
		admin.Number{
			Name: "estimate_cuts_total", Help: "Times that the estimate of a viewer's line fell.",
			Read: one(func(s host.AdaptationStats) float64 { return float64(s.Cuts) }),
		},
		admin.Number{Name: "probe_packets_total", Help: "Packets of padding sent to viewers.", Read: admin.One(n.media.transport.Counters().ProbesOut.Load)},
	)
	n.metrics.AddFamily(admin.Family{
		Name: "line_estimate_bits_per_second", Help: "What the lines of participants bear, where they have shown a bound.", Labels: []string{"stat"}, Gauge: true,
		Read: func(tell func(float64, ...string)) { tellSpread(tell, n.media.host.Adaptation().Estimate) },
	})
}

// countDrops tells every reason for which something that arrived, or should have left, was dropped.
func (n *Node) countDrops() {
	c, port := n.media.transport.Counters(), n.media.transport.PortCounters()
	reasons := map[string]*atomic.Uint64{
		"truncated": &port.Truncated, "send_refused": &port.SendDropped, "queue_full": &port.QueueDropped,
		"connection_limit": &port.ConnectionsRefused, "connection_broken": &port.ConnectionsBroken,
		"unknown_protocol": &c.UnknownKind, "no_peer": &c.NoPeer,
		"stun_malformed": &c.StunMalformed, "stun_not_request": &c.StunNotRequest, "stun_unknown_user": &c.StunNoUser,
		"stun_integrity": &c.StunBad, "stun_limited": &c.StunLimited, "stun_replayed": &c.StunReplayed,
		"dtls_budget": &c.DTLSDropped, "dtls_refused": &c.DTLSRefused, "dtls_data": &c.AppData,
		"media_too_early": &c.EarlyMedia, "srtp_refused": &c.BadSRTP, "rtp_malformed": &c.BadRTP,
		"unknown_stream": &c.UnknownStream, "rtcp_malformed": &c.BadRTCP, "rtcp_limited": &c.LimitedRTCP,
		"unwanted": &c.Unwanted, "seal_refused": &c.SealRefused,
	}
	n.metrics.Add(admin.Number{
		Name: "dropped_total", Help: "What was dropped, by reason.", Label: "reason",
		Read: func() map[string]float64 {
			out := make(map[string]float64, len(reasons))
			for reason, count := range reasons {
				out[reason] = float64(count.Load())
			}
			return out
		},
	})
}

// countOpen tells since when the node runs.
func (n *Node) countOpen() {
	n.metrics.Build(n.version)
	started := time.Now()
	n.metrics.Add(admin.Number{
		Name: "uptime_seconds", Help: "Time since the node was opened.", Gauge: true,
		Read: admin.One(func() float64 { return time.Since(started).Seconds() }),
	})
}
