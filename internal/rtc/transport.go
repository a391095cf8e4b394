package rtc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// Options says where a Transport listens and how patient it is.
type Options struct {
	// Listen holds "host:port" addresses, each served over UDP and TCP.
	Listen []string
	// Advertise holds the addresses that answers name instead of the bound ones (behind NAT). A port of 0
	// stands for the port of the listener at that address, or else of the first.
	Advertise []netip.AddrPort
	// PendingTimeout is how long a peer may take from offer to its first valid connectivity check. 0 means 15 s.
	PendingTimeout time.Duration
	// HandshakeTimeout is how long DTLS may take, from the first check on. 0 means 10 s.
	HandshakeTimeout time.Duration
	// ConsentTimeout is how long a peer lives without a valid connectivity check. 0 means 30 s (RFC 7675).
	ConsentTimeout time.Duration
	// MaxPeers bounds the peers alive at once. 0 means 20000.
	MaxPeers int
	// StartBitrate is the video bitrate that browsers are told to begin with. 0 means 1.5 Mbit/s.
	StartBitrate media.Bitrate
	// Codecs are what publishers may send pictures in, the first that they offer being chosen. None means H264.
	Codecs []string
	// Layers is how many simulcast layers of a publisher are taken, the first that it offers. 0 means 3.
	Layers int
	// Shards is the number of UDP sockets per address. 0 means 1.
	Shards int
	Log    *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.PendingTimeout <= 0 {
		o.PendingTimeout = 15 * time.Second
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = 10 * time.Second
	}
	if o.ConsentTimeout <= 0 {
		o.ConsentTimeout = 30 * time.Second
	}
	if o.MaxPeers <= 0 {
		o.MaxPeers = 20000
	}
	if o.StartBitrate <= 0 {
		o.StartBitrate = 1_500_000
	}
	if o.Layers <= 0 {
		o.Layers = maxLayers
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Transport is the media side of a node: its port, and the peers behind it.
type Transport struct {
	options     Options
	port        *packetio.Port
	certificate *certificate
	candidates  []sdp.Candidate
	counters    Counters

	byAddress addressIndex
	byUfrag   ufragIndex
	failures  limiter
	doorbells atomic.Int64
	probes    probes

	running sync.WaitGroup // handshakes and what follows them

	mu     sync.Mutex
	closed bool
	peers  map[*Peer]struct{}
	wheel  [ticksPerSecond]map[*Peer]struct{} // every peer is looked at once a second
	next   int                                // slot of the next peer

	publishers atomic.Pointer[[]*Peer] // copied at each change, so that the ticks need no lock
}

// Open binds the addresses and makes the certificate. Peers may be made at once; they connect while Run runs.
func Open(o Options) (*Transport, error) {
	o = o.withDefaults()
	cert, err := newCertificate()
	if err != nil {
		return nil, err
	}
	port, err := packetio.Open(packetio.Options{Listen: o.Listen, Shards: o.Shards, Log: o.Log})
	if err != nil {
		return nil, err
	}
	t := &Transport{options: o, port: port, certificate: cert, peers: make(map[*Peer]struct{})}
	for i := range t.wheel {
		t.wheel[i] = make(map[*Peer]struct{})
	}
	t.publishers.Store(new([]*Peer))
	t.byAddress.init()
	t.byUfrag.init()
	t.failures.init(port.Addrs())
	t.probes.init()
	if t.candidates, err = candidates(port.Addrs(), o.Advertise); err != nil {
		return nil, errors.Join(err, port.Close())
	}
	return t, nil
}

// candidates lists what answers name, UDP before TCP. Addresses bound to every interface become those of
// the interfaces.
func candidates(bound, advertise []netip.AddrPort) ([]sdp.Candidate, error) {
	addrs := make([]netip.AddrPort, 0, len(bound))
	for _, a := range advertise {
		if a.Port() == 0 {
			a = netip.AddrPortFrom(a.Addr(), portOf(a.Addr(), bound))
		}
		addrs = append(addrs, a)
	}
	if len(addrs) == 0 {
		for _, a := range bound {
			if !a.Addr().IsUnspecified() {
				addrs = append(addrs, a)
				continue
			}
			local, err := interfaceAddrs(a.Addr().Is4())
			if err != nil {
				return nil, err
			}
			for _, ip := range local {
				addrs = append(addrs, netip.AddrPortFrom(ip, a.Port()))
			}
		}
	}
	list := make([]sdp.Candidate, 0, 2*len(addrs))
	for _, tcp := range []bool{false, true} {
		for _, a := range addrs {
			list = append(list, sdp.Candidate{Addr: a, TCP: tcp})
		}
	}
	return list, nil
}

// portOf returns the port of the listener at an address, of the first one if there is none.
func portOf(a netip.Addr, bound []netip.AddrPort) uint16 {
	for _, b := range bound {
		if b.Addr() == a {
			return b.Port()
		}
	}
	return bound[0].Port()
}

// interfaceAddrs lists this host's unicast addresses: the loopback ones only if there is nothing else.
func interfaceAddrs(only4 bool) ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var out, loopback []netip.Addr
	for _, a := range list {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		switch ip := prefix.Addr().Unmap(); {
		case only4 && !ip.Is4(), ip.IsLinkLocalUnicast():
		case ip.IsLoopback():
			loopback = append(loopback, ip)
		default:
			out = append(out, ip)
		}
	}
	if len(out) == 0 {
		out = loopback
	}
	return out, nil
}

// Run serves until ctx ends, then closes every peer and the port.
func (t *Transport) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, serving := errgroup.WithContext(serving)
	group.Go(func() error { return t.port.Run(serving, func() packetio.Reader { return newReader(t) }) })
	group.Go(func() error { t.maintain(serving); return nil })
	group.Go(func() error { t.probes.run(serving, t.NewBatch()); return nil })
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-serving.Done(): // the port broke
		}
		t.closeAll()
		stop()
		return nil
	})
	err := group.Wait()
	t.running.Wait()
	return err
}

