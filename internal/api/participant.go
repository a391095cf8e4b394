package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
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
	return &realtime.DisconnectParticipantOutput{}, s.Participants.Disconnect(ctx, arn, id, value(in.Reason))
}

// GetParticipant tells of someone's part in a session.
func (s *service) GetParticipant(
	ctx context.Context, in *realtime.GetParticipantInput,
) (*realtime.GetParticipantOutput, error) {
	stage, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	session, id := live.SessionID(value(in.SessionID)), live.ParticipantID(value(in.ParticipantID))
	p, err := s.Participants.Get(ctx, stage, session, id)
	if err != nil {
		return nil, err
	}
	return &realtime.GetParticipantOutput{Participant: participantTo(p)}, nil
}

// ListParticipants tells who took part in a session, page by page.
//
// What the model cannot say: only one filter may be given.
func (s *service) ListParticipants(
	ctx context.Context, in *realtime.ListParticipantsInput,
) (*realtime.ListParticipantsOutput, error) {
	filters := 0
	for _, given := range []bool{
		in.FilterByUserID != nil, in.FilterByPublished != nil, in.FilterByState != nil, in.FilterByRecordingState != nil,
	} {
		if given {
			filters++
		}
	}
	if filters > 1 {
		return nil, live.Errorf(live.Invalid,
			"only one of filterByUserId, filterByPublished, filterByState and filterByRecordingState may be given")
	}
	stage, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	filter := control.ParticipantFilter{
		UserID:    value(in.FilterByUserID),
		Published: in.FilterByPublished,
		Recording: live.RecordingState(value(in.FilterByRecordingState)),
	}
	if in.FilterByState != nil {
		filter.Connected = new(*in.FilterByState == realtime.ParticipantStateConnected)
	}
	session := live.SessionID(value(in.SessionID))
	all, next, err := s.Participants.List(ctx, stage, session, filter, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListParticipantsOutput{Participants: each(all, participantSummaryTo), NextToken: given(next)}, nil
}

// ListParticipantEvents tells what happened to a participant in a session, newest first, page by page.
func (s *service) ListParticipantEvents(
	ctx context.Context, in *realtime.ListParticipantEventsInput,
) (*realtime.ListParticipantEventsOutput, error) {
	stage, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	session, id := live.SessionID(value(in.SessionID)), live.ParticipantID(value(in.ParticipantID))
	events, next, err := s.Participants.Events(ctx, stage, session, id, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListParticipantEventsOutput{Events: each(events, eventTo), NextToken: given(next)}, nil
}

func participantTo(p live.Participant) *realtime.Participant {
	short := participantSummaryTo(p)
	out := &realtime.Participant{
		ParticipantID:          short.ParticipantID,
		UserID:                 short.UserID,
		State:                  short.State,
		FirstJoinTime:          short.FirstJoinTime,
		Attributes:             p.Attributes,
		Published:              short.Published,
		ISPName:                &p.Client.ISP,
		OSName:                 &p.Client.OS,
		OSVersion:              &p.Client.OSVersion,
		BrowserName:            &p.Client.Browser,
		BrowserVersion:         &p.Client.BrowserVersion,
		SDKVersion:             &p.Client.SDKVersion,
		RecordingS3BucketName:  &p.RecordingBucket,
		RecordingS3Prefix:      &p.RecordingPrefix,
		RecordingState:         short.RecordingState,
		Protocol:               new(realtime.ParticipantProtocol(p.Protocol)),
		ReplicationType:        short.ReplicationType,
		ReplicationState:       short.ReplicationState,
		SourceStageARN:         short.SourceStageARN,
		SourceSessionID:        short.SourceSessionID,
		RedundantIngest:        short.RedundantIngest,
		IngestConfigurationARN: short.IngestConfigurationARN,
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	return out
}

// participantSummaryTo tells of a participant in short. Where a replica came from is told of both sides of a
// replication, "" of the source; how an encoder came, of encoders (control-plane.md 1.4 and 1.13).
func participantSummaryTo(p live.Participant) realtime.ParticipantSummary {
	out := realtime.ParticipantSummary{
		ParticipantID:    new(string(p.ID)),
		UserID:           &p.UserID,
		State:            new(realtime.ParticipantStateDisconnected),
		FirstJoinTime:    moment(p.JoinedAt),
		Published:        &p.Published,
		RecordingState:   new(realtime.ParticipantRecordingState(p.Recording)),
		ReplicationType:  new(realtime.ReplicationType(p.Replication)),
		ReplicationState: given(realtime.ReplicationState(p.ReplicationState)),
	}
	if p.Connected {
		out.State = new(realtime.ParticipantStateConnected)
	}
	if p.Replication != live.ReplicationNone {
		out.SourceStageARN, out.SourceSessionID = new(p.SourceStage.Text()), new(string(p.SourceSession))
	}
	if p.Ingest != (live.ARN{}) {
		out.RedundantIngest, out.IngestConfigurationARN = &p.Redundant, new(p.Ingest.String())
	}
	return out
}

func eventTo(e live.Event) realtime.Event {
	return realtime.Event{
		Name:                 new(realtime.EventName(e.Name)),
		ParticipantID:        new(string(e.Participant)),
		EventTime:            moment(e.At),
		RemoteParticipantID:  given(string(e.Remote)),
		ErrorCode:            given(realtime.EventErrorCode(e.ErrorCode)),
		DestinationStageARN:  given(e.DestinationStage.Text()),
		DestinationSessionID: given(string(e.DestinationSession)),
		Replica:              &e.Replica,
		PreviousToken:        exchangedTo(e.PreviousToken),
		NewToken:             exchangedTo(e.NewToken),
	}
}

func exchangedTo(t *live.ExchangedToken) *realtime.ExchangedParticipantToken {
	if t == nil {
		return nil
	}
	return &realtime.ExchangedParticipantToken{
		Capabilities:   capabilitiesTo(t.Capabilities),
		Attributes:     t.Attributes,
		UserID:         given(t.UserID),
		ExpirationTime: moment(t.ExpiresAt),
	}
}
