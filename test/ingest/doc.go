// Package ingest has other people's clients publish to a running node: real encoders, packetizers and WebRTC
// stacks that we did not write. The package holds tests only.
package ingest
