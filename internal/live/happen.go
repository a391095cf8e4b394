package live

import "time"

// LeaveReason says why a participant was made to leave, in the words of the signalling protocol.
type LeaveReason string

// The reasons for which the server ends a participation.
const (
	LeaveTokenReused   LeaveReason = "token-reused"
	LeaveDisconnected  LeaveReason = "participant-disconnected"
	LeaveStageDeleted  LeaveReason = "stage-deleted"
	LeaveFailedExch    LeaveReason = "failed-exchange"
	LeaveDurationOver  LeaveReason = "duration-over"
	LeaveServerDrained LeaveReason = "server-draining"
)

// DisconnectParticipant makes a participant leave and bars its id from the stage.
type DisconnectParticipant struct {
	Stage       StageID       `json:"stage"`
	Participant ParticipantID `json:"participant"`
	Message     string        `json:"message,omitempty"` // what the caller gave as reason
}

// CloseStage ends the session of a stage that has been deleted.
type CloseStage struct {
	Stage StageID `json:"stage"`
}

// OpenSession asks the control plane for the right to open, or go on with, a stage's session on a node.
type OpenSession struct {
	Stage StageID `json:"stage"`
	Node  NodeID  `json:"node"`
}

// SessionGrant is the answer to OpenSession. Refused is "" when the session is open.
type SessionGrant struct {
	Session SessionID       `json:"session,omitempty"`
	Stage   string          `json:"stage,omitempty"`  // the stage's ARN
	Barred  []ParticipantID `json:"barred,omitempty"` // who may not join, until their tokens have expired
	Refused Reason          `json:"refused,omitempty"`
	Message string          `json:"message,omitempty"`
}

// SessionClosed is a fact: the last participant has gone and the grace is over, or the stage was deleted.
type SessionClosed struct {
	Stage   StageID   `json:"stage"`
	Session SessionID `json:"session"`
	Node    NodeID    `json:"node"`
	At      time.Time `json:"at"`
}

// FactName says what a Fact tells.
type FactName string

// What a host reports of its participants.
const (
	ParticipantJoined  FactName = "JOINED"
	ParticipantLeft    FactName = "LEFT"
	PublishStarted     FactName = "PUBLISH_STARTED"
	PublishStopped     FactName = "PUBLISH_STOPPED"
	PublishFailed      FactName = "PUBLISH_ERROR"
	SubscribeStarted   FactName = "SUBSCRIBE_STARTED"
	SubscribeStopped   FactName = "SUBSCRIBE_STOPPED"
	SubscribeFailed    FactName = "SUBSCRIBE_ERROR"
	ParticipantRefused FactName = "JOIN_ERROR"
	ReplicationStarted FactName = "REPLICATION_STARTED"
	ReplicationEnded   FactName = "REPLICATION_STOPPED"
	TokenExchanged     FactName = "TOKEN_EXCHANGED"
)

// Fact is something that happened to a participant in a session.
type Fact struct {
	Name        FactName      `json:"name"`
	Stage       StageID       `json:"stage"`
	Session     SessionID     `json:"session"`
	Participant ParticipantID `json:"participant"`
	Remote      ParticipantID `json:"remote,omitempty"` // the publisher of a subscription
	UserID      string        `json:"user_id,omitempty"`
	ErrorCode   Reason        `json:"error_code,omitempty"`
	At          time.Time     `json:"at"`

	Attributes map[string]string `json:"attributes,omitempty"` // of a participant that joined
	Client     Client            `json:"client,omitzero"`      // the same
	Protocol   string            `json:"protocol,omitempty"`   // by which a publication came

	Replica       bool      `json:"replica,omitempty"`        // the participant is a replica; of a subscription, its publisher
	SourceStage   ARN       `json:"source_stage,omitzero"`    // of a replica
	SourceSession SessionID `json:"source_session,omitempty"` // the same

	Replication        string    `json:"replication,omitempty"`         // id of a replication that has ended
	DestinationStage   ARN       `json:"destination_stage,omitzero"`    // of it
	DestinationSession SessionID `json:"destination_session,omitempty"` // the same

	PreviousToken *ExchangedToken `json:"previous_token,omitempty"` // of a token exchange
	NewToken      *ExchangedToken `json:"new_token,omitempty"`      // the same
}

// Reports are facts of one host that follow each other. They are acknowledged once they are written, and sent again
// until then; by their numbers the control plane knows those that it has had.
type Reports struct {
	Node  NodeID `json:"node"`
	Boot  string `json:"boot"`  // of this life of the host, unguessable
	First uint64 `json:"first"` // number of the first fact, counted from 1 in each life
	Facts []Fact `json:"facts"`
}

// AskKey asks the control plane for a customer's key.
type AskKey struct {
	Key ARN `json:"key"`
}

// KeyAnswer is the answer to AskKey.
type KeyAnswer struct {
	Material string `json:"material,omitempty"` // PEM; "" if there is no such key
}

// ForgetKey tells hosts that a customer's key has been deleted.
type ForgetKey struct {
	Key ARN `json:"key"`
}

// AskParticipant asks a stage's host for someone who may be there.
type AskParticipant struct {
	Stage       StageID       `json:"stage"`
	Participant ParticipantID `json:"participant"`
}

// ParticipantAnswer is the answer to AskParticipant. Session is "" if the participant is not there.
type ParticipantAnswer struct {
	Session    SessionID         `json:"session,omitempty"`
	Publishing bool              `json:"publishing,omitempty"`
	Replica    bool              `json:"replica,omitempty"` // it is shown here, and takes part elsewhere
	Attributes map[string]string `json:"attributes,omitempty"`
}

// ReplicationOrder says what a source stage's host is to do about a replication.
type ReplicationOrder string

// The orders about replications.
const (
	ReplicationStart ReplicationOrder = "start" // show the participant, as long as it publishes
	ReplicationStop  ReplicationOrder = "stop"
	ReplicationAsk   ReplicationOrder = "ask" // is it shown?
)

// ReplicateParticipant orders the host of the source stage to do something about a replication.
type ReplicateParticipant struct {
	Order       ReplicationOrder `json:"order"`
	Replication Replication      `json:"replication"`
}

// ReplicationAnswer is the answer to ReplicateParticipant.
type ReplicationAnswer struct {
	Session SessionID `json:"session,omitempty"` // in which it is shown, if it is
	Refused *Error    `json:"refused,omitempty"` // why it cannot begin
}
