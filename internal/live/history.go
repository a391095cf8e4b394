package live

import "time"

// Protocols by which a participant's media come in, in the words of the API.
const (
	ProtocolUnknown = "UNKNOWN"
	ProtocolWHIP    = "WHIP"
)

// RecordingState says how far the recording of a participant is.
type RecordingState string

// RecordingDisabled is the state of a participant that is not recorded.
const RecordingDisabled RecordingState = "DISABLED"

// ReplicationState says whether a participant is shown on another stage.
type ReplicationState string

// The states of a replication.
const (
	ReplicationActive  ReplicationState = "ACTIVE"
	ReplicationStopped ReplicationState = "STOPPED"
)

// ReplicationType says which side of a replication a participant is.
type ReplicationType string

// The sides of a replication.
const (
	ReplicationNone    ReplicationType = "NONE"
	ReplicationSource  ReplicationType = "SOURCE"
	ReplicationReplica ReplicationType = "REPLICA"
)

// Participant is what is kept of someone's part in a session.
type Participant struct {
	ID         ParticipantID
	Stage      StageID
	Session    SessionID
	UserID     string
	Attributes map[string]string
	Connected  bool
	JoinedAt   time.Time // first
	Published  bool      // ever
	Protocol   string    // how it published: UNKNOWN, WHIP, RTMP, RTMPS
	Client     Client

	Recording       RecordingState
	RecordingBucket string // "" when not recorded
	RecordingPrefix string

	Replication      ReplicationType
	ReplicationState ReplicationState // "" for NONE
	SourceStage      ARN              // of a replica; otherwise zero
	SourceSession    SessionID        // of a replica; otherwise ""

	Redundant bool // one of the encoders of a redundant ingest
	Ingest    ARN  // by which it came; zero for others
}

// Client is what a participant's program says of itself. Each is "" when unknown.
type Client struct {
	ISP            string `json:"isp,omitempty"`
	OS             string `json:"os,omitempty"`
	OSVersion      string `json:"os_version,omitempty"`
	Browser        string `json:"browser,omitempty"`
	BrowserVersion string `json:"browser_version,omitempty"`
	SDKVersion     string `json:"sdk_version,omitempty"`
}

// Event is something that happened to a participant, as it is kept.
type Event struct {
	ID                 string // in the order of happening
	Name               FactName
	Participant        ParticipantID
	Remote             ParticipantID // the publisher of a subscription
	ErrorCode          Reason
	At                 time.Time
	Replica            bool
	DestinationStage   ARN
	DestinationSession SessionID
	PreviousToken      *ExchangedToken // of a token exchange
	NewToken           *ExchangedToken
}

// ExchangedToken is what a token said, before or after an exchange.
type ExchangedToken struct {
	Capabilities Capabilities      `json:"capabilities"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	UserID       string            `json:"user_id,omitempty"`
	ExpiresAt    time.Time         `json:"expires_at"`
}

// Replication shows a participant of one stage on another.
type Replication struct {
	ID                 string
	Participant        ParticipantID
	SourceStage        ARN
	SourceSession      SessionID
	DestinationStage   ARN
	DestinationSession SessionID
	Attributes         map[string]string // over those of the token
	ReconnectWindow    time.Duration
	State              ReplicationState
	StartedAt          time.Time
	EndedAt            time.Time // zero while it goes on
}
