package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// CreateStage makes a stage, and tokens for it in the order of the request.
func (s *service) CreateStage(ctx context.Context, in *realtime.CreateStageInput) (*realtime.CreateStageOutput, error) {
	recording, err := recordingFrom(in.AutoParticipantRecordingConfiguration)
	if err != nil {
		return nil, err
	}
	r := control.CreateStage{Name: value(in.Name), Tags: live.Tags(in.Tags), Recording: recording}
	for _, t := range in.ParticipantTokenConfigurations {
		r.Tokens = append(r.Tokens, tokenRequest(t))
	}
	stage, tokens, err := s.Stages.Create(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &realtime.CreateStageOutput{Stage: stageTo(stage)}
	for _, t := range tokens {
		out.ParticipantTokens = append(out.ParticipantTokens, *tokenTo(t))
	}
	return out, nil
}

// GetStage tells of a stage.
func (s *service) GetStage(ctx context.Context, in *realtime.GetStageInput) (*realtime.GetStageOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	stage, err := s.Stages.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.GetStageOutput{Stage: stageTo(stage)}, nil
}

// UpdateStage changes the members that are there.
func (s *service) UpdateStage(ctx context.Context, in *realtime.UpdateStageInput) (*realtime.UpdateStageOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	recording, err := recordingFrom(in.AutoParticipantRecordingConfiguration)
	if err != nil {
		return nil, err
	}
	stage, err := s.Stages.Update(ctx, control.UpdateStage{ARN: arn, Name: in.Name, Recording: recording})
	if err != nil {
		return nil, err
	}
	return &realtime.UpdateStageOutput{Stage: stageTo(stage)}, nil
}

// DeleteStage removes a stage; whoever is on it leaves.
func (s *service) DeleteStage(ctx context.Context, in *realtime.DeleteStageInput) (*realtime.DeleteStageOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &realtime.DeleteStageOutput{}, s.Stages.Delete(ctx, arn)
}

// ListStages tells of the account's stages, page by page.
func (s *service) ListStages(ctx context.Context, in *realtime.ListStagesInput) (*realtime.ListStagesOutput, error) {
	stages, next, err := s.Stages.List(ctx, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListStagesOutput{
		Stages: each(stages, func(v live.Stage) realtime.StageSummary {
			return realtime.StageSummary{
				ARN:             new(v.ARN.String()),
				Name:            &v.Name,
				ActiveSessionID: given(string(v.ActiveSession)),
				Tags:            v.Tags,
			}
		}),
		NextToken: given(next),
	}, nil
}

func stageTo(stage live.Stage) *realtime.Stage {
	return &realtime.Stage{
		ARN:                                   new(stage.ARN.String()),
		Name:                                  new(stage.Name),
		ActiveSessionID:                       given(string(stage.ActiveSession)),
		Tags:                                  stage.Tags,
		AutoParticipantRecordingConfiguration: recordingTo(stage.Recording),
		Endpoints: &realtime.StageEndpoints{
			Events: given(stage.Endpoints.Events),
			WHIP:   given(stage.Endpoints.WHIP),
			RTMP:   given(stage.Endpoints.RTMP),
			RTMPS:  given(stage.Endpoints.RTMPS),
		},
	}
}
