// Package rtc makes peers into sources and sinks: ICE-lite, DTLS 1.2 and SRTP over a packetio.Port.
//
// A Transport tells datagrams apart by their first byte (RFC 7983), finds the Peer by the address they come
// from (for connectivity checks: by our half of the username) and drops whatever has no peer before it costs
// anything. A publishing Peer's tracks are media.Sources; a viewing Peer's Locals are the sinks that an sfu
// writes to.
//
// Goroutines: Transport.Run owns the port's readers and one maintenance goroutine that does all timed work of
// all peers. Each peer with a running DTLS association has the goroutines of pion/dtls and one that waits for
// it to end; Run waits for these too.
//
// Locks: Peer.rx (what comes in) may be held while Peer.tx (what goes out) is taken, never the other way
// round; neither is held while a callback, Receiver or Feedback of somebody else is called, except that
// Receivers and Feedback are called in order under rx, which is why they may neither block nor call back
// into their own Peer's Close. No lock is shared between two peers on the path of a packet.
//
// Deliberately not here: pion/webrtc, trickling of our own candidates, TURN, data channels, congestion
// control, and who may see whom.
package rtc
