package live

import "time"

// Channel is where a composition can go, and where viewers of a broadcast look.
type Channel struct {
	Resource
	LatencyMode string     `json:"latency_mode"` // NORMAL, LOW
	Type        string     `json:"type"`         // BASIC, STANDARD, ADVANCED_SD, ADVANCED_HD
	Authorized  bool       `json:"authorized"`   // playback needs a token
	Insecure    bool       `json:"insecure"`     // plain RTMP is taken
	Preset      string     `json:"preset"`       // of ADVANCED types
	Container   string     `json:"container"`    // TS, FRAGMENTED_MP4
	Multitrack  Multitrack `json:"multitrack"`
	Recording   string     `json:"recording"` // ARN of a recording configuration, "" is none
	Policy      string     `json:"policy"`    // ARN of a playback restriction policy, "" is none
	Ads         string     `json:"ads"`       // ARN of an ad configuration, "" is none

	IngestEndpoint string `json:"-"` // host name
	PlaybackURL    string `json:"-"`
}

// Multitrack says whether an encoder may send several layers.
type Multitrack struct {
	Enabled           bool   `json:"enabled"`
	MaximumResolution string `json:"maximum_resolution"` // SD, HD, FULL_HD
	Policy            string `json:"policy"`             // ALLOW, REQUIRE
}

// DefaultMultitrack returns the setting of a channel that says nothing.
func DefaultMultitrack() Multitrack {
	return Multitrack{MaximumResolution: "FULL_HD", Policy: "ALLOW"}
}

// DefaultChannel returns a channel that says nothing of itself.
func DefaultChannel() Channel {
	return Channel{LatencyMode: "LOW", Type: "STANDARD", Container: "TS", Multitrack: DefaultMultitrack()}
}

// Refers returns the configurations that the channel uses.
func (c *Channel) Refers() []Reference {
	all := refer(nil, RefersRecording, c.Recording)
	all = refer(all, RefersPolicy, c.Policy)
	return refer(all, RefersAds, c.Ads)
}

// StreamKey lets an encoder broadcast to its channel.
type StreamKey struct {
	Resource
	Channel ARN    `json:"channel"`
	Value   Secret `json:"-"`
}

// Secrets returns the key.
func (k *StreamKey) Secrets() []*Secret { return []*Secret{&k.Value} }

// Refers returns the channel.
func (k *StreamKey) Refers() []Reference { return refer(nil, RefersChannel, k.Channel.Text()) }

// Stream is a broadcast that is on.
type Stream struct {
	ID          string // "st-" and 23 letters and digits
	Channel     ARN
	PlaybackURL string
	State       string // LIVE
	Health      string // HEALTHY, STARVING, UNKNOWN
	Viewers     int    // -1: not counted in time
	StartedAt   time.Time
}
