package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// ListTagsForResource tells a resource's tags.
func (s *service) ListTagsForResource(
	ctx context.Context, in *realtime.ListTagsForResourceInput,
) (*realtime.ListTagsForResourceOutput, error) {
	arn, err := arnOf(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags.List(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.ListTagsForResourceOutput{Tags: tags}, nil
}

// TagResource adds tags to a resource, or overwrites them.
func (s *service) TagResource(ctx context.Context, in *realtime.TagResourceInput) (*realtime.TagResourceOutput, error) {
	arn, err := arnOf(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &realtime.TagResourceOutput{}, s.tags.Tag(ctx, arn, live.Tags(in.Tags))
}

// UntagResource takes tags off a resource.
func (s *service) UntagResource(ctx context.Context, in *realtime.UntagResourceInput) (*realtime.UntagResourceOutput, error) {
	arn, err := arnOf(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &realtime.UntagResourceOutput{}, s.tags.Untag(ctx, arn, in.TagKeys)
}
