//go:build !race

package rtc

// poolsForget says that sync.Pool drops a part of what it is given, as it does under the race detector.
const poolsForget = false
