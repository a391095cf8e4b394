package load

import (
	"net"
	"os"
	"sync"
	"time"
)

// dtlsConn is the DTLS part of a transport's datagrams, as the net.PacketConn that pion/dtls wants.
type dtlsConn struct {
	*net.UDPConn // writes, addresses
	in           chan []byte
	closed       chan struct{}
	once         sync.Once

	mu      sync.Mutex // guards what follows
	expired chan struct{}
	timer   *time.Timer
}

func newDTLSConn(c *net.UDPConn) *dtlsConn {
	return &dtlsConn{UDPConn: c, in: make(chan []byte, 32), closed: make(chan struct{}), expired: make(chan struct{})}
}

// took hands over a datagram; DTLS repeats what does not fit.
func (c *dtlsConn) took(datagram []byte) {
	select {
	case c.in <- append([]byte(nil), datagram...):
	default:
	}
}

// ReadFrom implements net.PacketConn.
func (c *dtlsConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	expired := c.expired
	c.mu.Unlock()
	select {
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case d := <-c.in:
		return copy(b, d), c.RemoteAddr(), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo implements net.PacketConn; the socket is connected.
func (c *dtlsConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

// SetReadDeadline implements net.PacketConn.
func (c *dtlsConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil || !c.timer.Stop() {
		select {
		case <-c.expired:
			c.expired = make(chan struct{}) // readers that wait on the old one have been told
		default:
			if c.timer != nil { // it fires just now, for the old deadline
				c.expired = make(chan struct{})
			}
		}
	}
	c.timer = nil
	if t.IsZero() {
		return nil
	}
	expired := c.expired
	d := time.Until(t)
	if d <= 0 {
		close(expired)
		return nil
	}
	c.timer = time.AfterFunc(d, func() { close(expired) })
	return nil
}

// SetDeadline implements net.PacketConn.
func (c *dtlsConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn; writes do not block.
func (c *dtlsConn) SetWriteDeadline(time.Time) error { return nil }

// Close ends reading; the socket belongs to the transport.
func (c *dtlsConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
