package control

import (
	"context"
	"net/url"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Channels are where compositions go. They are those of the low-latency API.
type Channels struct{ *core }

// maxBatch is how many ARNs one call may name.
const maxBatch = 50

// Create makes a channel and its one stream key. It returns Invalid if settings contradict each other, NotFound
// if a configuration that it names does not exist, and Exhausted if the account has all the channels it may
// have.
func (c *Channels) Create(ctx context.Context, r CreateChannel) (live.Channel, live.StreamKey, error) {
	none := live.Channel{}
	base, err := c.newResource(live.TypeChannel, r.Name, r.Tags)
	if err != nil {
		return none, live.StreamKey{}, err
	}
	fresh := live.DefaultChannel()
	fresh.Resource = base
	fresh.Authorized, fresh.Insecure, fresh.Preset = r.Authorized, r.Insecure, r.Preset
	fresh.Recording, fresh.Policy, fresh.Ads = r.Recording, r.Policy, r.Ads
	override(&fresh.LatencyMode, r.LatencyMode)
	override(&fresh.Type, r.Type)
	override(&fresh.Container, r.Container)
	if r.Multitrack != nil {
		fresh.Multitrack = multitrack(*r.Multitrack)
	}
	if err := c.settle(&fresh); err != nil {
		return none, live.StreamKey{}, err
	}
	key := c.newKey(fresh.ARN, live.Resource{
		ARN: c.home.ARN(live.TypeStreamKey, live.NewResourceID()), Tags: live.Tags{}, CreatedAt: base.CreatedAt,
	})
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		if err := c.add(ctx, tx, &fresh, limit{c.quotas.Channels, "channels", "quotas.channels"}); err != nil {
			return err
		}
		return tx.InsertRecord(ctx, &key)
	})
	if err != nil {
		return none, live.StreamKey{}, err
	}
	return c.shown(fresh), key, nil
}

// override sets a text that is given.
func override(to *string, given string) {
	if given != "" {
		*to = given
	}
}

func multitrack(m live.Multitrack) live.Multitrack {
	usual := live.DefaultMultitrack()
	override(&usual.MaximumResolution, m.MaximumResolution)
	override(&usual.Policy, m.Policy)
	usual.Enabled = m.Enabled
	return usual
}

// settle checks the settings of a channel against each other and fills in what follows from them.
func (c *Channels) settle(ch *live.Channel) error {
	advanced := strings.HasPrefix(ch.Type, "ADVANCED_")
	switch {
	case ch.Preset != "" && !advanced:
		return live.Errorf(live.Invalid, "preset is for the types ADVANCED_SD and ADVANCED_HD, the type is %s", ch.Type)
	case ch.Preset == "" && advanced:
		ch.Preset = "HIGHER_BANDWIDTH_DELIVERY"
	}
	if ch.Multitrack.Enabled {
		switch {
		case ch.Type != "STANDARD":
			return live.Errorf(live.Invalid, "multitrackInputConfiguration needs the type STANDARD, it is %s", ch.Type)
		case ch.Container != "FRAGMENTED_MP4":
			return live.Errorf(live.Invalid,
				"multitrackInputConfiguration needs the containerFormat FRAGMENTED_MP4, it is %s", ch.Container)
		}
	}
	for _, use := range []struct {
		arn  string
		kind live.ResourceType
	}{
		{ch.Recording, live.TypeRecordingConfiguration},
		{ch.Policy, live.TypePlaybackRestrictionPolicy},
		{ch.Ads, live.TypeAdConfiguration},
	} {
		if err := c.exists(use.arn, use.kind); err != nil {
			return err
		}
	}
	return nil
}

// exists looks up a configuration of a kind that cannot be made here: there is none.
func (c *Channels) exists(text string, kind live.ResourceType) error {
	if text == "" {
		return nil
	}
	arn, err := live.ParseARN(text)
	if err != nil {
		return err
	}
	if err := c.home.Check(arn, kind); err != nil {
		return err
	}
	return missing(store.ErrNotFound, arn)
}

// shown adds the addresses of a channel (control-plane.md 8).
func (c *core) shown(ch live.Channel) live.Channel {
	if u, err := url.Parse(c.endpoints.RTMP); err == nil {
		ch.IngestEndpoint = u.Hostname()
	}
	ch.PlaybackURL = c.playback(ch.ARN)
	return ch
}

// playback is where viewers of a channel look.
func (c *core) playback(channel live.ARN) string {
	base, _ := strings.CutSuffix(c.endpoints.WHIP, "/whip")
	return base + "/api/video/v1/" + channel.Region + "." + channel.Account + ".channel." + channel.ID + ".m3u8"
}

