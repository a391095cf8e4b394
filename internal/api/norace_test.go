//go:build !race

package api_test

import "time"

// A hard body takes some 5 ms on a quiet machine; the rest is for one that is not. What a test looks for takes minutes.
const (
	patience      = 20 * time.Second
	raceAllocates = 0
)
