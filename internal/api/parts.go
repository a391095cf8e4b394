package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

// Parts are what decides, one for each sort of thing that operations are about.
type Parts struct {
	Stages       Stages
	Tokens       Tokens
	Participants Participants
	Tags         Tags

	PublicKeys   PublicKeys
	Sessions     Sessions
	Replications Replications
	Compositions Compositions
	Encoders     Encoders
	Storages     Storages
	Ingests      Ingests

	Channels   Channels
	StreamKeys StreamKeys
	Streams    Streams
}

// PartsOf returns the parts of a control plane.
func PartsOf(s *control.Service) Parts {
	return Parts{
		Stages: s.Stages, Tokens: s.Tokens, Participants: s.Participants, Tags: s.Tags,
		PublicKeys: s.PublicKeys, Sessions: s.Sessions, Replications: s.Replications, Compositions: s.Compositions,
		Encoders: s.Encoders, Storages: s.Storages, Ingests: s.Ingests,
		Channels: s.Channels, StreamKeys: s.StreamKeys, Streams: s.Streams,
	}
}

// Stages decides about stages; control.Stages is one.
type Stages interface {
	Create(ctx context.Context, r control.CreateStage) (live.Stage, []live.IssuedToken, error)
	Get(ctx context.Context, arn live.ARN) (live.Stage, error)
	Update(ctx context.Context, r control.UpdateStage) (live.Stage, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, page control.Page) (items []live.Stage, next string, err error)
}

// Tokens issues participant tokens; control.Tokens is one.
type Tokens interface {
	Create(ctx context.Context, stage live.ARN, r control.TokenRequest) (live.IssuedToken, error)
}

// Participants decides about participants and knows their past; control.Participants is one.
type Participants interface {
	Disconnect(ctx context.Context, stage live.ARN, id live.ParticipantID, reason string) error
	Get(ctx context.Context, stage live.ARN, session live.SessionID, id live.ParticipantID) (live.Participant, error)
	List(ctx context.Context, stage live.ARN, session live.SessionID, f control.ParticipantFilter, page control.Page) (items []live.Participant, next string, err error)
	Events(ctx context.Context, stage live.ARN, session live.SessionID, id live.ParticipantID, page control.Page) (items []live.Event, next string, err error)
}

// Tags keeps the labels of resources; control.Tags is one.
type Tags interface {
	List(ctx context.Context, arn live.ARN) (live.Tags, error)
	Tag(ctx context.Context, arn live.ARN, tags live.Tags) error
	Untag(ctx context.Context, arn live.ARN, keys []string) error
}

// PublicKeys decides about customers' keys; control.PublicKeys is one.
type PublicKeys interface {
	Import(ctx context.Context, r control.ImportPublicKey) (live.PublicKey, error)
	Get(ctx context.Context, arn live.ARN) (live.PublicKey, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, page control.Page) (items []live.PublicKey, next string, err error)
}

// Sessions knows the stretches of life of stages; control.Sessions is one.
type Sessions interface {
	Get(ctx context.Context, stage live.ARN, id live.SessionID) (live.Session, error)
	List(ctx context.Context, stage live.ARN, page control.Page) (items []live.Session, next string, err error)
}

// Replications shows participants on other stages; control.Replications is one.
type Replications interface {
	Start(ctx context.Context, r control.StartReplication) error
	Stop(ctx context.Context, source, destination live.ARN, who live.ParticipantID) error
	List(ctx context.Context, source live.ARN, who live.ParticipantID, page control.Page) (items []live.Replication, next string, err error)
}

// Compositions decides about compositions; control.Compositions is one.
type Compositions interface {
	Start(ctx context.Context, r control.StartComposition) (live.Composition, error)
	Get(ctx context.Context, arn live.ARN) (live.Composition, error)
	Stop(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, f control.CompositionFilter, page control.Page) (items []live.Composition, next string, err error)
}

// Encoders keeps encoder configurations; control.Encoders is one.
type Encoders interface {
	Create(ctx context.Context, r control.CreateEncoder) (live.Encoder, error)
	Get(ctx context.Context, arn live.ARN) (live.Encoder, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, page control.Page) (items []live.Encoder, next string, err error)
}

// Storages keeps storage configurations; control.Storages is one.
type Storages interface {
	Create(ctx context.Context, r control.CreateStorage) (live.Storage, error)
	Get(ctx context.Context, arn live.ARN) (live.Storage, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, page control.Page) (items []live.Storage, next string, err error)
}

// Ingests decides about ingest configurations; control.Ingests is one.
type Ingests interface {
	Create(ctx context.Context, r control.CreateIngest) (live.Ingest, error)
	Get(ctx context.Context, arn live.ARN) (live.Ingest, error)
	Update(ctx context.Context, r control.UpdateIngest) (live.Ingest, error)
	Delete(ctx context.Context, arn live.ARN, force bool) error
	List(ctx context.Context, f control.IngestFilter, page control.Page) (items []live.Ingest, next string, err error)
}

// Channels decides about channels; control.Channels is one.
type Channels interface {
	Create(ctx context.Context, r control.CreateChannel) (live.Channel, live.StreamKey, error)
	Get(ctx context.Context, arn live.ARN) (live.Channel, error)
	BatchGet(ctx context.Context, arns []live.ARN) ([]live.Channel, []control.BatchError, error)
	Update(ctx context.Context, r control.UpdateChannel) (live.Channel, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, f control.ChannelFilter, page control.Page) (items []live.Channel, next string, err error)
}

// StreamKeys decides about channels' keys; control.StreamKeys is one.
type StreamKeys interface {
	Create(ctx context.Context, channel live.ARN, tags live.Tags) (live.StreamKey, error)
	Get(ctx context.Context, arn live.ARN) (live.StreamKey, error)
	BatchGet(ctx context.Context, arns []live.ARN) ([]live.StreamKey, []control.BatchError, error)
	Delete(ctx context.Context, arn live.ARN) error
	List(ctx context.Context, channel live.ARN, page control.Page) (items []live.StreamKey, next string, err error)
}

// Streams knows what is on the air; control.Streams is one.
type Streams interface {
	Get(ctx context.Context, channel live.ARN) (live.Stream, error)
	List(ctx context.Context, health string, page control.Page) (items []live.Stream, next string, err error)
	Stop(ctx context.Context, channel live.ARN) error
	PutMetadata(ctx context.Context, channel live.ARN, text string) error
}
