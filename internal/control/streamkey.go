package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// StreamKeys let encoders broadcast to channels. A channel has one at most.
type StreamKeys struct{ *core }

// Lengths of the parts of a stream key (control-plane.md 2): 12 to tell it by and 34 that nobody can guess.
const (
	streamKeyName   = 12
	streamKeySecret = 34
)

// newKey makes a stream key of a channel.
func (c *core) newKey(channel live.ARN, base live.Resource) live.StreamKey {
	return live.StreamKey{
		Resource: base, Channel: channel,
		Value: live.Secret("sk_" + c.home.Region + "_" + live.NewSecretText(streamKeyName) + "_" +
			live.NewSecretText(streamKeySecret)),
	}
}

// keysOf are the stream keys of a channel.
func (c *core) keysOf(channel live.ARN) store.Query {
	return store.Query{
		Home: c.home, Type: live.TypeStreamKey,
		Refers: []live.Reference{{Role: live.RefersChannel, Target: channel.String()}},
	}
}

// Create makes a stream key for a channel that has none. It returns NotFound if there is no such channel, and
// Exhausted if it has its key.
func (k *StreamKeys) Create(ctx context.Context, channel live.ARN, tags live.Tags) (live.StreamKey, error) {
	if err := k.home.Check(channel, live.TypeChannel); err != nil {
		return live.StreamKey{}, err
	}
	base, err := k.newResource(live.TypeStreamKey, "", tags)
	if err != nil {
		return live.StreamKey{}, err
	}
	fresh := k.newKey(channel, base)
	err = k.store.Write(ctx, func(tx *store.Tx) error {
		if err := missing(tx.LockRecord(ctx, channel), channel); err != nil {
			return err
		}
		n, err := tx.CountRecords(ctx, k.keysOf(channel))
		if err != nil {
			return err
		}
		if n > 0 {
			return live.Errorf(live.Exhausted, "the quota of 1 stream key per channel is used up, and no setting raises it: "+
				"delete the key of %s to reset it", channel)
		}
		return tx.InsertRecord(ctx, &fresh)
	})
	if err != nil {
		return live.StreamKey{}, err
	}
	return fresh, nil
}

// Get returns a stream key with its value, or NotFound.
func (k *StreamKeys) Get(ctx context.Context, arn live.ARN) (live.StreamKey, error) {
	return get[live.StreamKey](ctx, k.core, arn, live.TypeStreamKey)
}

// BatchGet returns the stream keys that there are, in the order of the ARNs, and why the others are not among
// them.
func (k *StreamKeys) BatchGet(ctx context.Context, arns []live.ARN) ([]live.StreamKey, []BatchError, error) {
	return batchGet(ctx, arns, k.Get)
}

// Delete removes a stream key. A broadcast that is on goes on.
func (k *StreamKeys) Delete(ctx context.Context, arn live.ARN) error {
	return k.remove(ctx, arn, live.TypeStreamKey, unused)
}

// List returns a page of a channel's stream keys, or NotFound if there is no such channel.
func (k *StreamKeys) List(ctx context.Context, channel live.ARN, p Page) (items []live.StreamKey, next string, err error) {
	if _, err := get[live.Channel](ctx, k.core, channel, live.TypeChannel); err != nil {
		return nil, "", err
	}
	return list[live.StreamKey](ctx, k.core, k.keysOf(channel), p, sizes{usual: 1, most: 50})
}
