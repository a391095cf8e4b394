package api

import (
	"context"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// GetStageSession tells of one stretch of life of a stage.
func (s *service) GetStageSession(
	ctx context.Context, in *realtime.GetStageSessionInput,
) (*realtime.GetStageSessionOutput, error) {
	stage, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	session, err := s.Sessions.Get(ctx, stage, live.SessionID(value(in.SessionID)))
	if err != nil {
		return nil, err
	}
	return &realtime.GetStageSessionOutput{StageSession: &realtime.StageSession{
		SessionID: new(string(session.ID)),
		StartTime: &session.StartedAt,
		EndTime:   moment(session.EndedAt),
	}}, nil
}

// ListStageSessions tells of a stage's sessions, newest first, page by page.
func (s *service) ListStageSessions(
	ctx context.Context, in *realtime.ListStageSessionsInput,
) (*realtime.ListStageSessionsOutput, error) {
	stage, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	sessions, next, err := s.Sessions.List(ctx, stage, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListStageSessionsOutput{
		StageSessions: each(sessions, func(v live.Session) realtime.StageSessionSummary {
			return realtime.StageSessionSummary{SessionID: new(string(v.ID)), StartTime: &v.StartedAt, EndTime: moment(v.EndedAt)}
		}),
		NextToken: given(next),
	}, nil
}

// moment is a pointer to t, nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
