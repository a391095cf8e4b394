package api

import (
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

func destinationFrom(in *realtime.DestinationConfiguration) (control.Destination, error) {
	d := control.Destination{Name: value(in.Name)}
	if (in.Channel == nil) == (in.S3 == nil) {
		return d, live.Errorf(live.Invalid, "a destination has exactly one of channel and s3")
	}
	var err error
	if in.Channel != nil {
		d.Channel, err = channelOutputFrom(in.Channel)
	} else {
		d.S3, err = s3OutputFrom(in.S3)
	}
	return d, err
}

func channelOutputFrom(in *realtime.ChannelDestinationConfiguration) (*live.ChannelOutput, error) {
	channel, err := arnOf(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	encoder, err := optionalARN(in.EncoderConfigurationARN)
	return &live.ChannelOutput{Channel: channel, Encoder: encoder}, err
}

// s3OutputFrom leaves to control what the request leaves out.
func s3OutputFrom(in *realtime.S3DestinationConfiguration) (*live.S3Output, error) {
	storage, err := arnOf(in.StorageConfigurationARN)
	if err != nil {
		return nil, err
	}
	encoders, err := arnsOf(in.EncoderConfigurationARNs)
	if err != nil {
		return nil, err
	}
	out := &live.S3Output{Storage: storage, Encoders: encoders}
	if r := in.RecordingConfiguration; r != nil {
		out.Format = string(value(r.Format))
		if h := r.HLSConfiguration; h != nil {
			out.SegmentTarget = seconds(value(h.TargetSegmentDurationSeconds))
		}
	}
	for _, t := range in.ThumbnailConfigurations {
		thumbnails := live.Thumbnails{Every: seconds(value(t.TargetIntervalSeconds))}
		if len(t.Storage) > 0 {
			thumbnails.Store = texts[string](t.Storage)
		}
		out.Thumbnails = append(out.Thumbnails, thumbnails)
	}
	return out, nil
}

func destinationTo(d live.Destination) realtime.Destination {
	out := realtime.Destination{
		ID:            &d.ID,
		State:         new(realtime.DestinationState(d.State)),
		StartTime:     moment(d.StartedAt),
		EndTime:       moment(d.EndedAt),
		Configuration: &realtime.DestinationConfiguration{Name: &d.Name},
	}
	if c := d.Channel; c != nil {
		out.Configuration.Channel = &realtime.ChannelDestinationConfiguration{
			ChannelARN:              new(c.Channel.String()),
			EncoderConfigurationARN: given(c.Encoder.Text()),
		}
	}
	if d.S3 != nil {
		out.Configuration.S3 = s3OutputTo(d.S3)
		out.Detail = &realtime.DestinationDetail{S3: &realtime.S3Detail{RecordingPrefix: &d.RecordingPrefix}}
	}
	return out
}

func s3OutputTo(o *live.S3Output) *realtime.S3DestinationConfiguration {
	out := &realtime.S3DestinationConfiguration{
		StorageConfigurationARN:  new(o.Storage.String()),
		EncoderConfigurationARNs: each(o.Encoders, live.ARN.String),
		RecordingConfiguration: &realtime.RecordingConfiguration{
			Format: new(realtime.RecordingConfigurationFormat(o.Format)),
			HLSConfiguration: &realtime.CompositionRecordingHLSConfiguration{
				TargetSegmentDurationSeconds: inSeconds(o.SegmentTarget),
			},
		},
	}
	for _, t := range o.Thumbnails {
		out.ThumbnailConfigurations = append(out.ThumbnailConfigurations, realtime.CompositionThumbnailConfiguration{
			TargetIntervalSeconds: inSeconds(t.Every),
			Storage:               texts[realtime.ThumbnailStorageType](t.Store),
		})
	}
	return out
}
