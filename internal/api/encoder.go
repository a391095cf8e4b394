package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// CreateEncoderConfiguration makes a description of a composition's picture.
func (s *service) CreateEncoderConfiguration(
	ctx context.Context, in *realtime.CreateEncoderConfigurationInput,
) (*realtime.CreateEncoderConfigurationOutput, error) {
	r := control.CreateEncoder{Name: value(in.Name), Tags: live.Tags(in.Tags)}
	if v := in.Video; v != nil {
		r.Video = live.Video{
			Width:     int(value(v.Width)),
			Height:    int(value(v.Height)),
			Framerate: value(v.Framerate),
			Bitrate:   int(value(v.Bitrate)),
		}
	}
	encoder, err := s.Encoders.Create(ctx, r)
	if err != nil {
		return nil, err
	}
	return &realtime.CreateEncoderConfigurationOutput{EncoderConfiguration: encoderTo(encoder)}, nil
}

// GetEncoderConfiguration tells of an encoder configuration.
func (s *service) GetEncoderConfiguration(
	ctx context.Context, in *realtime.GetEncoderConfigurationInput,
) (*realtime.GetEncoderConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	encoder, err := s.Encoders.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.GetEncoderConfigurationOutput{EncoderConfiguration: encoderTo(encoder)}, nil
}

// DeleteEncoderConfiguration removes an encoder configuration that no composition uses.
func (s *service) DeleteEncoderConfiguration(
	ctx context.Context, in *realtime.DeleteEncoderConfigurationInput,
) (*realtime.DeleteEncoderConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &realtime.DeleteEncoderConfigurationOutput{}, s.Encoders.Delete(ctx, arn)
}

// ListEncoderConfigurations tells of the account's encoder configurations, page by page.
func (s *service) ListEncoderConfigurations(
	ctx context.Context, in *realtime.ListEncoderConfigurationsInput,
) (*realtime.ListEncoderConfigurationsOutput, error) {
	encoders, next, err := s.Encoders.List(ctx, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListEncoderConfigurationsOutput{
		EncoderConfigurations: each(encoders, func(e live.Encoder) realtime.EncoderConfigurationSummary {
			return realtime.EncoderConfigurationSummary{ARN: new(e.ARN.String()), Name: &e.Name, Tags: e.Tags}
		}),
		NextToken: given(next),
	}, nil
}

func encoderTo(e live.Encoder) *realtime.EncoderConfiguration {
	return &realtime.EncoderConfiguration{
		ARN:  new(e.ARN.String()),
		Name: &e.Name,
		Tags: e.Tags,
		Video: &realtime.Video{
			Width:     new(int32(e.Video.Width)),
			Height:    new(int32(e.Video.Height)),
			Framerate: &e.Video.Framerate,
			Bitrate:   new(int32(e.Video.Bitrate)),
		},
	}
}
