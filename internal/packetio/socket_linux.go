package packetio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// receiveBatch is how many datagrams one recvmmsg may bring.
	receiveBatch = 64
	// waitWritable is how long a send may wait for room in the kernel's buffer, in milliseconds. Longer, and
	// one congested moment would delay every viewer of the worker; not at all, and a burst would lose its tail.
	waitWritable = 2
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// socket is one UDP socket.
type socket struct {
	conn    *net.UDPConn
	raw     syscall.RawConn
	v6      bool        // its addresses are sockaddr_in6
	segment atomic.Bool // the kernel segments (UDP GSO)
	proven  atomic.Bool // a segmented send has worked
}

// openSocket binds a UDP socket that shares its address with its siblings.
func openSocket(address string, o Options) (*socket, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			if o.Shards > 1 {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		}); e != nil {
			return e
		}
		return err
	}}
	pc, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: pc.(*net.UDPConn)}
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	if err := s.raw.Control(func(fd uintptr) { s.configure(int(fd), o.SocketBuffer) }); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	return s, nil
}

// configure finds out what the socket is and raises its buffers as far as the system lets it.
func (s *socket) configure(fd, buffer int) {
	if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil {
		s.v6 = domain == unix.AF_INET6
	}
	// FORCE needs CAP_NET_ADMIN; without it the kernel cuts the wish to net.core.rmem_max.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, buffer)
	}
	_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	s.segment.Store(err == nil)
}

func (s *socket) close() error { return s.conn.Close() }

func (s *socket) segments() bool { return s.segment.Load() }

// run hands what arrives to r until the socket is closed. All of it is one Read of the raw connection, which waits each
// time that the function returns false: a batch that isn't full has emptied the socket, so nothing is gained by asking
// once more before waiting. What arrives from then on wakes the wait, or has done so already when it begins.
func (s *socket) run(l *listener, r Reader, c *Counters) error {
	in := newReceiver()
	err := s.raw.Read(func(fd uintptr) bool {
		for {
			switch in.receive(fd) {
			case 0:
				in.deliver(l, r, c)
				if in.n < receiveBatch {
					return false
				}
			case unix.EAGAIN:
				return false
			case unix.EBADF:
				return true
			}
			// ECONNREFUSED and its like tell of an earlier send; the socket is as good as before.
		}
	})
	if err == nil {
		err = net.ErrClosed
	}
	return err
}

// receiver is the memory of one reading goroutine.
type receiver struct {
	messages [receiveBatch]mmsghdr
	vectors  [receiveBatch]unix.Iovec
	names    [receiveBatch]unix.RawSockaddrInet6
	data     []byte
	n        int
}

func newReceiver() *receiver {
	in := &receiver{data: make([]byte, receiveBatch*MaxDatagram)}
	for i := range in.messages {
		in.vectors[i].Base = &in.data[i*MaxDatagram]
		in.vectors[i].SetLen(MaxDatagram)
		h := &in.messages[i].header
		h.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
	}
	return in
}

// receive takes up to a batch of what is there.
func (in *receiver) receive(fd uintptr) syscall.Errno {
	for i := range in.messages {
		in.messages[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in.messages[0])),
		receiveBatch, unix.MSG_DONTWAIT, 0, 0)
	if in.n = int(n); errno != 0 {
		in.n = 0
	}
	return errno
}

func (in *receiver) deliver(l *listener, r Reader, c *Counters) {
	now := media.Now()
	var bytes uint64
	for i := range in.n {
		m := &in.messages[i]
		if m.header.Flags&unix.MSG_TRUNC != 0 {
			c.Truncated.Add(1)
			continue
		}
		remote := addrPort(&in.names[i])
		if !remote.IsValid() || m.length == 0 {
			continue
		}
		bytes += uint64(m.length)
		data := in.data[i*MaxDatagram : i*MaxDatagram+int(m.length) : (i+1)*MaxDatagram]
		r.Read(data, Path{listener: l, remote: remote}, now)
	}
	c.Received.Add(uint64(in.n))
	c.ReceivedBytes.Add(bytes)
	c.ReceiveCalls.Add(1)
	r.Flush(now)
}

func addrPort(sa *unix.RawSockaddrInet6) netip.AddrPort {
	p := (*[2]byte)(unsafe.Pointer(&sa.Port))
	port := uint16(p[0])<<8 | uint16(p[1])
	switch sa.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	case unix.AF_INET6:
		// A zone would need a name for its number: link-local peers are not served.
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}

// vectors is what sendmmsg needs for one lane.
type vectors struct {
	messages []mmsghdr
	iovecs   []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls []segmentControl
	next, n  int
	errno    syscall.Errno
	call     func(fd uintptr) // sendmmsg from next on, made once so that no call allocates
}

// segmentControl is a control message with UDP_SEGMENT, the size of the datagrams in a run.
type segmentControl struct {
	header unix.Cmsghdr
	size   uint16
	_      [6]byte
}

func (v *vectors) init() {
	v.messages = make([]mmsghdr, maxRuns)
	v.iovecs = make([]unix.Iovec, maxRuns)
	v.names = make([]unix.RawSockaddrInet6, maxRuns)
	v.controls = make([]segmentControl, maxRuns)
	for i := range v.controls {
		h := &v.controls[i].header
		h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		h.SetLen(unix.CmsgLen(2))
	}
	v.call = func(fd uintptr) {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&v.messages[v.next])),
			uintptr(v.n-v.next), unix.MSG_DONTWAIT, 0, 0)
		v.errno = errno
		if errno == 0 {
			v.next += int(n)
		}
	}
}

