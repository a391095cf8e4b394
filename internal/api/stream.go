package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
)

// GetStream tells of what a channel shows now.
func (s *channelService) GetStream(ctx context.Context, in *channel.GetStreamInput) (*channel.GetStreamOutput, error) {
	arn, err := arnOf(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	v, err := s.Streams.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	short := streamSummaryTo(v)
	return &channel.GetStreamOutput{Stream: &channel.Stream{
		ChannelARN:  short.ChannelARN,
		StreamID:    short.StreamID,
		PlaybackURL: &v.PlaybackURL,
		StartTime:   short.StartTime,
		State:       short.State,
		Health:      short.Health,
		ViewerCount: short.ViewerCount,
	}}, nil
}

// ListStreams tells of what the account's channels show now, page by page.
func (s *channelService) ListStreams(ctx context.Context, in *channel.ListStreamsInput) (*channel.ListStreamsOutput, error) {
	health := ""
	if in.FilterBy != nil {
		health = string(value(in.FilterBy.Health))
	}
	streams, next, err := s.Streams.List(ctx, health, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &channel.ListStreamsOutput{Streams: each(streams, streamSummaryTo), NextToken: given(next)}, nil
}

// StopStream ends what a channel shows; its encoder may come again.
func (s *channelService) StopStream(ctx context.Context, in *channel.StopStreamInput) (*channel.StopStreamOutput, error) {
	arn, err := arnOf(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	return &channel.StopStreamOutput{}, s.Streams.Stop(ctx, arn)
}

// PutMetadata sends a text to a channel's viewers, at the place in the stream where it is now.
func (s *channelService) PutMetadata(ctx context.Context, in *channel.PutMetadataInput) (*channel.PutMetadataOutput, error) {
	arn, err := arnOf(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	return &channel.PutMetadataOutput{}, s.Streams.PutMetadata(ctx, arn, string(value(in.Metadata)))
}

func streamSummaryTo(v live.Stream) channel.StreamSummary {
	return channel.StreamSummary{
		ChannelARN:  new(v.Channel.String()),
		StreamID:    &v.ID,
		State:       new(channel.StreamState(v.State)),
		Health:      new(channel.StreamHealth(v.Health)),
		ViewerCount: new(int64(v.Viewers)),
		StartTime:   moment(v.StartedAt),
	}
}
