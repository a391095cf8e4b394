package media

import "time"

var started = time.Now()

// Now returns the moment on the process's monotonic clock. It is for the edges (whoever reads a socket or
// wakes from a timer); everything between them gets its time as an argument.
func Now() Time { return time.Since(started) }
