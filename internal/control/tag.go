package control

import (
	"context"
	"maps"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Tags are labels of resources: of stages and of everything else that has an ARN.
type Tags struct{ *core }

// List returns the tags of a resource, an empty map if it has none, or NotFound.
func (t *Tags) List(ctx context.Context, arn live.ARN) (tags live.Tags, err error) {
	if err := t.check(arn); err != nil {
		return nil, err
	}
	err = t.store.Read(ctx, func(tx *store.Tx) error {
		tags, err = t.tagsOf(ctx, tx, arn)
		return err
	})
	return tags, missing(err, arn)
}

// tagsOf returns the tags of a resource that is still shown, or ErrNotFound.
func (t *Tags) tagsOf(ctx context.Context, tx *store.Tx, arn live.ARN) (live.Tags, error) {
	if arn.Type != live.TypeStage {
		return tx.RecordTags(ctx, arn, t.now())
	}
	stage, err := tx.Stage(ctx, arn)
	return stage.Tags, err
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
		if arn.Type == live.TypeStage {
			return changeStageTags(ctx, tx, arn, change)
		}
		if err := tx.LockRecord(ctx, arn); err != nil {
			return err
		}
		tags, err := t.tagsOf(ctx, tx, arn)
		if err != nil {
			return err
		}
		if err := change(tags); err != nil {
			return err
		}
		return tx.SetRecordTags(ctx, arn, tags)
	})
	return missing(err, arn)
}

func changeStageTags(ctx context.Context, tx *store.Tx, arn live.ARN, change func(live.Tags) error) error {
	stage, err := tx.LockStage(ctx, arn)
	if err != nil {
		return err
	}
	if err := change(stage.Tags); err != nil {
		return err
	}
	return tx.UpdateStage(ctx, stage)
}

// check tells whether arn may name something that has tags.
func (t *Tags) check(arn live.ARN) error {
	return t.home.Check(arn, live.TypeStage, live.TypePublicKey, live.TypeComposition, live.TypeEncoderConfiguration,
		live.TypeStorageConfiguration, live.TypeIngestConfiguration, live.TypeChannel, live.TypeStreamKey)
}

func (c *core) checkTagCount(n int) error {
	if limit := c.quotas.TagsPerResource; n > limit {
		return live.Errorf(live.Invalid, "the resource would have %d tags, the limit is %d", n, limit)
	}
	return nil
}
