package node

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/demo"
	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sfu"
	"github.com/proscenium-live/proscenium/internal/signal"
	"github.com/proscenium-live/proscenium/internal/turn"
)

// mediaRole is what a node with the role media has.
type mediaRole struct {
	transport *rtc.Transport
	engine    *sfu.Engine
	host      *host.Host
	signal    *signal.Handler
	turn      *turn.Server // nil: nobody is relayed
}

// openMedia opens the transport, the forwarding and the host, and lets clients in by the signalling. It wants
// the control plane open.
func (n *Node) openMedia(ctx context.Context) error {
	told, err := n.mediaAddresses()
	if err != nil {
		return err
	}
	m := &mediaRole{}
	m.transport, err = rtc.Open(rtc.Options{
		Listen: n.config.Media, Advertise: told, Log: n.log,
		Codecs: n.config.Limits.Codecs, Layers: n.config.Limits.Layers,
		// A participant has a publication and some subscriptions; the host's own limits are nearer.
		MaxPeers: peersPerParticipant * n.config.MaxParticipants,
	})
	if err != nil {
		return cannotListen("media", strings.Join(n.config.Media, ", "), err)
	}
	n.onClose("media transport", m.transport.Close)
	m.engine = sfu.NewEngine(sfu.Options{NewBatch: m.transport.NewBatch, Log: n.log})
	q := n.config.Quotas
	m.host = host.Open(host.Options{
		Node: n.id, Bus: n.bus, Verifier: n.control.Verifier(), Transport: m.transport, Engine: m.engine, Log: n.log,
		ReconnectWindow: n.config.ReconnectWindow, SessionGrace: n.config.SessionGrace, StopTimeout: stopIn / 2,
		PublishersPerStage: q.PublishersPerStage.N, SubscribersPerStage: q.SubscribersPerStage.N,
		Publishers: q.Publishers.N, Subscriptions: q.Subscriptions.N, MaxParticipants: n.config.MaxParticipants,
		Adaptation: host.Adaptation{
			Off: !n.config.Adaptation.On, Start: media.Bitrate(n.config.Adaptation.Start), Min: media.Bitrate(n.config.Adaptation.Min),
			Max: media.Bitrate(n.config.Limits.Download),
		},
		Rules: n.rules(), MaxDuration: n.config.MaxDuration,
		Publishing: n.config.PublishDuration, Subscribing: n.config.SubscribeDuration, MediaSessions: n.config.MaxMediaSessions,
		PendingPerToken: n.config.MaxPendingPerToken, PendingPerAddress: n.config.MaxPendingPerAddress,
		Joined: func(step host.JoinStep, d time.Duration) { n.metrics.ObserveJoin(string(step), d) },
	})
	if err := n.openTURN(ctx, m); err != nil {
		return err
	}
	m.signal = signal.New(signal.Options{
		ICEServers: m.iceServers,
		Host:       m.host, ClientAddr: n.clients().of, Log: n.log, Tracer: n.tracer,
		Joined: func(d time.Duration) { n.metrics.ObserveJoin(admin.StateSent, d) },
	})

	n.add("transport", m.transport.Run)
	if m.turn != nil {
		n.add("turn", m.turn.Run)
	}
	n.add("forwarding", m.engine.Run)
	n.add("host", m.host.Run)
	if n.config.Demo {
		n.demo = n.add("demo", n.runDemo)
	}
	n.media = m
	n.countMedia()
	n.countTURN()
	n.tellDoctor()
	n.tellFigures()
	return nil
}

const peersPerParticipant = 16

// rules are what publications may send.
func (n *Node) rules() host.Rules {
	l := n.config.Limits
	return host.Rules{
		Bitrate: media.Bitrate(l.Bitrate), AudioBitrate: media.Bitrate(l.AudioBitrate),
		Width: l.Resolution.Width, Height: l.Resolution.Height,
		FrameRate: l.FrameRate, FrameRateMin: l.FrameRateMin, BFrames: l.BFrames,
	}
}

func (n *Node) runDemo(ctx context.Context) error {
	return demo.Run(ctx, demo.Options{
		Stages: n.control.Stages, Tokens: n.control.Tokens, Host: n.media.host,
		PublicURL: n.public, OnLink: func(link string) { n.link <- link }, Log: n.log,
	})
}

func (m *mediaRole) handler() http.Handler { return m.signal }

// drain refuses newcomers and waits for those who are there, at most for the time given.
func (m *mediaRole) drain(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_ = m.host.Drain(ctx) // that some are still there is what the host's end is for
}

func (n *Node) mediaReady() error {
	if n.media.host.Draining() {
		return errDraining
	}
	return n.partReady("transport", "forwarding", "host")
}
