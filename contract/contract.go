// Package contract holds the published models of the two APIs, and our deviations from them with their reasons.
//
// The code in contract/generate makes the wire packages from them; the conformance kit checks answers against
// them. It starts no goroutine. Deliberately not here: anything that reads them.
package contract

import _ "embed"

// Realtime is the model of the Real-Time API.
//
//go:embed ivsrealtime.json
var Realtime []byte

// Channel is the model of the channel part of the low-latency API.
//
//go:embed ivs-channel.json
var Channel []byte

// Patches are the deviations, each with its reason.
//
//go:embed patches.json
var Patches []byte
