// Package turn relays the media of clients that can't reach the media port itself: TURN over UDP, TCP and TLS
// (RFC 8656), on pion's server.
//
// It is a way to one place only. Whatever a client asks for, the other end of an allocation is this server's own
// media port, reached inside the machine: no relayed address is open to the world, and nothing else can be
// spoken to through it. So a stolen credential opens no network, and a firewall needs no range of ports.
//
// A credential is made for one participant and holds for minutes: a name that says whose it is and until when,
// and its HMAC under a key that lives as long as the process. It makes allocations while it is fresh; what has
// been allocated goes on for as long as its participant is there.
//
// Goroutines: pion's server has one for each socket, connection and allocation; Run waits for all of them.
//
// Deliberately not here: relaying between clients, TCP towards peers (RFC 6062), reserved ports, DTLS towards
// clients, STUN for finding out one's address, who is a participant (host).
package turn

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/turn/v5"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Participant is whose credential it is.
type Participant struct {
	Stage live.StageID
	ID    live.ParticipantID
}

// Standing is what a participant is to the server at the moment.
type Standing uint8

// The standings.
const (
	Absent Standing = iota // not in a session: a fresh credential is good enough, for it may be about to join
	There                  // in a session
	Barred                 // thrown out: no credential is good
)

// Options say where a Server listens, what it relays to, and how much.
type Options struct {
	Listen    string      // "host:port" for UDP and TCP of one number; "" for neither
	ListenTLS string      // "host:port" for TCP with TLS; "" for none
	TLS       *tls.Config // needed with ListenTLS

	Host string   // a name or address that clients find this server by
	URLs []string // what clients are told instead of URLs made of Host and the ports

	Media []netip.AddrPort // where the media port is bound
	Peers []netip.AddrPort // what clients know it as; the first of each family can be relayed to

	Lifetime       time.Duration // of a credential; 0 means 5 min
	PerParticipant int           // allocations of one participant; 0 means 64
	Allocations    int           // of all participants; 0 means 4096
	Bitrate        int           // bit/s of one participant, both ways together; 0 means 20 Mbit/s
	Connections    int           // TCP and TLS, at once; 0 means 1024
	PerAddress     int           // the same of one IP address, or IPv6 /64; 0 means 64

	// Standing tells what a participant is; nil: everybody is Absent. It must not block.
	Standing func(Participant) Standing
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: nothing is logged
}

