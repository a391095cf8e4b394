package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// DisconnectParticipant makes a participant leave and its token useless.
func (s *service) DisconnectParticipant(
	ctx context.Context, in *realtime.DisconnectParticipantInput,
) (*realtime.DisconnectParticipantOutput, error) {
	arn, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	id := live.ParticipantID(value(in.ParticipantID))
	return &realtime.DisconnectParticipantOutput{}, s.participants.Disconnect(ctx, arn, id, value(in.Reason))
}
