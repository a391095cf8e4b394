package packetio

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// queueBytes is about a second of a 1.5 Mbit/s stream: what is older is of no use to a live viewer.
	queueBytes = 192 << 10
	// firstFrameWithin is how long a connection may take to say its first datagram.
	firstFrameWithin = 10 * time.Second
	// silentFor is how long a connection may be silent; ICE consent checks come every few seconds.
	silentFor = 60 * time.Second
	// writeWithin is how long the kernel may take to accept what is queued before the connection is given up.
	writeWithin = 10 * time.Second
	// readBuffer holds one full frame and most of another.
	readBuffer = 4096
)

// errFrame says that a peer's framing makes no sense: what follows on the connection can't be read.
var errFrame = errors.New("frame is empty or too long")

// connections counts and closes TCP connections.
type connections struct {
	mu        sync.Mutex
	open      map[*conn]struct{}
	byAddress map[netip.Addr]int
	closed    bool
	running   sync.WaitGroup

	max, maxPerAddress int
}

func newConnections(limit, perAddress int) connections {
	return connections{
		open: make(map[*conn]struct{}), byAddress: make(map[netip.Addr]int), max: limit, maxPerAddress: perAddress,
	}
}

func (s *connections) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ip := c.remote.Addr()
	if s.closed || len(s.open) >= s.max || s.byAddress[ip] >= s.maxPerAddress {
		return false
	}
	s.open[c] = struct{}{}
	s.byAddress[ip]++
	s.running.Add(1)
	return true
}

func (s *connections) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ip := c.remote.Addr()
	delete(s.open, c)
	if s.byAddress[ip]--; s.byAddress[ip] <= 0 {
		delete(s.byAddress, ip)
	}
	s.running.Done()
}

func (s *connections) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		_ = c.Close()
	}
}

func (s *connections) wait() { s.running.Wait() }

// accept takes connections until the listener is closed.
func (p *Port) accept(l *listener, newReader func() Reader) error {
	for {
		nc, err := l.tcp.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors, or the peer was quicker: the next may work
			p.options.Log.Warn("accept of a media connection went wrong", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		remote := nc.RemoteAddr().(*net.TCPAddr).AddrPort()
		c := &conn{
			TCPConn: nc, counters: &p.counters,
			remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()),
			wake:   make(chan struct{}, 1),
		}
		if !p.tcp.add(c) {
			p.counters.ConnectionsRefused.Add(1)
			_ = nc.Close()
			continue
		}
		p.counters.Connections.Add(1)
		go func() {
			defer p.tcp.remove(c)
			defer p.counters.Connections.Add(-1)
			c.serve(newReader())
		}()
	}
}

// conn is one TCP connection: datagrams both ways, each behind its length (RFC 4571 section 2).
type conn struct {
	*net.TCPConn
	remote   netip.AddrPort
	counters *Counters
	wake     chan struct{} // something is queued, or the connection is closing

	mu     sync.Mutex
	queue  []byte // frames not yet taken by the writer
	closed bool
}

// serve reads until the connection ends and returns when its writer has ended too.
func (c *conn) serve(r Reader) {
	var writer sync.WaitGroup
	writer.Go(c.write)
	path := Path{conn: c, remote: c.remote}
	if err := c.read(r, path); errors.Is(err, errFrame) {
		c.counters.ConnectionsBroken.Add(1)
	}
	_ = c.Close()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	writer.Wait()
	r.Gone(path)
}

func (c *conn) read(r Reader, path Path) error {
	frames := frameReader{from: c.TCPConn, buf: make([]byte, readBuffer)}
	patience := firstFrameWithin
	for {
		if frames.buffered() {
			// more is at hand: the end of the batch is not reached
		} else if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		frame, err := frames.next()
		if err != nil {
			return err
		}
		patience = silentFor
		now := media.Now()
		c.counters.Received.Add(1)
		c.counters.ReceivedBytes.Add(uint64(len(frame)))
		r.Read(frame, path, now)
		if !frames.buffered() {
			r.Flush(now)
		}
	}
}

// frameReader cuts a stream into frames. Its buffer is its only memory.
type frameReader struct {
	from       io.Reader
	buf        []byte
	start, end int
}

// buffered tells whether a whole frame, or a bad one, is in the buffer already.
func (f *frameReader) buffered() bool {
	have := f.buf[f.start:f.end]
	return len(have) >= 2 && len(have) >= 2+int(binary.BigEndian.Uint16(have))
}

// next returns the next frame, valid until the call after. It returns errFrame for an empty frame and for one
// over MaxDatagram, before reading its body.
func (f *frameReader) next() ([]byte, error) {
	for {
		have := f.buf[f.start:f.end]
		if len(have) >= 2 {
			n := int(binary.BigEndian.Uint16(have))
			if n == 0 || n > MaxDatagram {
				return nil, errFrame
			}
			if len(have) >= 2+n {
				f.start += 2 + n
				return have[2 : 2+n], nil
			}
		}
		if f.start > 0 {
			f.end = copy(f.buf, have)
			f.start = 0
		}
		n, err := f.from.Read(f.buf[f.end:])
		f.end += n
		if err != nil && n == 0 {
			return nil, err
		}
	}
}

// push queues one datagram. When the queue is full, the oldest datagrams make room.
func (c *conn) push(data []byte) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	drop := 0
	for len(c.queue)-drop+2+len(data) > queueBytes {
		drop += 2 + int(binary.BigEndian.Uint16(c.queue[drop:]))
		c.counters.QueueDropped.Add(1)
	}
	if drop > 0 {
		c.queue = c.queue[:copy(c.queue, c.queue[drop:])]
	}
	c.queue = binary.BigEndian.AppendUint16(c.queue, uint16(len(data)))
	c.queue = append(c.queue, data...)
	c.mu.Unlock()
	c.signal()
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends what is queued until the connection closes. Two buffers change places, so nothing is allocated
// once they have grown.
func (c *conn) write() {
	var sending []byte
	for range c.wake {
		c.mu.Lock()
		sending, c.queue = c.queue, sending[:0]
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return
		}
		if len(sending) == 0 {
			continue
		}
		_ = c.SetWriteDeadline(time.Now().Add(writeWithin))
		if _, err := c.Write(sending); err != nil {
			_ = c.Close() // the reader notices and ends the rest
		}
	}
}

// tcpLane holds what is to leave through connections: a frame may be queued only once it has been filled.
type tcpLane struct {
	arena  []byte
	used   int
	frames []tcpFrame
}

type tcpFrame struct {
	to          *conn
	offset, len int
}

func (l *tcpLane) append(to *conn, n int) []byte {
	if l.arena == nil {
		l.arena = make([]byte, arenaSize/4)
	}
	if l.used+n > len(l.arena) {
		l.flush()
	}
	slot := l.arena[l.used : l.used+n : l.used+n]
	l.frames = append(l.frames, tcpFrame{to: to, offset: l.used, len: n})
	l.used += n
	return slot
}

func (l *tcpLane) flush() {
	for i, f := range l.frames {
		f.to.counters.Sent.Add(1)
		f.to.counters.SentBytes.Add(uint64(f.len))
		f.to.push(l.arena[f.offset : f.offset+f.len])
		l.frames[i].to = nil
	}
	l.frames = l.frames[:0]
	l.used = 0
}
