package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// Both contracts have the tag operations, at the same paths; route chooses by the type of the resource.

// ListTagsForResource tells a resource's tags.
func (s *service) ListTagsForResource(
	ctx context.Context, in *realtime.ListTagsForResourceInput,
) (*realtime.ListTagsForResourceOutput, error) {
	tags, err := listTags(ctx, s.Tags, in.ResourceARN)
	return &realtime.ListTagsForResourceOutput{Tags: tags}, err
}

// TagResource adds tags to a resource, or overwrites them.
func (s *service) TagResource(ctx context.Context, in *realtime.TagResourceInput) (*realtime.TagResourceOutput, error) {
	return &realtime.TagResourceOutput{}, tag(ctx, s.Tags, in.ResourceARN, in.Tags)
}

// UntagResource takes tags off a resource.
func (s *service) UntagResource(ctx context.Context, in *realtime.UntagResourceInput) (*realtime.UntagResourceOutput, error) {
	return &realtime.UntagResourceOutput{}, untag(ctx, s.Tags, in.ResourceARN, in.TagKeys)
}

// ListTagsForResource tells a resource's tags.
func (s *channelService) ListTagsForResource(
	ctx context.Context, in *channel.ListTagsForResourceInput,
) (*channel.ListTagsForResourceOutput, error) {
	tags, err := listTags(ctx, s.Tags, in.ResourceARN)
	return &channel.ListTagsForResourceOutput{Tags: tags}, err
}

// TagResource adds tags to a resource, or overwrites them.
func (s *channelService) TagResource(ctx context.Context, in *channel.TagResourceInput) (*channel.TagResourceOutput, error) {
	return &channel.TagResourceOutput{}, tag(ctx, s.Tags, in.ResourceARN, in.Tags)
}

// UntagResource takes tags off a resource.
func (s *channelService) UntagResource(
	ctx context.Context, in *channel.UntagResourceInput,
) (*channel.UntagResourceOutput, error) {
	return &channel.UntagResourceOutput{}, untag(ctx, s.Tags, in.ResourceARN, in.TagKeys)
}

func listTags(ctx context.Context, tags Tags, resource *string) (live.Tags, error) {
	arn, err := arnOf(resource)
	if err != nil {
		return nil, err
	}
	return tags.List(ctx, arn)
}

func tag(ctx context.Context, tags Tags, resource *string, add map[string]string) error {
	arn, err := arnOf(resource)
	if err != nil {
		return err
	}
	return tags.Tag(ctx, arn, live.Tags(add))
}

func untag(ctx context.Context, tags Tags, resource *string, keys []string) error {
	arn, err := arnOf(resource)
	if err != nil {
		return err
	}
	return tags.Untag(ctx, arn, keys)
}
