package turn

import "sync/atomic"

// Counters count what a Server did since it was opened. All are safe for use from any goroutine.
type Counters struct {
	Allocations atomic.Int64 // alive
	Connections atomic.Int64 // TCP and TLS, alive
	BytesIn     atomic.Uint64
	BytesOut    atomic.Uint64 // towards clients

	Refused      atomic.Uint64 // requests with a credential that is no good
	Denied       atomic.Uint64 // peers that are not our media port
	OverQuota    atomic.Uint64 // allocations
	OverRate     atomic.Uint64 // packets over a participant's bitrate
	Limited      atomic.Uint64 // requests over what one address may send
	NoConnection atomic.Uint64 // connections refused
	Dropped      atomic.Uint64 // datagrams that are none of TURN's
}
