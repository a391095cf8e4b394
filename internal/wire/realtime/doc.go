// Package realtime holds the contract of the Real-Time API, generated: types, readers, writers, validators,
// the table of operations and the interface behind which hand-written code begins.
//
// The contract is contract/ivsrealtime.json with the deviations of contract/patches.json. It starts no
// goroutine. Deliberately not here: anything written by hand beyond this comment and the tests.
package realtime

//go:generate go run ../../../contract/generate -model ../../../contract/ivsrealtime.json -patches ../../../contract/patches.json -out ../realtime
