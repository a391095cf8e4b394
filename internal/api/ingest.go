package api

import (
	"context"
	"strings"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// CreateIngestConfiguration makes a stream key by which an encoder becomes a participant.
func (s *service) CreateIngestConfiguration(
	ctx context.Context, in *realtime.CreateIngestConfigurationInput,
) (*realtime.CreateIngestConfigurationOutput, error) {
	stage, err := optionalARN(in.StageARN)
	if err != nil {
		return nil, err
	}
	ingest, err := s.Ingests.Create(ctx, control.CreateIngest{
		Name:       value(in.Name),
		Protocol:   live.IngestProtocol(strings.ToUpper(string(value(in.IngestProtocol)))),
		Stage:      stage,
		UserID:     value(in.UserID),
		Attributes: in.Attributes,
		Insecure:   value(in.InsecureIngest),
		Redundant:  value(in.RedundantIngest),
		Tags:       live.Tags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &realtime.CreateIngestConfigurationOutput{IngestConfiguration: ingestTo(ingest)}, nil
}

// GetIngestConfiguration tells of an ingest configuration, its stream key included.
func (s *service) GetIngestConfiguration(
	ctx context.Context, in *realtime.GetIngestConfigurationInput,
) (*realtime.GetIngestConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	ingest, err := s.Ingests.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.GetIngestConfigurationOutput{IngestConfiguration: ingestTo(ingest)}, nil
}

// UpdateIngestConfiguration links an ingest configuration to a stage, or takes it off with "".
func (s *service) UpdateIngestConfiguration(
	ctx context.Context, in *realtime.UpdateIngestConfigurationInput,
) (*realtime.UpdateIngestConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	r := control.UpdateIngest{ARN: arn, Redundant: in.RedundantIngest}
	if in.StageARN != nil {
		stage, err := optionalARN(in.StageARN)
		if err != nil {
			return nil, err
		}
		r.Stage = &stage
	}
	ingest, err := s.Ingests.Update(ctx, r)
	if err != nil {
		return nil, err
	}
	return &realtime.UpdateIngestConfigurationOutput{IngestConfiguration: ingestTo(ingest)}, nil
}

// DeleteIngestConfiguration removes an ingest configuration; force makes whoever sends by it leave.
func (s *service) DeleteIngestConfiguration(
	ctx context.Context, in *realtime.DeleteIngestConfigurationInput,
) (*realtime.DeleteIngestConfigurationOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &realtime.DeleteIngestConfigurationOutput{}, s.Ingests.Delete(ctx, arn, value(in.Force))
}

// ListIngestConfigurations tells of the account's ingest configurations, page by page.
//
// What the model cannot say: only one filter may be given.
func (s *service) ListIngestConfigurations(
	ctx context.Context, in *realtime.ListIngestConfigurationsInput,
) (*realtime.ListIngestConfigurationsOutput, error) {
	if in.FilterByStageARN != nil && in.FilterByState != nil {
		return nil, live.Errorf(live.Invalid, "only one of filterByStageArn and filterByState may be given")
	}
	stage, err := optionalARN(in.FilterByStageARN)
	if err != nil {
		return nil, err
	}
	filter := control.IngestFilter{Stage: stage, State: live.IngestState(value(in.FilterByState))}
	ingests, next, err := s.Ingests.List(ctx, filter, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListIngestConfigurationsOutput{
		IngestConfigurations: each(ingests, ingestSummaryTo),
		NextToken:            given(next),
	}, nil
}

// ingestTo tells of an ingest configuration. Attributes are told when there are some, credentials when the
// ingest is redundant (control-plane.md 4.5).
func ingestTo(i live.Ingest) *realtime.IngestConfiguration {
	out := &realtime.IngestConfiguration{
		Name:            &i.Name,
		ARN:             new(i.ARN.String()),
		IngestProtocol:  new(realtime.IngestProtocol(i.Protocol)),
		StreamKey:       new(realtime.StreamKey(i.StreamKey)),
		StageARN:        new(i.Stage.Text()),
		ParticipantID:   new(string(i.Participant)),
		State:           new(realtime.IngestConfigurationState(i.State)),
		UserID:          &i.UserID,
		RedundantIngest: &i.Redundant,
		Tags:            i.Tags,
	}
	if len(i.Attributes) > 0 {
		out.Attributes = i.Attributes
	}
	for _, c := range i.Credentials {
		out.RedundantIngestCredentials = append(out.RedundantIngestCredentials, realtime.RedundantIngestCredential{
			ParticipantID: new(string(c.Participant)),
			StreamKey:     new(realtime.StreamKey(c.StreamKey)),
		})
	}
	return out
}

func ingestSummaryTo(i live.Ingest) realtime.IngestConfigurationSummary {
	return realtime.IngestConfigurationSummary{
		Name:            &i.Name,
		ARN:             new(i.ARN.String()),
		IngestProtocol:  new(realtime.IngestProtocol(i.Protocol)),
		StageARN:        new(i.Stage.Text()),
		ParticipantID:   new(string(i.Participant)),
		State:           new(realtime.IngestConfigurationState(i.State)),
		UserID:          &i.UserID,
		RedundantIngest: &i.Redundant,
	}
}
