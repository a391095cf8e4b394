// Package kit says whether an endpoint behaves as the contract and the cases in this folder say, whoever runs
// it: a server of ours, or AWS.
//
// Cases are data: cases/contract-*.jsonl are derived from the models (every minimum, maximum, length, pattern,
// enum and required member of every input, both sides of each), the others tell what operations do, one call a
// line. Clients are official SDKs, unmodified, and one that signs raw requests. Run gives each case to a client
// and each result to the caller; every answer is also checked against the shape that the contract gives it. A
// Report makes the page docs/conformance.md of the results.
//
// Run calls one case after another, because later ones use what earlier ones made; clients may run at once, each
// in its own goroutine, which the caller owns. Whatever cases made and left is deleted at the end. Deliberately
// not here: servers, and participants (what needs one is skipped unless the caller has set the variables).
package kit

//go:generate go run ../../../contract/generate -model ../../../contract/ivsrealtime.json -patches ../../../contract/patches.json -cases cases/contract-realtime.jsonl
//go:generate go run ../../../contract/generate -model ../../../contract/ivs-channel.json -patches ../../../contract/patches.json -cases cases/contract-channel.jsonl
