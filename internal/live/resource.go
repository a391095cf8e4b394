package live

import "time"

// Resource is what everything has that can be named, listed and tagged. Records embed it. It is kept in
// columns of its own, so that its fields have no place in the JSON of a record.
type Resource struct {
	ARN       ARN       `json:"-"`
	Name      string    `json:"-"`
	Tags      Tags      `json:"-"`
	CreatedAt time.Time `json:"-"`
	GoneAt    time.Time `json:"-"` // from when it is shown no more; zero is never
}

// Common returns the resource itself: what a record is kept and found by.
func (r *Resource) Common() *Resource { return r }

// Secrets returns where the record holds texts that are kept apart, always in the same order.
func (r *Resource) Secrets() []*Secret { return nil }

// Status returns the state that lists are filtered by, "" for what has none.
func (r *Resource) Status() string { return "" }

// Refers returns what the record names, so that it can be found by that.
func (r *Resource) Refers() []Reference { return nil }

// Role says what a record names something as.
type Role string

// What records refer to.
const (
	RefersStage       Role = "stage"
	RefersEncoder     Role = "encoder"
	RefersStorage     Role = "storage"
	RefersChannel     Role = "channel"
	RefersParticipant Role = "participant"
	RefersFingerprint Role = "fingerprint"
	RefersRecording   Role = "recording"
	RefersPolicy      Role = "policy"
	RefersAds         Role = "ads"
)

// Reference is one thing that a record names.
type Reference struct {
	Role   Role
	Target string // an ARN, an id, a fingerprint
}

// refer adds a reference unless nothing is named.
func refer(to []Reference, role Role, target string) []Reference {
	if target == "" {
		return to
	}
	return append(to, Reference{Role: role, Target: target})
}

// PublicKey is a customer's key: tokens that its private half has signed let participants in.
type PublicKey struct {
	Resource
	Material    string `json:"material"`    // PEM, as it was imported
	Fingerprint string `json:"fingerprint"` // MD5 of the DER form, 16 pairs of hexadecimal digits joined by ":"
}

// Refers returns the fingerprint, by which a key that is imported again is found.
func (k *PublicKey) Refers() []Reference { return refer(nil, RefersFingerprint, k.Fingerprint) }

// Encoder is an encoder configuration: what a composition's picture is like.
type Encoder struct {
	Resource
	Video Video `json:"video"`
}

// Video is a picture's size and rates.
type Video struct {
	Width     int     `json:"width"`     // pixels
	Height    int     `json:"height"`    // pixels
	Framerate float64 `json:"framerate"` // per second
	Bitrate   int     `json:"bitrate"`   // bits per second
}

// DefaultVideo returns what an encoder configuration is when it says nothing.
func DefaultVideo() Video { return Video{Width: 1280, Height: 720, Framerate: 30, Bitrate: 2_500_000} }

// Storage is a storage configuration: where recordings go.
type Storage struct {
	Resource
	Bucket string `json:"bucket"`
}

// IngestProtocol is how an encoder may send.
type IngestProtocol string

// The protocols of ingest configurations.
const (
	IngestRTMP  IngestProtocol = "RTMP"
	IngestRTMPS IngestProtocol = "RTMPS"
)

// IngestState says whether someone sends by an ingest configuration.
type IngestState string

// The states of an ingest configuration.
const (
	IngestActive   IngestState = "ACTIVE"
	IngestInactive IngestState = "INACTIVE"
)

// Ingest is an ingest configuration: a stream key by which an encoder becomes a participant.
type Ingest struct {
	Resource
	Protocol    IngestProtocol     `json:"protocol"`
	Insecure    bool               `json:"insecure"` // plain RTMP is taken
	Stage       ARN                `json:"stage"`    // zero while the key opens nothing
	Participant ParticipantID      `json:"participant"`
	StreamKey   Secret             `json:"-"`
	UserID      string             `json:"user_id"`
	Attributes  map[string]string  `json:"attributes"`
	Redundant   bool               `json:"redundant"`
	Credentials []IngestCredential `json:"credentials"` // two of a redundant one, otherwise none
	State       IngestState        `json:"state"`
}

// IngestCredential is one encoder's part in a redundant ingest.
type IngestCredential struct {
	Participant ParticipantID `json:"participant"`
	StreamKey   Secret        `json:"-"`
}

// Secrets returns the stream keys.
func (i *Ingest) Secrets() []*Secret {
	all := []*Secret{&i.StreamKey}
	for k := range i.Credentials {
		all = append(all, &i.Credentials[k].StreamKey)
	}
	return all
}

// Status returns the state.
func (i *Ingest) Status() string { return string(i.State) }

// Refers returns the stage and the participants.
func (i *Ingest) Refers() []Reference {
	all := refer(nil, RefersStage, i.Stage.Text())
	all = refer(all, RefersParticipant, string(i.Participant))
	for _, c := range i.Credentials {
		all = refer(all, RefersParticipant, string(c.Participant))
	}
	return all
}
