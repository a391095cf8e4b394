package api

import (
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// service is the hand-written side of the Real-Time contract: each method translates, makes one call, and
// translates back.
type service struct{ Parts }

// channelService is the same for the channel contract. What it does not have (the history of streams) is
// answered by the embedded NotServed.
type channelService struct {
	channel.NotServed
	Parts
}

var (
	_ realtime.Operations = (*service)(nil)
	_ channel.Operations  = (*channelService)(nil)
)

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

// optionalARN reads an ARN that may be absent or empty, which both give the zero ARN.
func optionalARN(p *string) (live.ARN, error) {
	if value(p) == "" {
		return live.ARN{}, nil
	}
	return live.ParseARN(*p)
}

// arnsOf reads a list of ARNs.
func arnsOf(list []string) ([]live.ARN, error) {
	out := make([]live.ARN, len(list))
	for i, s := range list {
		var err error
		if out[i], err = live.ParseARN(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// text turns a string that may be absent into one of another type.
func text[To, From ~string](p *From) *To {
	if p == nil {
		return nil
	}
	return new(To(*p))
}

// page is what a request says of the part of a list that it wants.
func page(token *string, most *int32) control.Page {
	return control.Page{Token: value(token), Max: int(value(most))}
}

// each translates a list. It is never nil: lists of answers are there when they are empty.
func each[From, To any](list []From, translate func(From) To) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = translate(v)
	}
	return out
}
