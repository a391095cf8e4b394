// Package sdp reads offers and writes answers.
//
// It stands on pion/sdp for the grammar and adds what a server on the open Internet needs: caps on every
// count before anything is built from them, one flat view of an offer, the choice of codecs and extensions,
// and answers of an ICE-lite, DTLS-passive, bundling peer. Refusals are live.Errors with the reason
// INVALID_OFFER or UNSUPPORTED_CODEC.
//
// It starts no goroutine. Deliberately not here: connecting to a candidate (they are counted and forgotten,
// the server never sends first), renegotiation, and anything about a running session.
package sdp
