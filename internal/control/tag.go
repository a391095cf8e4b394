package control

import (
	"context"
	"maps"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Tags are labels of resources. Stages are the only resources so far.
type Tags struct{ *core }

// List returns the tags of a resource, an empty map if it has none, or NotFound.
func (t *Tags) List(ctx context.Context, arn live.ARN) (live.Tags, error) {
	if err := t.check(arn); err != nil {
		return nil, err
	}
	var tags live.Tags
	err := t.store.Read(ctx, func(tx *store.Tx) error {
		stage, err := tx.Stage(ctx, arn)
		tags = stage.Tags
		return err
	})
	return tags, noStage(err, arn)
}

// Tag adds tags, or overwrites those of the same keys. It returns Invalid if the resource would have too many;
// then none has been added.
func (t *Tags) Tag(ctx context.Context, arn live.ARN, tags live.Tags) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return t.change(ctx, arn, func(have live.Tags) error {
		maps.Copy(have, tags)
		return t.checkTagCount(len(have))
	})
}

// Untag removes the tags of the keys; keys that there are not do no harm.
func (t *Tags) Untag(ctx context.Context, arn live.ARN, keys []string) error {
	for _, k := range keys {
		if err := checkTagKey(k); err != nil {
			return err
		}
	}
	return t.change(ctx, arn, func(have live.Tags) error {
		for _, k := range keys {
			delete(have, k)
		}
		return nil
	})
}

func (t *Tags) change(ctx context.Context, arn live.ARN, change func(live.Tags) error) error {
	if err := t.check(arn); err != nil {
		return err
	}
	err := t.store.Write(ctx, func(tx *store.Tx) error {
		stage, err := tx.LockStage(ctx, arn)
		if err != nil {
			return err
		}
		if err := change(stage.Tags); err != nil {
			return err
		}
		return tx.UpdateStage(ctx, stage)
	})
	return noStage(err, arn)
}

// check tells whether arn may name something that has tags.
func (t *Tags) check(arn live.ARN) error {
	err := t.home.Check(arn, live.TypeStage, live.TypePublicKey, live.TypeComposition, live.TypeEncoderConfiguration,
		live.TypeStorageConfiguration, live.TypeIngestConfiguration)
	if err != nil {
		return err
	}
	if arn.Type != live.TypeStage {
		return live.Errorf(live.NotFound, "there is no %s %s", arn.Type, arn)
	}
	return nil
}

func (c *core) checkTagCount(n int) error {
	if limit := c.quotas.TagsPerResource; n > limit {
		return live.Errorf(live.Invalid, "the resource would have %d tags, the limit is %d", n, limit)
	}
	return nil
}
