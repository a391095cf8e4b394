package api

import (
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// service is the hand-written side of the contract: each method translates, makes one call, and translates
// back. What it does not have is answered by the embedded NotServed.
type service struct {
	realtime.NotServed
	stages       Stages
	tokens       Tokens
	participants Participants
	tags         Tags
}

// value is what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// given is a pointer to v, or nil if v is the zero value.
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// arnOf reads an ARN that validation has found to be there. Whose it is, and whether it exists, control says.
func arnOf(p *string) (live.ARN, error) { return live.ParseARN(value(p)) }

// texts turns a list of one string type into a list of another.
func texts[To, From ~string](list []From) []To {
	if list == nil {
		return nil
	}
	out := make([]To, len(list))
	for i, s := range list {
		out[i] = To(s)
	}
	return out
}
