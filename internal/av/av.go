// Package av starts, feeds and watches the codec processes: programs of their own that decode and encode, so that a broken
// stream can't take down what forwards media, and the server stays free of cgo.
package av

// Frame is one frame of AAC-LC: 1024 samples at 48 kHz.
type Frame struct {
	PTS  int64 // ticks of 48 kHz, on the clock of the packets that went in
	Data []byte
}