// Close ends a transport that Run was never called on.
func (t *Transport) Close() error {
	t.closeAll()
	return t.port.Close()
}

func (t *Transport) closeAll() {
	t.mu.Lock()
	t.closed = true
	all := make([]*Peer, 0, len(t.peers))
	for p := range t.peers {
		all = append(all, p)
	}
	t.mu.Unlock()
	for _, p := range all {
		p.Close()
	}
}

// NewBatch returns a batch for Local.Write, for one worker.
func (t *Transport) NewBatch() *packetio.Batch { return t.port.NewBatch() }

// Candidates returns the addresses that answers name.
func (t *Transport) Candidates() []sdp.Candidate { return t.candidates }

// Addrs returns the bound addresses; each is served over UDP and TCP.
func (t *Transport) Addrs() []netip.AddrPort { return t.port.Addrs() }

// Counters returns the transport's counters, which may be read at any time.
func (t *Transport) Counters() *Counters { return &t.counters }

// PortCounters returns the counters of its sockets.
func (t *Transport) PortCounters() *packetio.Counters { return t.port.Counters() }

// Publish accepts an offer to send media and returns the peer and the SDP answer. It returns
// UNSUPPORTED_CODEC without one of Options.Codecs, or Opus, in the offer, INVALID_OFFER if no section can be used, NO_CAPACITY if the
// transport is full or closing.
func (t *Transport) Publish(offer *sdp.Offer, o PeerOptions) (*Peer, []byte, error) {
	sections, err := offer.ForPublish(t.options.Codecs...)
	if err != nil {
		return nil, nil, err
	}
	p := t.newPeer(offer, o)
	for i := range sections {
		if s := &sections[i]; s.Accepted {
			s.Layers = s.Layers[:min(len(s.Layers), t.options.Layers)]
			p.remotes = append(p.remotes, newRemotes(p, s)...)
		}
	}
	return t.answer(p, offer, sections)
}

