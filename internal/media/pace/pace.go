// Package pace spreads bytes over time, where a burst would stand in a queue on the way and hold up what comes after it.
//
// A Bucket belongs to one goroutine. The package starts none, keeps no packets and asks no clock: who uses a Bucket has
// the packets, and comes back later with those that had to wait.
package pace

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// depth is how much may leave at once, in time: a frame of the usual size, but not a key frame.
	depth = 50 * time.Millisecond
	// leastDepth is the same in bytes, for slow lines: two packets.
	leastDepth = 2400
)

// Bucket says when bytes may leave. The zero Bucket lets everything pass.
type Bucket struct {
	perSecond float64 // bytes; 0: everything passes
	level     float64 // bytes that may leave now; below 0 it is owed
	at        media.Time
}

// Set changes the rate; 0 lets everything pass.
func (b *Bucket) Set(rate media.Bitrate, now media.Time) {
	if b.perSecond == 0 {
		b.level, b.at = max(float64(rate)/8*depth.Seconds(), leastDepth), now
	} else {
		b.fill(now)
	}
	b.perSecond = float64(rate) / 8
}

// On says whether anything can be held back.
func (b *Bucket) On() bool { return b.perSecond > 0 }

// Take says whether a packet may leave now, and takes its bytes if so.
func (b *Bucket) Take(size int, now media.Time) bool {
	if b.perSecond == 0 {
		return true
	}
	if b.fill(now); b.level <= 0 {
		return false
	}
	b.level -= float64(size)
	return true
}

// Owe is Take for what is worth more than what comes in turn, such as a repeated packet that a picture waits for: it
// leaves at once, and what comes in turn waits for longer. It is refused when as much is owed as may leave at once.
func (b *Bucket) Owe(size int, now media.Time) bool {
	if b.perSecond == 0 {
		return true
	}
	if b.fill(now); b.level <= -b.depth() {
		return false
	}
	b.level -= float64(size)
	return true
}

func (b *Bucket) depth() float64 { return max(b.perSecond*depth.Seconds(), leastDepth) }

func (b *Bucket) fill(now media.Time) {
	if passed := now - b.at; passed > 0 {
		b.level = min(b.level+b.perSecond*passed.Seconds(), b.depth())
		b.at = now
	}
}
