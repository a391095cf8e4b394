package api

import (
	"context"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// CreateParticipantToken issues a token for a stage.
func (s *service) CreateParticipantToken(
	ctx context.Context, in *realtime.CreateParticipantTokenInput,
) (*realtime.CreateParticipantTokenOutput, error) {
	arn, err := arnOf(in.StageARN)
	if err != nil {
		return nil, err
	}
	token, err := s.Tokens.Create(ctx, arn, tokenRequest(realtime.ParticipantTokenConfiguration{
		Duration:     in.Duration,
		UserID:       in.UserID,
		Attributes:   in.Attributes,
		Capabilities: in.Capabilities,
	}))
	if err != nil {
		return nil, err
	}
	return &realtime.CreateParticipantTokenOutput{ParticipantToken: tokenTo(token)}, nil
}

func tokenRequest(in realtime.ParticipantTokenConfiguration) control.TokenRequest {
	return control.TokenRequest{
		Duration:     time.Duration(value(in.Duration)) * time.Minute,
		UserID:       value(in.UserID),
		Attributes:   in.Attributes,
		Capabilities: texts[live.Capability](in.Capabilities),
	}
}

// tokenTo tells of a token. Duration and capabilities are told also when they were defaulted, the user's id
// and attributes only when there are some (control-plane.md 3.1).
func tokenTo(t live.IssuedToken) *realtime.ParticipantToken {
	out := &realtime.ParticipantToken{
		ParticipantID:  new(string(t.Claims.Participant)),
		Token:          new(realtime.ParticipantTokenString(t.Token)),
		UserID:         given(t.Claims.UserID),
		Duration:       new(int32(t.Duration / time.Minute)),
		Capabilities:   capabilitiesTo(t.Claims.Capabilities),
		ExpirationTime: new(t.Claims.ExpiresAt),
	}
	if len(t.Claims.Attributes) > 0 {
		out.Attributes = t.Claims.Attributes
	}
	return out
}

func capabilitiesTo(c live.Capabilities) []realtime.ParticipantTokenCapability {
	out := []realtime.ParticipantTokenCapability{}
	if c.Publish {
		out = append(out, realtime.ParticipantTokenCapabilityPublish)
	}
	if c.Subscribe {
		out = append(out, realtime.ParticipantTokenCapabilitySubscribe)
	}
	return out
}
