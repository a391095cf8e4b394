//go:build race

package api_test

import "time"

// What the race detector's build costs on a busy machine, and what it allocates for strings that are only
// looked up with.
const (
	patience      = 20 * time.Second
	raceAllocates = 1 << 20
)