func (o Options) withDefaults() Options {
	or := func(n *int, fallback int) {
		if *n <= 0 {
			*n = fallback
		}
	}
	or(&o.PerParticipant, 64)
	or(&o.Allocations, 4096)
	or(&o.Bitrate, 20_000_000)
	or(&o.Connections, 1024)
	or(&o.PerAddress, 64)
	if o.Lifetime <= 0 {
		o.Lifetime = 5 * time.Minute
	}
	if o.Standing == nil {
		o.Standing = func(Participant) Standing { return Absent }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Server is a TURN server.
type Server struct {
	o        Options
	keys     keys
	relays   relays
	counters Counters
	inner    *turn.Server
	udp      *socket
	tcp, tls *listener
	urls     []string
}

const (
	// realm is what credentials are for. Clients show it to nobody.
	realm = "proscenium"
	// lookAgain is how often allocations are asked for whether their participants are still there.
	lookAgain = 5 * time.Second
)

// Open binds the ports and serves. Run must be called to end it.
func Open(ctx context.Context, o Options) (_ *Server, err error) {
	o = o.withDefaults()
	if o.Listen == "" && o.ListenTLS == "" {
		return nil, errors.New("turn: nowhere to listen")
	}
	if o.ListenTLS != "" && o.TLS == nil {
		return nil, errors.New("turn: no certificate to listen with TLS")
	}
	s := &Server{o: o, keys: keys{lifetime: o.Lifetime, now: o.Now, standing: o.Standing}}
	if _, err := rand.Read(s.keys.secret[:]); err != nil {
		return nil, fmt.Errorf("turn: %w", err)
	}
	s.relays.init(o, &s.counters)
	defer func() {
		if err != nil {
			s.closeListeners()
		}
	}()
	if err := s.listen(ctx); err != nil {
		return nil, err
	}
	config := turn.ServerConfig{
		Realm: realm, AuthHandler: s.authenticate, QuotaHandler: s.relays.mayAllocate, LoggerFactory: quiet{},
		// Clients that name no family mean IPv4 (RFC 8656 section 7.2), wherever they ask.
		StrictAddressFamily: s.relays.peers[family4].IsValid(),
	}
	if s.udp != nil {
		config.PacketConnConfigs = []turn.PacketConnConfig{{
			PacketConn: s.udp, RelayAddressGenerator: &s.relays, PermissionHandler: s.relays.permits,
		}}
	}
	for _, l := range []*listener{s.tcp, s.tls} {
		if l != nil {
			config.ListenerConfigs = append(config.ListenerConfigs, turn.ListenerConfig{
				Listener: l, RelayAddressGenerator: &s.relays, PermissionHandler: s.relays.permits,
			})
		}
	}
	if s.inner, err = turn.NewServer(config); err != nil {
		return nil, fmt.Errorf("turn: %w", err)
	}
	s.urls = s.tell()
	return s, nil
}

// listen binds UDP and TCP of one number, and the port of TLS.
func (s *Server) listen(ctx context.Context) error {
	guard := newGuard(s)
	var config net.ListenConfig
	if s.o.Listen != "" {
		l, udp, err := listenBoth(ctx, config, s.o.Listen)
		if err != nil {
			return err
		}
		s.tcp, s.udp = newListener(l, nil, guard, s.o), newSocket(udp, guard)
	}
	if s.o.ListenTLS != "" {
		l, err := config.Listen(ctx, "tcp", s.o.ListenTLS)
		if err != nil {
			return fmt.Errorf("listen tls: %w", err)
		}
		s.tls = newListener(l, s.o.TLS, guard, s.o)
	}
	return nil
}

// listenBoth binds TCP and UDP of one number. With port 0, the number that the kernel gave for TCP may be taken for
// UDP: then another is tried.
func listenBoth(ctx context.Context, config net.ListenConfig, address string) (net.Listener, net.PacketConn, error) {
	attempts := 1
	if strings.HasSuffix(address, ":0") {
		attempts = 20
	}
	for i := 1; ; i++ {
		l, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, nil, fmt.Errorf("listen tcp: %w", err)
		}
		udp, err := config.ListenPacket(ctx, "udp", l.Addr().String())
		if err == nil {
			return l, udp, nil
		}
		_ = l.Close()
		if i == attempts {
			return nil, nil, fmt.Errorf("listen udp: %w", err)
		}
	}
}

func (s *Server) closeListeners() {
	if s.udp != nil {
		_ = s.udp.Close()
	}
	for _, l := range []*listener{s.tcp, s.tls} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// tell makes the URLs (RFC 7065), the quickest way first.
func (s *Server) tell() []string {
	if len(s.o.URLs) > 0 {
		return s.o.URLs
	}
	host := s.o.Host
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	url := func(scheme string, port int, transport string) string {
		return scheme + ":" + host + ":" + strconv.Itoa(port) + "?transport=" + transport
	}
	var urls []string
	if s.tcp != nil {
		port := s.tcp.Addr().(*net.TCPAddr).Port
		urls = append(urls, url("turn", port, "udp"), url("turn", port, "tcp"))
	}
	if s.tls != nil {
		urls = append(urls, url("turns", s.tls.Addr().(*net.TCPAddr).Port, "tcp"))
	}
	return urls
}

// Run relays until ctx ends, then ends everything.
func (s *Server) Run(ctx context.Context) error {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			s.Close()
			return nil
		case <-look.C:
			s.sweep()
		}
	}
}

// Close ends everything and waits for it. It may be called more than once.
func (s *Server) Close() {
	var all sync.WaitGroup
	s.closeListeners()
	for _, l := range []*listener{s.tcp, s.tls} {
		if l != nil {
			all.Go(l.wait)
		}
	}
	if s.udp != nil {
		all.Go(s.udp.wait)
	}
	s.relays.close()
	all.Wait()
}

// sweep ends the allocations of participants that are gone, once their credentials would not make new ones.
func (s *Server) sweep() {
	s.relays.closeWhere(func(r *relayed) bool {
		switch s.o.Standing(r.who) {
		case There:
			return false
		case Barred:
			return true
		case Absent:
		}
		return s.o.Now().Sub(r.since) > s.o.Lifetime
	})
}

// Addr returns where UDP and TCP are served, the zero address if nowhere.
func (s *Server) Addr() netip.AddrPort {
	if s.tcp == nil {
		return netip.AddrPort{}
	}
	return s.tcp.Addr().(*net.TCPAddr).AddrPort()
}

// AddrTLS returns where TLS is served, the zero address if nowhere.
func (s *Server) AddrTLS() netip.AddrPort {
	if s.tls == nil {
		return netip.AddrPort{}
	}
	return s.tls.Addr().(*net.TCPAddr).AddrPort()
}

// Counters returns the server's counters, which may be read at any time.
func (s *Server) Counters() *Counters { return &s.counters }
