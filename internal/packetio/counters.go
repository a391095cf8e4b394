package packetio

import "sync/atomic"

// Counters count what a Port did since it was opened. All are safe for use from any goroutine.
type Counters struct {
	Received      atomic.Uint64 // datagrams
	ReceivedBytes atomic.Uint64
	ReceiveCalls  atomic.Uint64 // system calls that brought at least one datagram
	Truncated     atomic.Uint64 // datagrams longer than MaxDatagram, dropped

	Sent        atomic.Uint64 // datagrams given to the kernel or to a connection's queue
	SentBytes   atomic.Uint64
	SendCalls   atomic.Uint64 // system calls
	SendRuns    atomic.Uint64 // runs of two or more datagrams that left as one (UDP GSO)
	SendDropped atomic.Uint64 // datagrams the kernel refused
	SendFull    atomic.Uint64 // of these, because its buffer was full (EAGAIN, ENOBUFS)
	NoSegment   atomic.Uint64 // runs that had to be sent piece by piece because the kernel can't segment

	Connections        atomic.Int64  // TCP connections open now
	ConnectionsRefused atomic.Uint64 // over a limit
	ConnectionsBroken  atomic.Uint64 // closed for bad framing or silence
	QueueDropped       atomic.Uint64 // datagrams dropped because a connection's queue was full
}
