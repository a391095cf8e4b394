package api

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// recordingFrom fills what the request leaves out with the defaults, nil if it leaves out all. Without a
// storage configuration recording is off, and then the other members go back to their defaults too
// (control-plane.md 1.13).
//
// What the model cannot say: an interval other than the default needs the mode INTERVAL (media-features.md 1.1).
func recordingFrom(in *realtime.AutoParticipantRecordingConfiguration) (*live.Recording, error) {
	if in == nil {
		return nil, nil //nolint:nilnil // nothing asked for is nothing to change
	}
	r := live.DefaultRecording()
	if r.Storage = value(in.StorageConfigurationARN); r.Storage == "" {
		return &r, nil
	}
	if len(in.MediaTypes) > 0 {
		r.MediaTypes = texts[string](in.MediaTypes)
	}
	if t := in.ThumbnailConfiguration; t != nil {
		thumbnailsFrom(t, &r)
	}
	if r.ThumbnailMode != string(realtime.ThumbnailRecordingModeInterval) && r.ThumbnailEvery != live.DefaultRecording().ThumbnailEvery {
		return nil, live.Errorf(live.Invalid,
			"thumbnailConfiguration.targetIntervalSeconds can only be set when thumbnailConfiguration.recordingMode is INTERVAL")
	}
	if s := in.RecordingReconnectWindowSeconds; s != nil {
		r.ReconnectWindow = seconds(*s)
	}
	if h := in.HLSConfiguration; h != nil && h.TargetSegmentDurationSeconds != nil {
		r.SegmentTarget = seconds(*h.TargetSegmentDurationSeconds)
	}
	if in.RecordParticipantReplicas != nil {
		r.RecordReplicas = *in.RecordParticipantReplicas
	}
	return &r, nil
}

func thumbnailsFrom(in *realtime.ParticipantThumbnailConfiguration, r *live.Recording) {
	if in.RecordingMode != nil {
		r.ThumbnailMode = string(*in.RecordingMode)
	}
	if in.TargetIntervalSeconds != nil {
		r.ThumbnailEvery = seconds(*in.TargetIntervalSeconds)
	}
	if len(in.Storage) > 0 {
		r.ThumbnailStore = texts[string](in.Storage)
	}
}

// recordingTo echoes the settings in full.
func recordingTo(r live.Recording) *realtime.AutoParticipantRecordingConfiguration {
	return &realtime.AutoParticipantRecordingConfiguration{
		StorageConfigurationARN: &r.Storage,
		MediaTypes:              texts[realtime.ParticipantRecordingMediaType](r.MediaTypes),
		ThumbnailConfiguration: &realtime.ParticipantThumbnailConfiguration{
			TargetIntervalSeconds: inSeconds(r.ThumbnailEvery),
			Storage:               texts[realtime.ThumbnailStorageType](r.ThumbnailStore),
			RecordingMode:         new(realtime.ThumbnailRecordingMode(r.ThumbnailMode)),
		},
		RecordingReconnectWindowSeconds: inSeconds(r.ReconnectWindow),
		HLSConfiguration: &realtime.ParticipantRecordingHLSConfiguration{
			TargetSegmentDurationSeconds: inSeconds(r.SegmentTarget),
		},
		RecordParticipantReplicas: &r.RecordReplicas,
	}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

func inSeconds(d time.Duration) *int32 { return new(int32(d / time.Second)) }
