package impair

import (
	"errors"
	"fmt"
	"time"
)

// defaultQueue is the time that a full queue takes to drain if Conditions do not say: about what home routers
// hold.
const defaultQueue = 300 * time.Millisecond

// minQueue is the least that a queue holds, in bytes: otherwise slow lines could not take a single key frame.
const minQueue = 20 * 1500

// Conditions are what one direction of a line does to packets. The zero value passes them on at once.
type Conditions struct {
	Loss      float64       // share of packets that vanish at random, 0 to 1
	Burst     float64       // mean length of a run of losses in packets; up to 1: losses are independent
	Delay     time.Duration // that every packet takes
	Jitter    time.Duration // at most that much is added to Delay, evenly drawn; the order stays
	Reorder   float64       // share of packets that do without Jitter and half of Delay, and so overtake others
	Duplicate float64       // share of packets that arrive twice
	Rate      int           // bits per second; 0: no limit
	Queue     int           // bytes that wait for a limited line, more are dropped; 0: what leaves in 300 ms, and 30 kB at least
}

// Symmetric splits a round trip: each direction takes half of it and loses the share.
func Symmetric(loss float64, roundTrip time.Duration) (up, down Conditions) {
	c := Conditions{Loss: loss, Delay: roundTrip / 2}
	return c, c
}

func (c *Conditions) check() error {
	var errs []error
	for name, share := range map[string]float64{"loss": c.Loss, "reorder": c.Reorder, "duplicate": c.Duplicate} {
		if !(share >= 0 && share <= 1) {
			errs = append(errs, fmt.Errorf("%s: %v is not from 0 to 1", name, share))
		}
	}
	if c.Burst < 0 || c.Delay < 0 || c.Jitter < 0 || c.Rate < 0 || c.Queue < 0 {
		errs = append(errs, errors.New("negative condition"))
	}
	return errors.Join(errs...)
}

// capacity returns how many bytes may wait.
func (c *Conditions) capacity() int {
	if c.Queue > 0 {
		return c.Queue
	}
	return max(int(float64(c.Rate)/8*defaultQueue.Seconds()), minQueue)
}

// Step changes the line's conditions at a time after the script's beginning.
type Step struct {
	At       time.Duration
	Up, Down Conditions
}
