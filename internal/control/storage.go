package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Storages are storage configurations. They cannot be changed.
type Storages struct{ *core }

// Create makes a storage configuration for a bucket that can be written to. It returns NotFound or Invalid, and
// why, if that is not so, and Exhausted if the account has all the storage configurations it may have.
func (s *Storages) Create(ctx context.Context, r CreateStorage) (live.Storage, error) {
	base, err := s.newResource(live.TypeStorageConfiguration, r.Name, r.Tags)
	if err != nil {
		return live.Storage{}, err
	}
	if err := checkBucket(r.Bucket); err != nil {
		return live.Storage{}, err
	}
	most := limit{s.quotas.StorageConfigurations, "storage configurations", "quotas.storage_configurations"}
	// No bucket is made for a request that would be refused.
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		return most.room(ctx, tx, store.Query{Home: s.home, Type: live.TypeStorageConfiguration})
	})
	if err != nil {
		return live.Storage{}, err
	}
	if err := s.buckets.Check(ctx, r.Bucket); err != nil {
		return live.Storage{}, err
	}
	fresh := live.Storage{Resource: base, Bucket: r.Bucket}
	if err := s.store.Write(ctx, func(tx *store.Tx) error { return s.add(ctx, tx, &fresh, most) }); err != nil {
		return live.Storage{}, err
	}
	return fresh, nil
}

// Get returns a storage configuration, or NotFound.
func (s *Storages) Get(ctx context.Context, arn live.ARN) (live.Storage, error) {
	return get[live.Storage](ctx, s.core, arn, live.TypeStorageConfiguration)
}

// Delete removes a storage configuration, or returns Conflict while a composition or a stage uses it. What is
// in the bucket stays.
func (s *Storages) Delete(ctx context.Context, arn live.ARN) error {
	return s.remove(ctx, arn, live.TypeStorageConfiguration, func(tx *store.Tx) error {
		if err := s.notComposing(ctx, tx, live.RefersStorage, arn); err != nil {
			return err
		}
		n, err := tx.CountStagesStoring(ctx, arn)
		if err != nil {
			return err
		}
		if n > 0 {
			return live.Errorf(live.Conflict, "%s is used by %d stages: take it off them first", arn, n)
		}
		return nil
	})
}

// List returns a page of the storage configurations, newest first.
func (s *Storages) List(ctx context.Context, p Page) (items []live.Storage, next string, err error) {
	return list[live.Storage](ctx, s.core, store.Query{Type: live.TypeStorageConfiguration}, p, ofHundred)
}
