package packetio

import "net/netip"

const (
	// arenaSize holds about a hundred full packets: enough to make the system call cheap, small enough to
	// stay in the second-level cache between encryption and copy to the kernel.
	arenaSize = 128 << 10
	// maxRuns is the number of messages given to one sendmmsg.
	maxRuns = 64
	// maxSegments is the kernel's limit of datagrams in one segmented send (UDP_MAX_SEGMENTS was 64 before 6.9).
	maxSegments = 64
	// maxRunBytes keeps a segmented send below the largest UDP payload over IPv4.
	maxRunBytes = 65000
)

// Batch collects datagrams and sends them together. It belongs to one goroutine at a time; its Append and
// Flush allocate nothing once its buffers exist. Make one with Port.NewBatch.
type Batch struct {
	port  *Port
	lanes []*lane // one per listener, made at first use
	tcp   tcpLane
	stamp stamp
}

// run is one or more datagrams to one destination, all of size bytes except the last, which may be shorter.
type run struct {
	to     netip.AddrPort
	offset int
	size   int // of the first
	length int // of all
	count  int
	closed bool // a shorter datagram ended it
}

// lane holds what is to leave through one listener.
type lane struct {
	listener *listener
	arena    []byte
	used     int
	runs     []run
	vectors  vectors // what the system call needs
}

// NewBatch returns an empty batch for the port.
func (p *Port) NewBatch() *Batch {
	return &Batch{port: p, lanes: make([]*lane, len(p.listeners))}
}

// Append reserves n bytes for a datagram to the path and returns them to be filled before the next call on
// the batch. Datagrams of one path keep their order. When the batch is full, Append sends what is in it first.
// It returns nil if n is over MaxDatagram or the path leads nowhere.
func (b *Batch) Append(to Path, n int) []byte {
	if n <= 0 || n > MaxDatagram || to.IsZero() {
		return nil
	}
	if to.conn != nil {
		return b.tcp.append(to.conn, n)
	}
	l := b.lanes[to.listener.index]
	if l == nil {
		l = &lane{listener: to.listener, arena: make([]byte, arenaSize), runs: make([]run, 0, maxRuns)}
		b.lanes[to.listener.index] = l
	}
	if l.used+n > len(l.arena) {
		l.flush(&b.port.counters)
	}
	slot := l.arena[l.used : l.used+n : l.used+n]
	if !l.extend(to.remote, n) {
		if len(l.runs) == maxRuns {
			l.flush(&b.port.counters)
			slot = l.arena[:n:n]
		}
		l.runs = append(l.runs, run{to: to.remote, offset: l.used, size: n, length: n, count: 1})
	}
	l.used += n
	return slot
}

// extend adds n bytes to the last run if they may leave together with it.
func (l *lane) extend(to netip.AddrPort, n int) bool {
	if len(l.runs) == 0 || !l.listener.sockets[0].segments() {
		return false
	}
	r := &l.runs[len(l.runs)-1]
	if r.closed || n > r.size || r.count == maxSegments || r.length+n > maxRunBytes || r.to != to {
		return false
	}
	r.closed = n < r.size
	r.length += n
	r.count++
	return true
}

func (l *lane) flush(c *Counters) {
	if len(l.runs) == 0 {
		return
	}
	l.listener.sockets[0].send(l, c)
	l.runs = l.runs[:0]
	l.used = 0
}

// Flush sends everything that was appended. It does not wait for receivers.
func (b *Batch) Flush() {
	b.stamp.left = 0
	for _, l := range b.lanes {
		if l != nil {
			l.flush(&b.port.counters)
		}
	}
	b.tcp.flush()
}

// Empty tells whether there is nothing to send.
func (b *Batch) Empty() bool {
	for _, l := range b.lanes {
		if l != nil && len(l.runs) > 0 {
			return false
		}
	}
	return len(b.tcp.frames) == 0
}
