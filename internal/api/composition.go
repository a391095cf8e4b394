package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// StartComposition begins to make one picture of a stage's participants.
//
// What the model cannot say: a layout is a grid or a picture in picture, not both; a destination is a channel or
// a bucket, not both and not neither.
func (s *service) StartComposition(
	ctx context.Context, in *realtime.StartCompositionInput,
) (*realtime.StartCompositionOutput, error) {
	stage, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	layout, err := layoutFrom(in.Layout)
	if err != nil {
		return nil, err
	}
	r := control.StartComposition{
		Stage:       stage,
		Layout:      layout,
		Idempotency: value(in.IdempotencyToken),
		Tags:        live.Tags(in.Tags),
	}
	for i := range in.Destinations {
		d, err := destinationFrom(&in.Destinations[i])
		if err != nil {
			return nil, err
		}
		r.Destinations = append(r.Destinations, d)
	}
	composition, err := s.Compositions.Start(ctx, r)
	if err != nil {
		return nil, err
	}
	return &realtime.StartCompositionOutput{Composition: compositionTo(composition)}, nil
}

// GetComposition tells of a composition.
func (s *service) GetComposition(
	ctx context.Context, in *realtime.GetCompositionInput,
) (*realtime.GetCompositionOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	composition, err := s.Compositions.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.GetCompositionOutput{Composition: compositionTo(composition)}, nil
}

// StopComposition ends a composition when what is under way has been sent.
func (s *service) StopComposition(
	ctx context.Context, in *realtime.StopCompositionInput,
) (*realtime.StopCompositionOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &realtime.StopCompositionOutput{}, s.Compositions.Stop(ctx, arn)
}

// ListCompositions tells of the account's compositions, page by page. Both filters may be given.
func (s *service) ListCompositions(
	ctx context.Context, in *realtime.ListCompositionsInput,
) (*realtime.ListCompositionsOutput, error) {
	var filter control.CompositionFilter
	var err error
	if filter.Stage, err = optionalARN(in.FilterByStageARN); err != nil {
		return nil, err
	}
	if filter.Encoder, err = optionalARN(in.FilterByEncoderConfigurationARN); err != nil {
		return nil, err
	}
	all, next, err := s.Compositions.List(ctx, filter, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListCompositionsOutput{Compositions: each(all, compositionSummaryTo), NextToken: given(next)}, nil
}

func compositionTo(c live.Composition) *realtime.Composition {
	return &realtime.Composition{
		ARN:          new(c.ARN.String()),
		StageARN:     new(c.Stage.String()),
		State:        new(realtime.CompositionState(c.State)),
		Layout:       layoutTo(c.Layout),
		Destinations: each(c.Destinations, destinationTo),
		Tags:         c.Tags,
		StartTime:    moment(c.StartedAt),
		EndTime:      moment(c.EndedAt),
	}
}

func compositionSummaryTo(c live.Composition) realtime.CompositionSummary {
	return realtime.CompositionSummary{
		ARN:      new(c.ARN.String()),
		StageARN: new(c.Stage.String()),
		State:    new(realtime.CompositionState(c.State)),
		Destinations: each(c.Destinations, func(d live.Destination) realtime.DestinationSummary {
			return realtime.DestinationSummary{
				ID:        &d.ID,
				State:     new(realtime.DestinationState(d.State)),
				StartTime: moment(d.StartedAt),
				EndTime:   moment(d.EndedAt),
			}
		}),
		Tags:      c.Tags,
		StartTime: moment(c.StartedAt),
		EndTime:   moment(c.EndedAt),
	}
}
