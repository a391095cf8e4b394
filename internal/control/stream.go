package control

import (
	"cmp"
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Streams are broadcasts of channels that are on.
type Streams struct{ *core }

// maxMetadata is the length in bytes of a text for viewers.
const maxMetadata = 1024

// Get returns the broadcast of a channel. It returns NotFound if there is no such channel, with the reason
// ChannelNotBroadcasting if nothing is on.
func (s *Streams) Get(ctx context.Context, channel live.ARN) (live.Stream, error) {
	if _, err := get[live.Channel](ctx, s.core, channel, live.TypeChannel); err != nil {
		return live.Stream{}, err
	}
	stream, on, err := s.on(ctx, channel)
	if err != nil {
		return live.Stream{}, err
	}
	if !on {
		return live.Stream{}, offline(channel)
	}
	return stream, nil
}

// on returns the broadcast of a channel, false if nothing is on.
func (c *core) on(ctx context.Context, channel live.ARN) (live.Stream, bool, error) {
	all, err := c.broadcasts.Streams(ctx)
	if err != nil {
		return live.Stream{}, false, err
	}
	i := slices.IndexFunc(all, func(s live.Stream) bool { return s.Channel == channel })
	if i < 0 {
		return live.Stream{}, false, nil
	}
	return c.playing(all[i]), true, nil
}

func (c *core) playing(s live.Stream) live.Stream {
	s.PlaybackURL = c.playback(s.Channel)
	return s
}

// notLive returns Conflict while a channel broadcasts.
func (c *core) notLive(ctx context.Context, channel live.ARN) error {
	_, on, err := c.on(ctx, channel)
	if err != nil {
		return err
	}
	if on {
		return live.Errorf(live.Conflict, "the channel %s is live: stop its stream first", channel)
	}
	return nil
}

// List returns a page of the broadcasts of a health, "" for any, latest start first.
func (s *Streams) List(ctx context.Context, health string, p Page) (items []live.Stream, next string, err error) {
	place := func(it *live.Stream) store.Cursor {
		return store.Cursor{At: it.StartedAt.Truncate(time.Microsecond), ID: it.ID}
	}
	return paged(s.core, "streams/"+s.home.Account+"/"+s.home.Region+"?"+health, p, ofHundred, place,
		func(after store.Cursor, n int) ([]live.Stream, error) {
			all, err := s.broadcasts.Streams(ctx)
			if err != nil {
				return nil, err
			}
			all = slices.DeleteFunc(slices.Clone(all), func(it live.Stream) bool {
				return health != "" && it.Health != health ||
					after != (store.Cursor{}) && latestFirst(place(&it), after) <= 0
			})
			slices.SortFunc(all, func(a, b live.Stream) int { return latestFirst(place(&a), place(&b)) })
			for i := range all {
				all[i] = s.playing(all[i])
			}
			return all[:min(len(all), n)], nil
		})
}

// latestFirst orders places in a list from the newest to the oldest, ties by falling id.
func latestFirst(a, b store.Cursor) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) }

// Stop ends the broadcast of a channel. Errors are those of Get.
func (s *Streams) Stop(ctx context.Context, channel live.ARN) error {
	if _, err := s.Get(ctx, channel); err != nil {
		return err
	}
	return s.broadcasts.Stop(ctx, channel)
}

// PutMetadata has the viewers of a channel get a text of 1 to 1,024 bytes. Errors are those of Get, and Invalid.
func (s *Streams) PutMetadata(ctx context.Context, channel live.ARN, text string) error {
	if err := s.home.Check(channel, live.TypeChannel); err != nil {
		return err
	}
	switch n := len(text); {
	case n < 1 || n > maxMetadata:
		return live.Errorf(live.Invalid, "metadata is %d bytes long, allowed are 1 to %d", n, maxMetadata)
	case !utf8.ValidString(text):
		return live.Errorf(live.Invalid, "metadata is not UTF-8")
	}
	if _, err := s.Get(ctx, channel); err != nil {
		return err
	}
	return s.broadcasts.PutMetadata(ctx, channel, text)
}
