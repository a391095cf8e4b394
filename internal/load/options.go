package load

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Limits of a run: a mistyped number must not become an attack.
const (
	MaxPublishers = 12
	MaxViewers    = 2000 // in all
	MaxBitrate    = 8_500_000
	MaxDuration   = 10 * time.Minute
	MaxJoins      = 5000        // of a burst
	MaxJoinRate   = 1000        // of a burst, per second
	MaxBurst      = time.Minute // from the first join to the last
	MaxAtOnce     = 64          // viewers that join at the same time
)

// joinsAtOnce is how many join at the same time if nobody says otherwise.
const joinsAtOnce = 8

// Options describe a run.
type Options struct {
	Server    string // URL of the API; "" with Spawn
	AccessKey string
	SecretKey string
	Region    string

	Publishers int
	Viewers    int // of each publisher
	Bitrate    int // of each publisher's video, bit/s
	Audio      bool
	Settle     time.Duration // from the last join to the beginning of the measurement
	Duration   time.Duration // of the measurement
	AtOnce     int           // viewers that join at the same time; 0: 8

	Joins    int     // participants that join by the state socket after the measurement, and leave; 0: no burst
	JoinRate float64 // per second

	JoinMedia bool // they join as viewers of the first publisher instead

	Spawn     string // path of a server to start; "" measures a running one
	ServerPID int    // of a running server on this machine, 0: its CPU and memory are not known
	Pin       bool   // the spawned server on one core, the load on the others
	NoFloor   bool   // do not measure the floor
	Profile   string // folder for profiles of the server that is spawned; "": none. They cost it a few percent.

	Progress     io.Writer // takes a line for each step; nil: nobody
	ServerOutput io.Writer // takes what a spawned server prints; nil: nobody
}

func (o *Options) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if (o.Server == "") == (o.Spawn == "") {
		refuse("either a server's URL or a server to spawn is needed, not both")
	}
	if o.Publishers < 1 || o.Publishers > MaxPublishers {
		refuse("publishers: %d is not from 1 to %d", o.Publishers, MaxPublishers)
	}
	if n := o.Publishers * o.Viewers; o.Viewers < 0 || n > MaxViewers {
		refuse("viewers: %d in all, the limit is %d", n, MaxViewers)
	}
	if o.Bitrate < 100_000 || o.Bitrate > MaxBitrate {
		refuse("bitrate: %d is not from 100000 to %d", o.Bitrate, MaxBitrate)
	}
	if o.Duration < time.Second || o.Duration > MaxDuration {
		refuse("duration: %v is not from 1s to %v", o.Duration, MaxDuration)
	}
	if o.Settle < 0 || o.Settle > time.Minute {
		refuse("settle: %v is not from 0 to 1m", o.Settle)
	}
	if o.Joins < 0 || o.Joins > MaxJoins {
		refuse("joins: %d is not from 0 to %d", o.Joins, MaxJoins)
	}
	if o.Joins > 0 && !(o.JoinRate >= 1 && o.JoinRate <= MaxJoinRate) {
		refuse("join rate: %v is not from 1 to %d per second", o.JoinRate, MaxJoinRate)
	} else if o.Joins > 0 && float64(o.Joins)/o.JoinRate > MaxBurst.Seconds() {
		refuse("joins: %d at %v per second take longer than %v", o.Joins, o.JoinRate, MaxBurst)
	}
	if o.JoinMedia && o.Joins > MaxViewers {
		refuse("joins: %d viewers, the limit is %d", o.Joins, MaxViewers)
	}
	if o.AtOnce < 0 || o.AtOnce > MaxAtOnce {
		refuse("joins at once: %d is not from 1 to %d", o.AtOnce, MaxAtOnce)
	}
	if o.Profile != "" && o.Spawn == "" {
		refuse("profiles are taken of a spawned server only")
	}
	if o.AtOnce == 0 {
		o.AtOnce = joinsAtOnce
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.ServerOutput == nil {
		o.ServerOutput = io.Discard
	}
	return errors.Join(errs...)
}
