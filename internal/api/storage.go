package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// CreateStorageConfiguration names a place for recordings.
func (s *service) CreateStorageConfiguration(
	ctx context.Context, in *realtime.CreateStorageConfigurationInput,
) (*realtime.CreateStorageConfigurationOutput, error) {
	storage, err := s.Storages.Create(ctx, control.CreateStorage{
		Name:   value(in.Name),
		Bucket: value(in.S3.BucketName),
		Tags:   live.Tags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &realtime.CreateStorageConfigurationOutput{StorageConfiguration: storageTo(storage)}, nil
}

// GetStorageConfiguration tells of a storage configuration.
func (s *service) GetStorageConfiguration(
	ctx context.Context, in *realtime.GetStorageConfigurationInput,
) (*realtime.GetStorageConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	storage, err := s.Storages.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.GetStorageConfigurationOutput{StorageConfiguration: storageTo(storage)}, nil
}

// DeleteStorageConfiguration removes a storage configuration that nothing uses.
func (s *service) DeleteStorageConfiguration(
	ctx context.Context, in *realtime.DeleteStorageConfigurationInput,
) (*realtime.DeleteStorageConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &realtime.DeleteStorageConfigurationOutput{}, s.Storages.Delete(ctx, arn)
}

// ListStorageConfigurations tells of the account's storage configurations, page by page.
func (s *service) ListStorageConfigurations(
	ctx context.Context, in *realtime.ListStorageConfigurationsInput,
) (*realtime.ListStorageConfigurationsOutput, error) {
	storages, next, err := s.Storages.List(ctx, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListStorageConfigurationsOutput{
		StorageConfigurations: each(storages, func(v live.Storage) realtime.StorageConfigurationSummary {
			whole := storageTo(v)
			return realtime.StorageConfigurationSummary{ARN: whole.ARN, Name: whole.Name, S3: whole.S3, Tags: whole.Tags}
		}),
		NextToken: given(next),
	}, nil
}

func storageTo(v live.Storage) *realtime.StorageConfiguration {
	return &realtime.StorageConfiguration{
		ARN:  new(v.ARN.String()),
		Name: &v.Name,
		S3:   &realtime.S3StorageConfiguration{BucketName: &v.Bucket},
		Tags: v.Tags,
	}
}
