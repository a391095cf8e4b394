// Package packetio moves many datagrams per system call, over UDP and TCP on one port number.
//
// A Port listens on UDP and on TCP (ICE-TCP passive, datagrams framed as in RFC 4571). What arrives is handed
// to a Reader; what is to leave is collected in a Batch, which sends with sendmmsg and lets the kernel cut a
// run of equal datagrams to one destination (UDP GSO). On systems other than Linux the same interface sends
// and receives one datagram per call.
//
// Port.Run owns every goroutine: one per UDP socket, one per TCP listener, two per TCP connection; all have
// ended when it returns. A Batch belongs to one goroutine at a time and starts none.
//
// What is deliberately not here: what the bytes mean, who a remote address is, and any waiting for a slow
// receiver. A datagram that cannot leave now is dropped and counted.
package packetio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/proscenium-live/proscenium/internal/media"
)

// MaxDatagram is the largest datagram in bytes that a Port takes in; larger ones are dropped and counted.
const MaxDatagram = 2048

// Options says where a Port listens and how much it holds.
type Options struct {
	// Listen holds "host:port" addresses. Each is served over UDP and over TCP; port 0 picks one number for both.
	Listen []string
	// Shards is the number of UDP sockets per address (SO_REUSEPORT), each with its own reading goroutine.
	// 0 means 1: what arrives is little beside what leaves, and sending is not sharded. More pay only where one
	// core can't keep up with reading (BenchmarkPort_Receive).
	Shards int
	// SocketBuffer is the size wanted for the kernel's receive and send buffers, in bytes. 0 means 4 MiB.
	SocketBuffer int
	// MaxConnections bounds the TCP connections open at once, over all listeners. 0 means 4096.
	MaxConnections int
	// MaxConnectionsPerAddress bounds them for one remote IP address. 0 means 64.
	MaxConnectionsPerAddress int
	Log                      *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Shards <= 0 {
		o.Shards = 1
	}
	if o.SocketBuffer <= 0 {
		o.SocketBuffer = 4 << 20
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 4096
	}
	if o.MaxConnectionsPerAddress <= 0 {
		o.MaxConnectionsPerAddress = 64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Reader takes what arrives on one socket or connection. Its methods are called from one goroutine.
type Reader interface {
	// Read takes a datagram. The data may be changed in place and is valid during the call only.
	Read(data []byte, from Path, now media.Time)
	// Flush says that no further datagram is at hand for now.
	Flush(now media.Time)
	// Gone says that a TCP path has closed; nothing comes from it any more. UDP paths are never gone.
	Gone(p Path)
}

// Path says where a datagram came from, and so where an answer goes. Paths may be compared: the same remote
// address on the same listener is the same path.
type Path struct {
	listener *listener // UDP
	conn     *conn     // TCP
	remote   netip.AddrPort
}

// Remote returns the far end's address; IPv4 addresses are never in their IPv6-mapped spelling.
func (p Path) Remote() netip.AddrPort { return p.remote }

// TCP tells whether the path is a TCP connection.
func (p Path) TCP() bool { return p.conn != nil }

// IsZero tells whether the path leads nowhere.
func (p Path) IsZero() bool { return p.listener == nil && p.conn == nil }

// listener is one address: its UDP sockets and its TCP listener.
type listener struct {
	index   int
	addr    netip.AddrPort
	sockets []*socket // all bound to addr; the first sends
	tcp     *net.TCPListener
}

// Port is a set of listening addresses.
type Port struct {
	options   Options
	listeners []*listener
	counters  Counters

	tcp connections

	mu      sync.Mutex
	control *Batch // for Send, guarded by mu
}

// Open binds every address of the options, UDP and TCP on the same port number.
func Open(o Options) (*Port, error) {
	o = o.withDefaults()
	if len(o.Listen) == 0 {
		return nil, errors.New("listen: no address")
	}
	p := &Port{options: o, tcp: newConnections(o.MaxConnections, o.MaxConnectionsPerAddress)}
	for _, address := range o.Listen {
		l, err := p.listen(address)
		if err != nil {
			_ = p.Close()
			return nil, err
		}
		l.index = len(p.listeners)
		p.listeners = append(p.listeners, l)
	}
	p.control = p.NewBatch()
	return p, nil
}

// listen binds one address. With port 0, the number the kernel gave for TCP may be taken for UDP: then another is tried.
func (p *Port) listen(address string) (*listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen %q: %w", address, err)
	}
	attempts := 1
	if port == "0" {
		attempts = 20
	}
	for range attempts {
		var l *listener
		if l, err = p.bind(host, port); err == nil {
			return l, nil
		}
	}
	return nil, err
}

func (p *Port) bind(host, port string) (*listener, error) {
	var config net.ListenConfig
	tcp, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen tcp: %w", err)
	}
	l := &listener{tcp: tcp.(*net.TCPListener)}
	bound := l.tcp.Addr().(*net.TCPAddr).AddrPort()
	l.addr = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	local := net.JoinHostPort(host, strconv.Itoa(int(bound.Port())))
	for range p.options.Shards {
		s, err := openSocket(local, p.options)
		if err != nil {
			_ = l.close()
			return nil, fmt.Errorf("listen udp %s: %w", local, err)
		}
		l.sockets = append(l.sockets, s)
	}
	return l, nil
}

func (l *listener) close() error {
	errs := []error{l.tcp.Close()}
	for _, s := range l.sockets {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Addrs returns the bound addresses in the order of Options.Listen. Each is both a UDP and a TCP address.
func (p *Port) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(p.listeners))
	for _, l := range p.listeners {
		addrs = append(addrs, l.addr)
	}
	return addrs
}

// Counters returns the port's counters, which may be read at any time.
func (p *Port) Counters() *Counters { return &p.counters }

// Run reads until ctx ends, then closes the port. newReader is called once per socket and per connection.
func (p *Port) Run(ctx context.Context, newReader func() Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range p.listeners {
		for _, s := range l.sockets {
			group.Go(func() error { return ignoreClosed(s.run(l, newReader(), &p.counters)) })
		}
		group.Go(func() error { return ignoreClosed(p.accept(l, newReader)) })
	}
	group.Go(func() error {
		<-ctx.Done()
		_ = p.Close()
		return nil
	})
	err := group.Wait()
	p.tcp.wait()
	return err
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

func ignoreClosed(err error) error {
	if isClosed(err) {
		return nil
	}
	return err
}

// Close closes every socket and connection. It may be called more than once.
func (p *Port) Close() error {
	var errs []error
	for _, l := range p.listeners {
		if err := ignoreClosed(l.close()); err != nil {
			errs = append(errs, err)
		}
	}
	p.tcp.close()
	return errors.Join(errs...)
}

// Send sends one datagram now. It may be called from any goroutine, does not wait for the receiver, and is
// for the few (handshakes, feedback); the many go through a Batch.
func (p *Port) Send(to Path, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	copy(p.control.Append(to, len(data)), data)
	p.control.Flush()
}
