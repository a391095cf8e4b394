package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// Stages decides about stages; control.Stages is one.
type Stages interface {
	Create(ctx context.Context, r control.CreateStage) (live.Stage, []live.IssuedToken, error)
	Get(ctx context.Context, arn live.ARN) (live.Stage, error)
	Update(ctx context.Context, r control.UpdateStage) (live.Stage, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, page control.Page) (items []live.Stage, next string, err error)
}

// Tokens issues participant tokens; control.Tokens is one.
type Tokens interface {
	Create(ctx context.Context, stage live.ARN, r control.TokenRequest) (live.IssuedToken, error)
}

// Participants decides about participants; control.Participants is one.
type Participants interface {
	Disconnect(ctx context.Context, stage live.ARN, id live.ParticipantID, reason string) error
}

// Tags keeps the labels of resources; control.Tags is one.
type Tags interface {
	List(ctx context.Context, arn live.ARN) (live.Tags, error)
	Tag(ctx context.Context, arn live.ARN, tags live.Tags) error
	Untag(ctx context.Context, arn live.ARN, keys []string) error
}

// Limiter says whether a call may be made now. Allow may be called at once.
type Limiter interface {
	// Allow takes one call of the operation from what the account may do now; false refuses it, and then it
	// does not count.
	Allow(account, operation string) bool
}

// Options are what the API stands on. Keys, Stages, Tokens, Participants and Tags are needed; the rest has
// defaults.
type Options struct {
	Stages       Stages
	Tokens       Tokens
	Participants Participants
	Tags         Tags

	Keys    sigv4.Keys
	Region  string // what signatures are scoped to and ARNs say; "" is us-east-1
	Account string // 12 digits; "" is 000000000000

	Limiter Limiter                                             // nil: no call is throttled
	Observe func(operation string, status int, d time.Duration) // nil: nobody counts; operation is "" when there is none
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
