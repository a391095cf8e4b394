// Package channel holds the part of the low-latency API that compositions need, generated: types, readers,
// writers, validators, the table of operations and the interface behind which hand-written code begins.
//
// The contract is contract/ivs-channel.json with the deviations of contract/patches.json. It starts no
// goroutine. Deliberately not here: anything written by hand beyond this comment and the tests.
package channel

//go:generate go run ../../../contract/generate -model ../../../contract/ivs-channel.json -patches ../../../contract/patches.json -out ../channel
