// Package demo publishes a picture that needs no camera, so that a new server has something to show: a small
// loop, encoded beforehand by make-loop.sh and built into the program, is played without end on a stage named
// welcome.
//
// Run owns the one goroutine that plays. The loop is sent as any publisher's media, but in the process: there is
// no encoder here, no transport, and no way for a client to start one.
package demo
