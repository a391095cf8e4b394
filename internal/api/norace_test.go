//go:build !race

package api_test

const raceAllocates = 0
