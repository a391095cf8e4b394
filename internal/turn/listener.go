package turn

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// firstWithin is how long a connection may take to prove who it is, its TLS handshake included.
	firstWithin = 10 * time.Second
	// silentFor is how long it may say nothing after that: clients refresh their allocations every ten minutes.
	silentFor = 11 * time.Minute
	// writeWithin is how long the kernel may take to accept a frame before the connection is given up.
	writeWithin = 10 * time.Second
	// maxFrame is the longest frame in bytes that is taken: a datagram of media and its head.
	maxFrame = 1600
)

// errFrame says that a client's framing makes no sense: what follows on the connection can't be read.
var errFrame = errors.New("neither STUN nor a channel's data, or too long")

// listener hands pion the connections that there is room for.
type listener struct {
	net.Listener
	tls   *tls.Config // nil for plain TCP
	guard *guard
	max   int
	per   int

	mu     sync.Mutex
	none   sync.Cond
	open   map[*stream]struct{}
	by     map[netip.Addr]int
	closed bool
}

func newListener(l net.Listener, config *tls.Config, g *guard, o Options) *listener {
	out := &listener{
		Listener: l, tls: config, guard: g, max: o.Connections, per: o.PerAddress,
		open: make(map[*stream]struct{}), by: make(map[netip.Addr]int),
	}
	out.none.L = &out.mu
	return out
}

// Accept returns the next connection. Those over the limits are closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case isClosed(err):
			return nil, err
		case err != nil: // out of descriptors, or the peer was quicker: the next may work
			time.Sleep(50 * time.Millisecond)
			continue
		}
		s := &stream{
			Conn: c, l: l, gate: gate{guard: l.guard}, source: sourceOf(c.RemoteAddr()),
			begun: time.Now(), buf: make([]byte, 2*maxFrame),
		}
		if l.tls != nil {
			s.Conn = tls.Server(c, l.tls)
		}
		if l.add(s) {
			return s, nil
		}
		l.guard.s.counters.NoConnection.Add(1)
		_ = c.Close()
	}
}

func (l *listener) add(s *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.open) >= l.max || l.by[s.source] >= l.per {
		return false
	}
	l.open[s] = struct{}{}
	l.by[s.source]++
	l.guard.s.counters.Connections.Add(1)
	return true
}

func (l *listener) remove(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
	if l.by[s.source]--; l.by[s.source] <= 0 {
		delete(l.by, s.source)
	}
	l.guard.s.counters.Connections.Add(-1)
	if len(l.open) == 0 {
		l.none.Broadcast()
	}
}

// Close ends the listener and its connections, which pion would leave open.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	all := make([]*stream, 0, len(l.open))
	for s := range l.open {
		all = append(all, s)
	}
	l.mu.Unlock()
	for _, s := range all {
		_ = s.Close()
	}
	return err
}

func (l *listener) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.open) > 0 {
		l.none.Wait()
	}
}

// stream is one connection as pion sees it: whole frames, without what the gate refuses.
type stream struct {
	net.Conn
	l          *listener
	gate       gate
	source     netip.Addr
	begun      time.Time
	buf        []byte
	start, end int
	once       sync.Once
	writing    sync.Mutex
}

// Read returns one frame that is for pion, which has room for the longest.
func (s *stream) Read(p []byte) (int, error) {
	for {
		n, err := frame(s.buf[s.start:s.end])
		if err != nil {
			return 0, err
		}
		if n > 0 {
			data := s.buf[s.start : s.start+n]
			s.start += n
			if s.gate.pass(data, s.RemoteAddr(), func(b []byte) { _, _ = s.Write(b) }) {
				return copy(p, data), nil
			}
			continue
		}
		if s.start > 0 {
			s.end = copy(s.buf, s.buf[s.start:s.end])
			s.start = 0
		}
		patience := time.Now().Add(silentFor)
		if !s.gate.known {
			patience = s.begun.Add(firstWithin)
		}
		_ = s.SetReadDeadline(patience)
		n, err = s.Conn.Read(s.buf[s.end:])
		s.end += n
		if err != nil && n == 0 {
			return 0, err
		}
	}
}

// frame returns how long the frame at the beginning of b is, 0 if it is not whole yet (RFC 8656 section 12.5).
func frame(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[0] < 4: // STUN
		n += 20
		if len(b) >= 20 && !stun.IsMessage(b) {
			return 0, errFrame
		}
	case b[0] >= 0x40 && b[0] <= 0x4f: // data, padded to four bytes
		n = 4 + (n+3)&^3
	default:
		return 0, errFrame
	}
	if n >= maxFrame {
		return 0, errFrame
	}
	if n > len(b) {
		return 0, nil
	}
	return n, nil
}

// Write writes a frame. A client that does not read is given up.
func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.SetWriteDeadline(time.Now().Add(writeWithin))
	n, err := s.Conn.Write(p)
	if err != nil {
		_ = s.Conn.Close() // the reader notices and ends the rest
	}
	return n, err
}

// Close gives the place back.
func (s *stream) Close() error {
	err := net.ErrClosed
	s.once.Do(func() {
		// A TLS connection would wait to say goodbye to a client that does not read.
		if t, ok := s.Conn.(*tls.Conn); ok {
			_ = t.NetConn().SetDeadline(time.Now().Add(time.Second))
		}
		err = s.Conn.Close()
		s.l.remove(s)
	})
	return err
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
