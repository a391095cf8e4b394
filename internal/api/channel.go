package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
)

// CreateChannel makes a channel and its one stream key.
func (s *channelService) CreateChannel(
	ctx context.Context, in *channel.CreateChannelInput,
) (*channel.CreateChannelOutput, error) {
	made, key, err := s.Channels.Create(ctx, control.CreateChannel{
		Name:        value(in.Name),
		LatencyMode: string(value(in.LatencyMode)),
		Type:        string(value(in.Type)),
		Authorized:  value(in.Authorized),
		Insecure:    value(in.InsecureIngest),
		Preset:      string(value(in.Preset)),
		Container:   string(value(in.ContainerFormat)),
		Multitrack:  multitrackFrom(in.MultitrackInputConfiguration),
		Recording:   value(in.RecordingConfigurationARN),
		Policy:      value(in.PlaybackRestrictionPolicyARN),
		Ads:         value(in.AdConfigurationARN),
		Tags:        live.Tags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &channel.CreateChannelOutput{Channel: new(channelTo(made)), StreamKey: new(streamKeyTo(key))}, nil
}

// GetChannel tells of a channel.
func (s *channelService) GetChannel(ctx context.Context, in *channel.GetChannelInput) (*channel.GetChannelOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	found, err := s.Channels.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &channel.GetChannelOutput{Channel: new(channelTo(found))}, nil
}

// BatchGetChannel tells of many channels, and of each that could not be told of why.
func (s *channelService) BatchGetChannel(
	ctx context.Context, in *channel.BatchGetChannelInput,
) (*channel.BatchGetChannelOutput, error) {
	arns, err := arnsOf(in.ARNs)
	if err != nil {
		return nil, err
	}
	found, failed, err := s.Channels.BatchGet(ctx, arns)
	if err != nil {
		return nil, err
	}
	return &channel.BatchGetChannelOutput{Channels: each(found, channelTo), Errors: each(failed, batchErrorTo)}, nil
}

// UpdateChannel changes the members that are there.
func (s *channelService) UpdateChannel(
	ctx context.Context, in *channel.UpdateChannelInput,
) (*channel.UpdateChannelOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	changed, err := s.Channels.Update(ctx, control.UpdateChannel{
		ARN:         arn,
		Name:        in.Name,
		LatencyMode: text[string](in.LatencyMode),
		Type:        text[string](in.Type),
		Authorized:  in.Authorized,
		Insecure:    in.InsecureIngest,
		Preset:      text[string](in.Preset),
		Container:   text[string](in.ContainerFormat),
		Multitrack:  multitrackFrom(in.MultitrackInputConfiguration),
		Recording:   in.RecordingConfigurationARN,
		Policy:      in.PlaybackRestrictionPolicyARN,
		Ads:         in.AdConfigurationARN,
	})
	if err != nil {
		return nil, err
	}
	return &channel.UpdateChannelOutput{Channel: new(channelTo(changed))}, nil
}

// DeleteChannel removes a channel that is not live, and its stream keys.
func (s *channelService) DeleteChannel(
	ctx context.Context, in *channel.DeleteChannelInput,
) (*channel.DeleteChannelOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &channel.DeleteChannelOutput{}, s.Channels.Delete(ctx, arn)
}

// ListChannels tells of the account's channels, page by page.
//
// What the model cannot say: only one filter may be given, and two are a conflict, not an invalid request.
func (s *channelService) ListChannels(
	ctx context.Context, in *channel.ListChannelsInput,
) (*channel.ListChannelsOutput, error) {
	filter := control.ChannelFilter{
		Name:      value(in.FilterByName),
		Recording: value(in.FilterByRecordingConfigurationARN),
		Policy:    value(in.FilterByPlaybackRestrictionPolicyARN),
		Ads:       value(in.FilterByAdConfigurationARN),
	}
	filters := 0
	for _, f := range []string{filter.Name, filter.Recording, filter.Policy, filter.Ads} {
		if f != "" {
			filters++
		}
	}
	if filters > 1 {
		return nil, live.Errorf(live.Conflict, "only one of filterByName, filterByRecordingConfigurationArn, "+
			"filterByPlaybackRestrictionPolicyArn and filterByAdConfigurationArn may be given")
	}
	all, next, err := s.Channels.List(ctx, filter, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &channel.ListChannelsOutput{Channels: each(all, channelSummaryTo), NextToken: given(next)}, nil
}

func multitrackFrom(in *channel.MultitrackInputConfiguration) *live.Multitrack {
	if in == nil {
		return nil
	}
	return &live.Multitrack{
		Enabled:           value(in.Enabled),
		MaximumResolution: string(value(in.MaximumResolution)),
		Policy:            string(value(in.Policy)),
	}
}

// channelTo tells of a channel. Nothing is said of SRT, which the server does not take.
func channelTo(c live.Channel) channel.Channel {
	return channel.Channel{
		ARN:                          new(c.ARN.String()),
		Name:                         &c.Name,
		LatencyMode:                  new(channel.ChannelLatencyMode(c.LatencyMode)),
		Type:                         new(channel.ChannelType(c.Type)),
		RecordingConfigurationARN:    &c.Recording,
		IngestEndpoint:               &c.IngestEndpoint,
		PlaybackURL:                  &c.PlaybackURL,
		Authorized:                   &c.Authorized,
		Tags:                         c.Tags,
		InsecureIngest:               &c.Insecure,
		Preset:                       new(channel.TranscodePreset(c.Preset)),
		PlaybackRestrictionPolicyARN: &c.Policy,
		MultitrackInputConfiguration: &channel.MultitrackInputConfiguration{
			Enabled:           &c.Multitrack.Enabled,
			Policy:            new(channel.MultitrackPolicy(c.Multitrack.Policy)),
			MaximumResolution: new(channel.MultitrackMaximumResolution(c.Multitrack.MaximumResolution)),
		},
		ContainerFormat:    new(channel.ContainerFormat(c.Container)),
		AdConfigurationARN: given(c.Ads),
	}
}

func channelSummaryTo(c live.Channel) channel.ChannelSummary {
	whole := channelTo(c)
	return channel.ChannelSummary{
		ARN:                          whole.ARN,
		Name:                         whole.Name,
		LatencyMode:                  whole.LatencyMode,
		Authorized:                   whole.Authorized,
		RecordingConfigurationARN:    whole.RecordingConfigurationARN,
		Tags:                         whole.Tags,
		InsecureIngest:               whole.InsecureIngest,
		Type:                         whole.Type,
		Preset:                       whole.Preset,
		PlaybackRestrictionPolicyARN: whole.PlaybackRestrictionPolicyARN,
		AdConfigurationARN:           whole.AdConfigurationARN,
	}
}
