// Package live names what exists and what can happen: stages, sessions, participants, tokens, events,
// commands, and the errors that callers may see.
//
// It holds words and their plain rules. It starts no goroutine, knows no wire format and no storage: the
// AWS shapes are in wire, the tables in store, the signalling frames in signal.
package live

import (
	"time"
)

// Tags are a resource's labels.
type Tags map[string]string

// Stage is a room that stays.
type Stage struct {
	ID            StageID
	ARN           ARN
	Name          string
	Tags          Tags
	Recording     Recording
	ActiveSession SessionID // "" while nobody is there
	CreatedAt     time.Time
	Endpoints     Endpoints
}

// Endpoints are the addresses that clients of a stage are told.
type Endpoints struct {
	Events string // ws:// or wss://, without the stage id
	WHIP   string // http:// or https://
	RTMP   string // rtmp://host/app/
	RTMPS  string // "" while the server has no TLS ingest
}

// Recording holds a stage's settings for recording each participant (AutoParticipantRecordingConfiguration).
type Recording struct {
	Storage         string // ARN of the storage configuration, "" is off
	MediaTypes      []string
	ThumbnailMode   string
	ThumbnailEvery  time.Duration
	ThumbnailStore  []string
	ReconnectWindow time.Duration
	SegmentTarget   time.Duration
	RecordReplicas  bool
}

// DefaultRecording returns the settings of a stage that asks for nothing: off, with the documented defaults.
func DefaultRecording() Recording {
	return Recording{
		MediaTypes:     []string{"AUDIO_VIDEO"},
		ThumbnailMode:  "DISABLED",
		ThumbnailEvery: 60 * time.Second,
		ThumbnailStore: []string{"SEQUENTIAL"},
		SegmentTarget:  6 * time.Second,
		RecordReplicas: true,
	}
}

// Capabilities say what a token lets its participant do.
type Capabilities struct {
	Publish   bool
	Subscribe bool
}

// Capability is one right of a token, in the API's words.
type Capability string

// The rights a token may give.
const (
	CanPublish   Capability = "PUBLISH"
	CanSubscribe Capability = "SUBSCRIBE"
)

// Claims are what a participant token says, once it has been verified.
type Claims struct {
	Participant  ParticipantID
	Stage        ARN
	Topic        StageID
	EventsURL    string
	WHIPURL      string
	UserID       string
	Attributes   map[string]string
	Capabilities Capabilities
	IssuedAt     time.Time
	ExpiresAt    time.Time
	SelfSigned   bool // signed with a customer's key rather than the server's
}

// Secret is a text that must not reach a log: it prints as REDACTED.
type Secret string

// String hides the secret.
func (Secret) String() string { return "REDACTED" }

// GoString hides the secret.
func (Secret) GoString() string { return "REDACTED" }

// MarshalText hides the secret from encoders; whoever must send it converts it to string.
func (Secret) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }

// IssuedToken is a participant token fresh from the server.
type IssuedToken struct {
	Token    Secret
	Claims   Claims
	Duration time.Duration
}

// Session is one stretch of life on a stage.
type Session struct {
	ID        SessionID
	Stage     StageID
	Node      NodeID
	StartedAt time.Time
	EndedAt   time.Time // zero while it lasts
}