// Subscribe accepts an offer to receive the tracks, which are those of one publisher. It returns
// UNSUPPORTED_CODEC if the offer can't take its pictures, or none of the tracks, INVALID_OFFER if no section can be used, NO_CAPACITY
// if the transport is full or closing.
func (t *Transport) Subscribe(offer *sdp.Offer, tracks []media.Track, o PeerOptions) (*Peer, []byte, error) {
	wanted := make([]sdp.Wanted, 0, len(tracks))
	for _, track := range tracks {
		w := sdp.Wanted{Kind: sdp.Kind(track.Kind.String()), FMTP: track.Codec.FMTP, RED: track.Codec.RED}
		if track.Kind == media.Video {
			w.Name = track.Codec.Name
		}
		wanted = append(wanted, w)
	}
	sections, err := offer.ForSubscribe(wanted)
	if err != nil {
		return nil, nil, err
	}
	p := t.newPeer(offer, o)
	for i := range sections {
		if s := &sections[i]; s.Accepted {
			l := newLocal(p, s)
			l.shows = codecOf(tracks, l.kind)
			p.locals = append(p.locals, l)
		}
	}
	p.openLine()
	_, answer, err := t.answer(p, offer, sections)
	if err != nil {
		p.tx.end()
		return nil, nil, err
	}
	return p, answer, nil
}

// answer makes the peer known and writes what it is told.
func (t *Transport) answer(p *Peer, offer *sdp.Offer, sections []sdp.Section) (*Peer, []byte, error) {
	session := newSession(p, offer.ICE)
	answer := sdp.Answer{
		Offer: offer, Sections: sections, ICE: session.local, Fingerprint: t.certificate.fingerprint,
		Candidates: t.candidates, SessionID: uint64(random32())<<16 | uint64(random32()>>16),
		StartBitrate: int(t.options.StartBitrate / 1000),
	}
	raw, err := answer.Marshal()
	if err != nil {
		return nil, nil, err
	}
	p.ice.current = session
	if err := t.add(p); err != nil {
		return nil, nil, err
	}
	t.byUfrag.put(session)
	return p, raw, nil
}

func (t *Transport) add(p *Peer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return live.Refuse(live.Unavailable, live.NoCapacity, "the media transport is closing")
	case len(t.peers) >= t.options.MaxPeers:
		return live.Refuse(live.Unavailable, live.NoCapacity,
			"%d media sessions are open, the limit is %d", len(t.peers), t.options.MaxPeers)
	}
	t.peers[p] = struct{}{}
	p.slot = t.next
	t.next = (t.next + 1) % len(t.wheel)
	t.wheel[p.slot][p] = struct{}{}
	if len(p.remotes) > 0 {
		list := append([]*Peer(nil), *t.publishers.Load()...)
		list = append(list, p)
		t.publishers.Store(&list)
	}
	t.counters.Peers.Add(1)
	return nil
}

func (t *Transport) remove(p *Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.peers[p]; !ok {
		return
	}
	delete(t.peers, p)
	delete(t.wheel[p.slot], p)
	if len(p.remotes) > 0 {
		var list []*Peer
		for _, q := range *t.publishers.Load() {
			if q != p {
				list = append(list, q)
			}
		}
		t.publishers.Store(&list)
	}
	t.counters.Peers.Add(-1)
}

// start runs f as one of the goroutines that Run waits for; it reports false if the transport is closing.
func (t *Transport) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running.Go(f)
	return true
}

// random32 returns a random number that is not 0.
func random32() uint32 {
	for {
		var b [4]byte
		if _, err := rand.Read(b[:]); err != nil {
			panic(fmt.Sprintf("rtc: no randomness: %v", err))
		}
		if n := binary.BigEndian.Uint32(b[:]); n != 0 {
			return n
		}
	}
}
