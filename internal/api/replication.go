package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// StartParticipantReplication shows a participant on another stage, too. Its modelled output is headers, which
// every answer has.
func (s *service) StartParticipantReplication(
	ctx context.Context, in *realtime.StartParticipantReplicationInput,
) (*realtime.StartParticipantReplicationOutput, error) {
	source, destination, err := replicationStages(in.SourceStageARN, in.DestinationStageARN)
	if err != nil {
		return nil, err
	}
	return &realtime.StartParticipantReplicationOutput{}, s.Replications.Start(ctx, control.StartReplication{
		Source:          source,
		Destination:     destination,
		Participant:     live.ParticipantID(value(in.ParticipantID)),
		ReconnectWindow: seconds(value(in.ReconnectWindowSeconds)),
		Attributes:      in.Attributes,
	})
}

// StopParticipantReplication ends it.
func (s *service) StopParticipantReplication(
	ctx context.Context, in *realtime.StopParticipantReplicationInput,
) (*realtime.StopParticipantReplicationOutput, error) {
	source, destination, err := replicationStages(in.SourceStageARN, in.DestinationStageARN)
	if err != nil {
		return nil, err
	}
	who := live.ParticipantID(value(in.ParticipantID))
	return &realtime.StopParticipantReplicationOutput{}, s.Replications.Stop(ctx, source, destination, who)
}

// ListParticipantReplicas tells where a participant is shown, page by page.
func (s *service) ListParticipantReplicas(
	ctx context.Context, in *realtime.ListParticipantReplicasInput,
) (*realtime.ListParticipantReplicasOutput, error) {
	source, err := arnOf(in.SourceStageARN)
	if err != nil {
		return nil, err
	}
	who := live.ParticipantID(value(in.ParticipantID))
	replicas, next, err := s.Replications.List(ctx, source, who, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListParticipantReplicasOutput{
		Replicas: each(replicas, func(r live.Replication) realtime.ParticipantReplica {
			return realtime.ParticipantReplica{
				SourceStageARN:       new(r.SourceStage.String()),
				ParticipantID:        new(string(r.Participant)),
				SourceSessionID:      new(string(r.SourceSession)),
				DestinationStageARN:  new(r.DestinationStage.String()),
				DestinationSessionID: new(string(r.DestinationSession)),
				ReplicationState:     new(realtime.ReplicationState(r.State)),
			}
		}),
		NextToken: given(next),
	}, nil
}

func replicationStages(from, to *string) (source, destination live.ARN, err error) {
	if source, err = arnOf(from); err != nil {
		return source, destination, err
	}
	destination, err = arnOf(to)
	return source, destination, err
}
