// Package load plays many participants from one machine and measures what they cost the server.
//
// Publishers and viewers use the client's WHIP and WHEP exchange, but carry media over a lean transport of
// their own (ICE check, DTLS, SRTP on pion's parts), so that a hundred of them do not drown the machine they
// measure. They behave as browsers do: NACK what is missing and take it on the retransmission stream, ask for
// a key frame at the start, send receiver reports each second and TWCC feedback ten times a second.
//
// What is told of a run is what was seen from outside: packets counted are packets that arrived and whose
// authentication tag was right; the server's CPU seconds are the kernel's; and they are compared with a floor
// measured on the same core in the same run (floor.go).
//
// Run owns all goroutines; each transport has one that reads, each publisher one that sends, and one sends the
// feedback of all viewers. Decoding is not here, nor are the networks of real life: loss and delay are those
// of the way to the server.
package load
