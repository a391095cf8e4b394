// Package rtc makes peers into sources and sinks: ICE-lite, DTLS 1.2 and SRTP over a packetio.Port.
//
// A Transport tells datagrams apart by their first byte (RFC 7983), finds the Peer by the address they come
// from (for connectivity checks: by our half of the username) and drops whatever has no peer before it costs
// anything. A publishing Peer's tracks are media.Sources; a viewing Peer's Locals are the sinks that an sfu
// writes to.
//
// Goroutines: Transport.Run owns the port's readers, one maintenance goroutine that does all timed work of all
// peers, and one that sends the padding of probes (line.go). Each peer with a running DTLS association has the goroutines of pion/dtls and one that waits for
// it to end; Run waits for these too. Once media flows, associations rest (rest.go), and a peer has no goroutine.
//
// Locks: a peer has one for what comes in (rx), one for what goes out (tx), one for ICE and one for DTLS
// records. rx may be held while the tx of any peer, or the peer's own ICE lock, is taken, never the other way
// round. Receivers and Feedback are called under their peer's rx, which puts their calls in order; so they may
// write to Locals and ask Sources, but neither block nor take a lock that is held while Stats is called.
// OnTrack and OnState are called under no lock. No lock is shared between two peers on the way of a packet,
// except that of the port for what is sent alone (handshakes, reports); peers are found in maps that are
// copied when they change. The viewing peers of one participant share that of its bwe.Link, which feedback takes
// under tx.
//
// Repeats and nonces: AES-GCM must never meet one number with two packets. A Local refuses to write a number
// twice; repeats go out on a stream of their own, or, where the viewer has none, equal the first sending to
// the bit.
//
// Deliberately not here: pion/webrtc, trickling of our own candidates, TURN, data channels, what a line bears (bwe is
// told of packets and feedback, and asks for probes) and what is sent within that, and who may see whom.
package rtc