// Get returns a channel, or NotFound.
func (c *Channels) Get(ctx context.Context, arn live.ARN) (live.Channel, error) {
	ch, err := get[live.Channel](ctx, c.core, arn, live.TypeChannel)
	if err != nil {
		return ch, err
	}
	return c.shown(ch), nil
}

// BatchGet returns the channels that there are, in the order of the ARNs, and why the others are not among
// them.
func (c *Channels) BatchGet(ctx context.Context, arns []live.ARN) ([]live.Channel, []BatchError, error) {
	return batchGet(ctx, arns, c.Get)
}

func batchGet[T any](
	ctx context.Context, arns []live.ARN, get func(context.Context, live.ARN) (T, error),
) (found []T, failed []BatchError, err error) {
	if n := len(arns); n < 1 || n > maxBatch {
		return nil, nil, live.Errorf(live.Invalid, "arns has %d entries, allowed are 1 to %d", n, maxBatch)
	}
	for _, arn := range arns {
		it, err := get(ctx, arn)
		switch {
		case err == nil:
			found = append(found, it)
		case live.KindOf(err) == live.Internal:
			return nil, nil, err
		default:
			failed = append(failed, BatchError{ARN: arn, Err: err})
		}
	}
	return found, failed, nil
}

// Update changes what the request names. It returns Conflict while the channel is live.
func (c *Channels) Update(ctx context.Context, r UpdateChannel) (live.Channel, error) {
	if err := c.home.Check(r.ARN, live.TypeChannel); err != nil {
		return live.Channel{}, err
	}
	if r.Name != nil {
		if err := checkName(*r.Name); err != nil {
			return live.Channel{}, err
		}
	}
	if err := c.notLive(ctx, r.ARN); err != nil {
		return live.Channel{}, err
	}
	var changed live.Channel
	err := c.store.Write(ctx, func(tx *store.Tx) (err error) {
		changed, err = change(ctx, c.core, tx, r.ARN, func(ch *live.Channel) error { return c.apply(r, ch) })
		return err
	})
	if err != nil {
		return live.Channel{}, err
	}
	return c.shown(changed), nil
}

func (c *Channels) apply(r UpdateChannel, ch *live.Channel) error {
	for _, text := range []struct{ to, given *string }{
		{&ch.Name, r.Name},
		{&ch.LatencyMode, r.LatencyMode},
		{&ch.Type, r.Type},
		{&ch.Preset, r.Preset},
		{&ch.Container, r.Container},
		{&ch.Recording, r.Recording},
		{&ch.Policy, r.Policy},
		{&ch.Ads, r.Ads},
	} {
		if text.given != nil {
			*text.to = *text.given
		}
	}
	if r.Type != nil && r.Preset == nil && !strings.HasPrefix(ch.Type, "ADVANCED_") {
		ch.Preset = "" // it was of the type before
	}
	if r.Authorized != nil {
		ch.Authorized = *r.Authorized
	}
	if r.Insecure != nil {
		ch.Insecure = *r.Insecure
	}
	if r.Multitrack != nil {
		ch.Multitrack = multitrack(*r.Multitrack)
	}
	return c.settle(ch)
}

// Delete removes a channel and its stream key, or returns Conflict while the channel is live. A composition that
// goes there loses its destination.
func (c *Channels) Delete(ctx context.Context, arn live.ARN) error {
	if err := c.home.Check(arn, live.TypeChannel); err != nil {
		return err
	}
	if err := c.notLive(ctx, arn); err != nil {
		return err
	}
	return c.remove(ctx, arn, live.TypeChannel, func(tx *store.Tx) error {
		keys, err := store.ListRecords[live.StreamKey](ctx, tx, c.keysOf(arn), store.Cursor{}, maxBatch)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := tx.DeleteRecord(ctx, key.ARN); err != nil {
				return err
			}
		}
		return nil
	})
}

// List returns a page of the channels that the filter lets pass, newest first. It returns Conflict if more than
// one filter is given.
func (c *Channels) List(ctx context.Context, f ChannelFilter, p Page) (items []live.Channel, next string, err error) {
	if n := count(f.Name != "", f.Recording != "", f.Policy != "", f.Ads != ""); n > 1 {
		return nil, "", live.Errorf(live.Conflict, "%d filters are given, at most one is allowed", n)
	}
	q := store.Query{Type: live.TypeChannel, Name: f.Name}
	for _, by := range []live.Reference{
		{Role: live.RefersRecording, Target: f.Recording},
		{Role: live.RefersPolicy, Target: f.Policy},
		{Role: live.RefersAds, Target: f.Ads},
	} {
		if by.Target != "" {
			q.Refers = append(q.Refers, by)
		}
	}
	items, next, err = list[live.Channel](ctx, c.core, q, p, ofHundred)
	for i := range items {
		items[i] = c.shown(items[i])
	}
	return items, next, err
}
