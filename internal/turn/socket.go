package turn

import (
	"net"
	"sync"
)

// socket is the UDP socket as pion sees it: without what the gate refuses.
type socket struct {
	net.PacketConn
	gate  gate
	once  sync.Once
	ended chan struct{} // closed when pion has been told of the end
}

func newSocket(c net.PacketConn, g *guard) *socket {
	if u, ok := c.(*net.UDPConn); ok { // as far as the system lets us
		_ = u.SetReadBuffer(socketBuffer)
		_ = u.SetWriteBuffer(socketBuffer)
	}
	return &socket{PacketConn: c, gate: gate{guard: g}, ended: make(chan struct{})}
}

// socketBuffer is about a second of 30 Mbit/s.
const socketBuffer = 4 << 20

// ReadFrom returns the next datagram that is for pion.
func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(p)
		if err != nil {
			if isClosed(err) {
				s.once.Do(func() { close(s.ended) })
				return 0, nil, err
			}
			continue // tells of an earlier send; the socket is as good as before
		}
		if s.gate.pass(p[:n], from, func(b []byte) { _, _ = s.WriteTo(b, from) }) {
			return n, from, nil
		}
	}
}

func (s *socket) wait() { <-s.ended }
