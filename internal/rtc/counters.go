package rtc

import "sync/atomic"

// Counters count what a Transport did since it was opened. All are safe for use from any goroutine.
type Counters struct {
	Peers     atomic.Int64 // alive
	Connected atomic.Uint64
	Failed    atomic.Uint64

	// Dropped before a peer was found.
	UnknownKind    atomic.Uint64 // the first byte is of no protocol we speak
	NoPeer         atomic.Uint64 // DTLS or SRTP from an address without consent
	StunMalformed  atomic.Uint64
	StunNotRequest atomic.Uint64 // indications, responses, other methods
	StunNoUser     atomic.Uint64 // username of no session
	StunBad        atomic.Uint64 // integrity or fingerprint wrong
	StunLimited    atomic.Uint64 // not even checked: the source failed too often
	StunReplayed   atomic.Uint64 // a check overheard and sent again from elsewhere
	StunAnswered   atomic.Uint64
	RoleConflicts  atomic.Uint64
	PathsChanged   atomic.Uint64 // a peer moved to another address

	// Dropped on the way in.
	DTLSDropped   atomic.Uint64 // queue full, or over the budget
	DTLSRefused   atomic.Uint64 // handshakes that did not end well
	AppData       atomic.Uint64 // records of data nobody asked for
	EarlyMedia    atomic.Uint64 // before the keys were there
	BadSRTP       atomic.Uint64 // tag wrong, replayed or too short
	BadRTP        atomic.Uint64 // header or padding makes no sense
	UnknownStream atomic.Uint64 // payload type not negotiated, or too many SSRCs
	BadRTCP       atomic.Uint64
	LimitedRTCP   atomic.Uint64 // over a peer's budget
	Unwanted      atomic.Uint64 // media from a viewer

	// Flow.
	PacketsIn   atomic.Uint64
	BytesIn     atomic.Uint64 // of SRTP packets
	RTXIn       atomic.Uint64
	Probes      atomic.Uint64 // packets of padding only
	RTCPIn      atomic.Uint64
	NacksIn     atomic.Uint64 // packets asked for by viewers
	NacksOut    atomic.Uint64 // packets asked for from publishers
	PLIIn       atomic.Uint64
	PLIOut      atomic.Uint64
	FeedbackOut atomic.Uint64 // transport-wide feedback
	FeedbackIn  atomic.Uint64
	ProbesOut   atomic.Uint64 // packets of padding sent to viewers
	// Dropped on the way out. Packets out are counted per Local; the port counts datagrams.
	SealRefused atomic.Uint64 // would have used a nonce twice
}
