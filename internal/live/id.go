package live

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// StageID is the last part of a stage's ARN and the topic of its signalling: 12 letters and digits.
type StageID string

// SessionID names one stretch of life of a stage: "st-" and 13 letters and digits.
type SessionID string

// ParticipantID is the identity a token gives: 12 letters and digits when the server issued the token,
// otherwise the token's jti, up to 64 of letters, digits, "-" and "_".
type ParticipantID string

// Valid tells whether the id is one that a token can give.
func (id ParticipantID) Valid() bool {
	return len(id) <= 64 && matches(string(id), func(b byte) bool { return isIDByte(b) || b == '_' })
}

// NodeID names one running server of a cluster. It is made once per data directory.
type NodeID string

// ResourceType is the part of an ARN that says what it names.
type ResourceType string

// The resource types of the two APIs. Values are those of the ARNs.
const (
	TypeStage                ResourceType = "stage"
	TypePublicKey            ResourceType = "public-key"
	TypeComposition          ResourceType = "composition"
	TypeEncoderConfiguration ResourceType = "encoder-configuration"
	TypeStorageConfiguration ResourceType = "storage-configuration"
	TypeIngestConfiguration  ResourceType = "ingest-configuration"
	TypeChannel              ResourceType = "channel"
	TypeStreamKey            ResourceType = "stream-key"

	// These are named by channels, and none can be made here.
	TypeRecordingConfiguration    ResourceType = "recording-configuration"
	TypePlaybackRestrictionPolicy ResourceType = "playback-restriction-policy"
	TypeAdConfiguration           ResourceType = "ad-configuration"
)

// ARN names a resource: arn:aws:ivs:{region}:{account}:{type}/{id}.
type ARN struct {
	Region  string
	Account string
	Type    ResourceType
	ID      string
}

// String returns the ARN as clients know it.
func (a ARN) String() string {
	return "arn:aws:ivs:" + a.Region + ":" + a.Account + ":" + string(a.Type) + "/" + a.ID
}

// Text returns the ARN as clients know it, "" for the zero value.
func (a ARN) Text() string {
	if a == (ARN{}) {
		return ""
	}
	return a.String()
}

// MarshalText writes the ARN for records and messages; the zero value is empty.
func (a ARN) MarshalText() ([]byte, error) { return []byte(a.Text()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *ARN) UnmarshalText(text []byte) (err error) {
	*a = ARN{}
	if len(text) > 0 {
		*a, err = ParseARN(string(text))
	}
	return err
}

// ParseARN reads an ARN of the ivs namespace. It returns an Invalid error that names what is wrong.
func ParseARN(s string) (ARN, error) {
	if len(s) > 128 {
		return ARN{}, Errorf(Invalid, "ARN is %d characters long, the limit is 128", len(s))
	}
	rest, ok := strings.CutPrefix(s, "arn:aws:ivs:")
	if !ok {
		return ARN{}, Errorf(Invalid, "%q is not an ARN of the service ivs", s)
	}
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 {
		return ARN{}, Errorf(Invalid, "%q is not a complete ARN", s)
	}
	kind, id, ok := strings.Cut(parts[2], "/")
	if !ok || !matches(parts[0], isRegionByte) || !matches(parts[1], isDigit) ||
		!matches(kind, isTypeByte) || !matches(id, isIDByte) {
		return ARN{}, Errorf(Invalid, "%q is not of the form arn:aws:ivs:region:account:type/id", s)
	}
	return ARN{Region: parts[0], Account: parts[1], Type: ResourceType(kind), ID: id}, nil
}

func matches(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(b byte) bool      { return b >= '0' && b <= '9' }
func isTypeByte(b byte) bool   { return b >= 'a' && b <= 'z' || b == '-' }
func isRegionByte(b byte) bool { return isTypeByte(b) || isDigit(b) }
func isIDByte(b byte) bool     { return isRegionByte(b) || b >= 'A' && b <= 'Z' }

// NewStageID makes a stage id that nobody can guess.
func NewStageID() StageID { return StageID(alphanumerics(12)) }

// NewSessionID makes a session id.
func NewSessionID() SessionID { return SessionID("st-" + alphanumerics(13)) }

// NewParticipantID makes the id of a participant whose token the server issues.
func NewParticipantID() ParticipantID { return ParticipantID(alphanumerics(12)) }

// NewResourceID makes the last part of the ARN of anything that is no stage.
func NewResourceID() string { return alphanumerics(12) }

// NewSecretText makes n letters and digits that nobody can guess, 5.95 bits each.
func NewSecretText(n int) string { return alphanumerics(n) }

// NewNodeID makes the id of a node.
func NewNodeID() NodeID { return NodeID(alphanumerics(12)) }

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// alphanumerics returns n characters, each uniformly one of 62 (5.95 bits).
func alphanumerics(n int) string {
	out := make([]byte, 0, n)
	buf := make([]byte, 2*n)
	for len(out) < n {
		if _, err := rand.Read(buf); err != nil {
			panic(fmt.Sprintf("live: no randomness: %v", err))
		}
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte: the rest would favour the first letters.
			if b < 248 && len(out) < n {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}
