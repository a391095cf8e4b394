package api

import (
	"log/slog"
	"time"

	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Limiter says whether a call may be made now. Allow may be called at once.
type Limiter interface {
	// Allow takes one call of the operation from what the account may do now; false refuses it, and then it
	// does not count.
	Allow(account, operation string) bool
}

// Options are what the API stands on. Keys and the parts are needed; the rest has defaults.
type Options struct {
	Parts

	// Keys are whose signatures are taken. If they are an Authorizer too, it decides what each key may do.
	Keys    sigv4.Keys
	Region  string // what signatures are scoped to and ARNs say; "" is us-east-1
	Account string // 12 digits; "" is 000000000000

	MaxBody int64 // bytes of a request's body; 0 is MaxBody

	Limiter Limiter                                             // nil: no call is throttled
	Observe func(operation string, status int, d time.Duration) // nil: nobody counts; operation is "" when there is none
	Tracer  *tracing.Tracer                                     // nil: nothing is traced
	Log     *slog.Logger                                        // nil: slog.Default()
	Now     func() time.Time                                    // nil: time.Now
}

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "000000000000"
	}
	if o.MaxBody == 0 {
		o.MaxBody = MaxBody
	}
	if o.Observe == nil {
		o.Observe = func(string, int, time.Duration) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