// set describes one message: bytes to an address, cut into datagrams of size when there are several.
func (v *vectors) set(i int, s *socket, to netip.AddrPort, data []byte, size int) {
	v.iovecs[i].Base = &data[0]
	v.iovecs[i].SetLen(len(data))
	h := &v.messages[i].header
	h.Iov = &v.iovecs[i]
	h.SetIovlen(1)
	h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
	h.Namelen = putAddrPort(&v.names[i], to, s.v6)
	if len(data) > size {
		v.controls[i].size = uint16(size)
		h.Control = (*byte)(unsafe.Pointer(&v.controls[i]))
		h.SetControllen(int(unsafe.Sizeof(v.controls[i])))
	} else {
		h.Control = nil
		h.SetControllen(0)
	}
}

func putAddrPort(sa *unix.RawSockaddrInet6, to netip.AddrPort, v6 bool) uint32 {
	port := to.Port()
	if !v6 {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		sa4.Family = unix.AF_INET
		*(*[2]byte)(unsafe.Pointer(&sa4.Port)) = [2]byte{byte(port >> 8), byte(port)}
		if to.Addr().Is4() {
			sa4.Addr = to.Addr().As4()
		}
		return unix.SizeofSockaddrInet4
	}
	sa.Family = unix.AF_INET6
	*(*[2]byte)(unsafe.Pointer(&sa.Port)) = [2]byte{byte(port >> 8), byte(port)}
	sa.Addr = to.Addr().As16()
	return unix.SizeofSockaddrInet6
}

// send gives the lane's runs to the kernel.
func (s *socket) send(l *lane, c *Counters) {
	v := &l.vectors
	if v.messages == nil {
		v.init()
	}
	for i, r := range l.runs {
		v.set(i, s, r.to, l.arena[r.offset:r.offset+r.length], r.size)
	}
	waited := false
	for v.next, v.n = 0, len(l.runs); v.next < v.n; {
		at := v.next
		if s.raw.Control(v.call) != nil {
			return // the port has been closed
		}
		c.SendCalls.Add(1)
		if v.errno == 0 {
			s.count(l.runs[at:v.next], c)
			continue
		}
		switch v.errno {
		case unix.EINTR:
		case unix.EAGAIN:
			if waited || !s.waitWritable() {
				s.drop(l.runs[at:], c, true)
				return
			}
			waited = true
		default:
			if !s.retry(l, at, c) {
				s.drop(l.runs[at:at+1], c, v.errno == unix.ENOBUFS)
			}
			v.next = at + 1
		}
	}
}

// retry sends a refused run again: piece by piece if the kernel could not segment it, as it is if the error
// told of an earlier datagram. It reports whether that settled the run.
func (s *socket) retry(l *lane, i int, c *Counters) bool {
	r := l.runs[i]
	switch errno := l.vectors.errno; {
	case r.count > 1 && (errno == unix.EIO || errno == unix.EINVAL || errno == unix.EMSGSIZE || errno == unix.EOPNOTSUPP):
		// EIO: the device has no checksum offload. The others may concern this destination only.
		if errno == unix.EIO || !s.proven.Load() {
			s.segment.Store(false)
		}
		c.NoSegment.Add(1)
		s.sendPieces(l, r, c)
		return true
	case errno == unix.ECONNREFUSED:
		return s.sendOne(r.to, l.arena[r.offset:r.offset+r.length], r.size, r.count, c) == 0
	}
	return false
}

func (s *socket) sendPieces(l *lane, r run, c *Counters) {
	for offset := r.offset; offset < r.offset+r.length; offset += r.size {
		piece := l.arena[offset:min(offset+r.size, r.offset+r.length)]
		if errno := s.sendOne(r.to, piece, len(piece), 1, c); errno != 0 {
			c.SendDropped.Add(1)
		}
	}
}

// sendOne is the rare path: it makes its own vectors.
func (s *socket) sendOne(to netip.AddrPort, data []byte, size, count int, c *Counters) syscall.Errno {
	var v vectors
	v.init()
	v.set(0, s, to, data, size)
	v.n = 1
	if s.raw.Control(v.call) != nil {
		return unix.EBADF
	}
	c.SendCalls.Add(1)
	if v.errno == 0 {
		c.Sent.Add(uint64(count))
		c.SentBytes.Add(uint64(len(data)))
	}
	return v.errno
}

func (s *socket) waitWritable() bool {
	ready := false
	_ = s.raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, waitWritable)
		ready = err == nil && n == 1
	})
	return ready
}

func (s *socket) count(runs []run, c *Counters) {
	var datagrams, bytes, merged uint64
	for _, r := range runs {
		datagrams += uint64(r.count)
		bytes += uint64(r.length)
		if r.count > 1 {
			merged++
		}
	}
	if merged > 0 && !s.proven.Load() {
		s.proven.Store(true)
	}
	c.Sent.Add(datagrams)
	c.SentBytes.Add(bytes)
	c.SendRuns.Add(merged)
}

func (s *socket) drop(runs []run, c *Counters, full bool) {
	for _, r := range runs {
		c.SendDropped.Add(uint64(r.count))
		if full {
			c.SendFull.Add(uint64(r.count))
		}
	}
}
