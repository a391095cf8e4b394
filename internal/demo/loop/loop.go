// Package loop holds the pre-encoded stretch of picture and sound that the demo publishes, and that load tests fill
// up to a bitrate. make-loop.sh makes it with ffmpeg; the result is committed and built in, already cut into RTP
// payloads when it is loaded.
//
// It starts no goroutine. Timing and sending are for those who play it.
package loop

import (
	_ "embed" // the loop is part of the program
	"fmt"
	"time"

	"github.com/pion/rtp/codecs"
)

//go:generate ./make-loop.sh

//go:embed loop.h264
var loopVideo []byte

//go:embed loop.ogg
var loopAudio []byte

const (
	// payloadSize leaves room in an Ethernet frame for RTP with extensions, SRTP, UDP and IPv6.
	payloadSize = 1180
)

// What the loop is made of.
const (
	FrameRate  = 30                    // pictures a second
	SoundTime  = 20 * time.Millisecond // of a packet
	VideoClock = 90000                 // Hz
	SoundClock = 48000                 // Hz
)

// Frame is a picture, ready to be sent.
type Frame struct {
	Payloads [][]byte // of its RTP packets (RFC 6184, packetization-mode 1)
	Key      bool     // decoding can begin here
}

// Loop is a stretch of sound and picture of the same length, ready to be sent over and over. It is read-only.
type Loop struct {
	Frames []Frame  // 30 a second, H.264 constrained baseline without B-frames, a key frame each second
	Sound  [][]byte // Opus packets of 20 ms
}

// Duration returns the length of the loop.
func (l *Loop) Duration() time.Duration {
	return time.Duration(len(l.Frames)) * time.Second / FrameRate
}

// Load reads the built-in loop.
func Load() (*Loop, error) { return Read(loopVideo, loopAudio) }

// Read cuts another stretch into packets, made as make-loop.sh makes its own: H.264 in Annex B with access unit
// delimiters, one slice per picture, and Opus in Ogg. A longer distance between key frames is fine.
func Read(video, audio []byte) (*Loop, error) {
	units, err := readAnnexB(video)
	if err != nil {
		return nil, fmt.Errorf("read video: %w", err)
	}
	sound, err := readOggOpus(audio)
	if err != nil {
		return nil, fmt.Errorf("read audio: %w", err)
	}
	l := &Loop{Frames: make([]Frame, len(units))}
	for i, u := range units {
		l.Frames[i] = Frame{Payloads: payloads(u), Key: u.key}
	}
	// The encoder's last packet only flushes it: what counts is that both media last equally long.
	want := int(l.Duration() / SoundTime)
	if len(sound) < want {
		return nil, fmt.Errorf("audio has %d packets, the picture lasts for %d", len(sound), want)
	}
	l.Sound = sound[:want]
	return l, nil
}

// payloads cuts an access unit into RTP payloads: parameter sets together (STAP-A), large units in pieces (FU-A).
func payloads(u unit) [][]byte {
	var stream []byte
	for _, n := range u.nals {
		stream = append(stream, 0, 0, 0, 1)
		stream = append(stream, n...)
	}
	return new(codecs.H264Payloader).Payload(payloadSize, stream)
}
