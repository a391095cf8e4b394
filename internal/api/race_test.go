//go:build race

package api_test

// raceAllocates is what the race detector's build adds: it makes strings that are only looked up with.
const raceAllocates = 1 << 20
