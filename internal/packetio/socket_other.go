//go:build !linux

package packetio

import (
	"net"
	"net/netip"

	"github.com/proscenium-live/proscenium/internal/media"
)

// socket is one UDP socket, served by one system call per datagram.
type socket struct {
	conn *net.UDPConn
}

func openSocket(address string, o Options) (*socket, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(o.SocketBuffer) // as far as the system lets us
	_ = conn.SetWriteBuffer(o.SocketBuffer)
	return &socket{conn: conn}, nil
}

func (s *socket) close() error { return s.conn.Close() }

func (*socket) segments() bool { return false }

// run hands what arrives to r until the socket is closed.
func (s *socket) run(l *listener, r Reader, c *Counters) error {
	buf := make([]byte, MaxDatagram+1)
	for {
		n, remote, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err != nil && n == 0:
			if isClosed(err) {
				return err
			}
			continue // tells of an earlier send; the socket is as good as before
		case n > MaxDatagram:
			c.Truncated.Add(1)
			continue
		case n == 0:
			continue
		}
		now := media.Now()
		c.Received.Add(1)
		c.ReceivedBytes.Add(uint64(n))
		c.ReceiveCalls.Add(1)
		r.Read(buf[:n:MaxDatagram], Path{listener: l, remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())}, now)
		r.Flush(now)
	}
}

// vectors holds nothing here: every datagram is a call of its own.
type vectors struct{}

func (s *socket) send(l *lane, c *Counters) {
	for _, r := range l.runs {
		c.SendCalls.Add(1)
		if _, err := s.conn.WriteToUDPAddrPort(l.arena[r.offset:r.offset+r.length], r.to); err != nil {
			c.SendDropped.Add(1)
			continue
		}
		c.Sent.Add(1)
		c.SentBytes.Add(uint64(r.length))
	}
}
