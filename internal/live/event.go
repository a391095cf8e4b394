package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// BridgeEvent is what the outside is told of something that happened, in the form of Amazon EventBridge
// (control-plane.md 5.1). Its JSON has EventBridge's members in EventBridge's order.
type BridgeEvent struct {
	ID         string // a UUID: who hears of an event twice knows it by this
	DetailType DetailType
	Account    string
	At         time.Time
	Region     string
	Resource   ARN
	Detail     any // one of the details below
}

// DetailType says which kind of detail a BridgeEvent has.
type DetailType string

// The kinds of events that are told.
const (
	StageUpdate     DetailType = "IVS Stage Update"
	RecordingChange DetailType = "IVS Participant Recording State Change"
	CompositionTold DetailType = "IVS Composition State Change"
	TargetTest      DetailType = "Proscenium Target Test" // ours: asks whether a target hears
)

// The names of events, by the kind of their detail.
const (
	EventPublished          = "Participant Published"
	EventUnpublished        = "Participant Unpublished"
	EventPublishError       = "Participant Publish Error"
	EventReplicationStart   = "Participant Replication Start"
	EventReplicationEnd     = "Participant Replication End"
	EventTokenExchanged     = "Token Exchanged"
	EventRecordingStart     = "Recording Start"
	EventRecordingEnd       = "Recording End"
	EventRecordingNoStart   = "Recording Start Failure"
	EventRecordingNoEnd     = "Recording End Failure"
	EventCompositionStart   = "Session Start"
	EventCompositionEnd     = "Session End"
	EventCompositionFailure = "Session Failure"
	EventDestinationStart   = "Destination Start"
	EventDestinationEnd     = "Destination End"
	EventDestinationFailure = "Destination Failure"
	EventDestinationAgain   = "Destination Reconnecting"
)

// PublishDetail is the detail of Participant Published and Unpublished.
type PublishDetail struct {
	Session       SessionID     `json:"session_id"`
	Name          string        `json:"event_name"`
	At            string        `json:"event_time"`
	AtPrecise     string        `json:"event_time_precise"`
	UserID        string        `json:"user_id"`
	Participant   ParticipantID `json:"participant_id"`
	Replica       bool          `json:"replica"`
	SourceStage   string        `json:"source_stage_arn,omitempty"`
	SourceSession SessionID     `json:"source_session_id,omitempty"`
}

// PublishErrorDetail is the detail of Participant Publish Error.
type PublishErrorDetail struct {
	Session       SessionID     `json:"session_id"`
	Name          string        `json:"event_name"`
	At            string        `json:"event_time"`
	UserID        string        `json:"user_id"`
	Participant   ParticipantID `json:"participant_id"`
	ErrorCode     Reason        `json:"error_code"`
	Replica       bool          `json:"replica"`
	SourceStage   string        `json:"source_stage_arn,omitempty"`
	SourceSession SessionID     `json:"source_session_id,omitempty"`
}

// ReplicationDetail is the detail of Participant Replication Start and End.
type ReplicationDetail struct {
	Session            SessionID     `json:"session_id"`
	Name               string        `json:"event_name"`
	At                 string        `json:"event_time"`
	UserID             string        `json:"user_id"`
	Participant        ParticipantID `json:"participant_id"`
	DestinationStage   string        `json:"destination_stage_arn"`
	DestinationSession SessionID     `json:"destination_session_id"`
}

// TokenDetail is the detail of Token Exchanged.
type TokenDetail struct {
	Session     SessionID     `json:"session_id"`
	Name        string        `json:"event_name"`
	At          string        `json:"event_time"`
	UserID      string        `json:"user_id"` // as it is now
	Participant ParticipantID `json:"participant_id"`
	Previous    TokenSaid     `json:"previous_token"`
	New         TokenSaid     `json:"new_token"`
}

// TokenSaid is what a token said, in a TokenDetail.
type TokenSaid struct {
	Capabilities []Capability      `json:"capabilities"`
	Attributes   map[string]string `json:"attributes"`
	UserID       string            `json:"user_id"`
	ExpiresAt    string            `json:"expiration_time"`
}

// RecordingDetail is the detail of the events of a participant's recording. Members that an event does not have
// are left out.
type RecordingDetail struct {
	Session     SessionID     `json:"session_id"`
	Name        string        `json:"event_name"`
	Participant ParticipantID `json:"participant_id"`
	Bucket      string        `json:"recording_s3_bucket_name"`
	Prefix      string        `json:"recording_s3_key_prefix"`
	DurationMS  *int64        `json:"recording_duration_ms,omitempty"`
	ErrorCode   string        `json:"error_code,omitempty"`
	Reason      string        `json:"reason,omitempty"`
}

// CompositionDetail is the detail of the events of a composition. Members that an event does not have are left
// out.
type CompositionDetail struct {
	Name        string `json:"event_name"`
	Stage       string `json:"stage_arn"`
	Destination string `json:"id,omitempty"`
	ErrorCode   string `json:"error_code,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// TestDetail is the detail of an event that asks whether a target hears.
type TestDetail struct {
	Name   string `json:"event_name"`
	Target string `json:"target"`
}

// MarshalJSON writes the event as EventBridge does: members in its order, no space, and nothing escaped that
// JSON does not need escaped.
func (e BridgeEvent) MarshalJSON() ([]byte, error) {
	resources := []string{}
	if text := e.Resource.Text(); text != "" {
		resources = append(resources, text)
	}
	return plainJSON(struct {
		Version    string     `json:"version"`
		ID         string     `json:"id"`
		DetailType DetailType `json:"detail-type"`
		Source     string     `json:"source"`
		Account    string     `json:"account"`
		Time       string     `json:"time"`
		Region     string     `json:"region"`
		Resources  []string   `json:"resources"`
		Detail     any        `json:"detail"`
	}{"0", e.ID, e.DetailType, "aws.ivs", e.Account, Seconds(e.At), e.Region, resources, e.Detail})
}

// Text returns the event's JSON.
func (e BridgeEvent) Text() (string, error) {
	text, err := plainJSON(e)
	return string(text), err
}

func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	w := json.NewEncoder(&out)
	w.SetEscapeHTML(false)
	if err := w.Encode(v); err != nil {
		return nil, fmt.Errorf("write event: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Seconds writes a time as the envelope of an event has it: UTC, whole seconds.
func Seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// Micros writes a time as event_time_precise has it: UTC, microseconds.
func Micros(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// Nanos writes a time as Participant Publish Error has it: UTC, nanoseconds.
func Nanos(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
