package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
)

// CreateStreamKey makes a channel's key anew, after the old one has been deleted.
func (s *channelService) CreateStreamKey(
	ctx context.Context, in *channel.CreateStreamKeyInput,
) (*channel.CreateStreamKeyOutput, error) {
	arn, err := arnOf(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	key, err := s.StreamKeys.Create(ctx, arn, live.Tags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &channel.CreateStreamKeyOutput{StreamKey: new(streamKeyTo(key))}, nil
}

// GetStreamKey tells a key.
func (s *channelService) GetStreamKey(
	ctx context.Context, in *channel.GetStreamKeyInput,
) (*channel.GetStreamKeyOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	key, err := s.StreamKeys.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &channel.GetStreamKeyOutput{StreamKey: new(streamKeyTo(key))}, nil
}

// BatchGetStreamKey tells many keys, and of each that could not be told why.
func (s *channelService) BatchGetStreamKey(
	ctx context.Context, in *channel.BatchGetStreamKeyInput,
) (*channel.BatchGetStreamKeyOutput, error) {
	arns, err := arnsOf(in.ARNs)
	if err != nil {
		return nil, err
	}
	found, failed, err := s.StreamKeys.BatchGet(ctx, arns)
	if err != nil {
		return nil, err
	}
	return &channel.BatchGetStreamKeyOutput{StreamKeys: each(found, streamKeyTo), Errors: each(failed, batchErrorTo)}, nil
}

// DeleteStreamKey makes a key useless; what goes on goes on.
func (s *channelService) DeleteStreamKey(
	ctx context.Context, in *channel.DeleteStreamKeyInput,
) (*channel.DeleteStreamKeyOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &channel.DeleteStreamKeyOutput{}, s.StreamKeys.Delete(ctx, arn)
}

// defaultStreamKeys is how many stream keys a page has when nobody says: there is but one (control-plane.md 1.7).
const defaultStreamKeys = 1

// ListStreamKeys tells of a channel's keys, not the keys themselves, page by page.
func (s *channelService) ListStreamKeys(
	ctx context.Context, in *channel.ListStreamKeysInput,
) (*channel.ListStreamKeysOutput, error) {
	arn, err := arnOf(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	wanted := page(in.NextToken, in.MaxResults)
	if wanted.Max == 0 {
		wanted.Max = defaultStreamKeys
	}
	keys, next, err := s.StreamKeys.List(ctx, arn, wanted)
	if err != nil {
		return nil, err
	}
	return &channel.ListStreamKeysOutput{
		StreamKeys: each(keys, func(k live.StreamKey) channel.StreamKeySummary {
			return channel.StreamKeySummary{ARN: new(k.ARN.String()), ChannelARN: new(k.Channel.String()), Tags: k.Tags}
		}),
		NextToken: given(next),
	}, nil
}

func streamKeyTo(k live.StreamKey) channel.StreamKey {
	return channel.StreamKey{
		ARN:        new(k.ARN.String()),
		Value:      new(channel.StreamKeyValue(k.Value)),
		ChannelARN: new(k.Channel.String()),
		Tags:       k.Tags,
	}
}
