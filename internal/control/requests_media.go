package control

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// ImportPublicKey describes a key whose private half a customer signs tokens with.
type ImportPublicKey struct {
	Material string // PEM of a P-384 key
	Name     string
	Tags     live.Tags
}

// CreateEncoder describes an encoder configuration.
type CreateEncoder struct {
	Name  string
	Video live.Video // zero fields take the defaults
	Tags  live.Tags
}

// CreateStorage describes a storage configuration.
type CreateStorage struct {
	Name   string
	Bucket string
	Tags   live.Tags
}

// CreateIngest describes an ingest configuration.
type CreateIngest struct {
	Name       string
	Protocol   live.IngestProtocol
	Stage      live.ARN // zero: none yet
	UserID     string
	Attributes map[string]string
	Insecure   bool
	Redundant  bool
	Tags       live.Tags
}

// UpdateIngest changes what is not nil.
type UpdateIngest struct {
	ARN       live.ARN
	Stage     *live.ARN // the zero ARN takes it off its stage
	Redundant *bool
}

// IngestFilter keeps some of a list. At most one field is set.
type IngestFilter struct {
	Stage live.ARN
	State live.IngestState
}

// StartComposition describes a composition. Layout is whole: live.DefaultGrid and live.DefaultPiP have what
// a request leaves out; a layout with neither is the default grid.
type StartComposition struct {
	Stage        live.ARN
	Destinations []Destination
	Layout       live.Layout
	Idempotency  string // "": each call starts another
	Tags         live.Tags
}

// Destination describes where a composition is to go. One of Channel and S3 is set.
type Destination struct {
	Name    string
	Channel *live.ChannelOutput
	S3      *live.S3Output // Format "", SegmentTarget 0 and a thumbnail's Every 0 and Store nil take the defaults
}

// CompositionFilter keeps what matches all fields that are set.
type CompositionFilter struct {
	Stage   live.ARN
	Encoder live.ARN
}

// StartReplication describes showing a participant on another stage.
type StartReplication struct {
	Source          live.ARN
	Destination     live.ARN
	Participant     live.ParticipantID
	ReconnectWindow time.Duration
	Attributes      map[string]string
}

// ParticipantFilter keeps some of a list. At most one field is set.
type ParticipantFilter struct {
	UserID    string
	Published *bool
	Connected *bool
	Recording live.RecordingState
}

// CreateChannel describes a channel. Zero fields take the defaults of live.DefaultChannel.
type CreateChannel struct {
	Name        string
	LatencyMode string
	Type        string
	Authorized  bool
	Insecure    bool
	Preset      string
	Container   string
	Multitrack  *live.Multitrack // "" fields take the defaults
	Recording   string
	Policy      string
	Ads         string
	Tags        live.Tags
}

// UpdateChannel changes what is not nil.
type UpdateChannel struct {
	ARN         live.ARN
	Name        *string
	LatencyMode *string
	Type        *string
	Authorized  *bool
	Insecure    *bool
	Preset      *string
	Container   *string
	Multitrack  *live.Multitrack // "" fields take the defaults
	Recording   *string
	Policy      *string
	Ads         *string
}

// ChannelFilter keeps some of a list. At most one field is set: two are a Conflict.
type ChannelFilter struct {
	Name      string
	Recording string
	Policy    string
	Ads       string
}

// BatchError says what became of one of several.
type BatchError struct {
	ARN live.ARN
	Err error // a *live.Error
}
