// Package wire knows the rest-json rules: reading, writing, checking, error bodies.
//
// It is what the generated packages below it (wire/realtime) stand on, so it knows no operation by name. The
// JSON reader is our own because the rules differ from encoding/json's: member names are case-sensitive, a
// number that does not fit is an error, lists and maps stop growing where they break their limit anyway, and
// nothing recurses deeper than a fixed limit. It starts no goroutine. Deliberately not here: HTTP handlers,
// signatures, and what any value means.
package wire
