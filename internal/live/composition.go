package live

import (
	"slices"
	"time"
)

// CompositionState is a step in a composition's life.
type CompositionState string

// The states of compositions and of their destinations. Only destinations reconnect.
const (
	CompositionStarting     CompositionState = "STARTING"
	CompositionActive       CompositionState = "ACTIVE"
	CompositionStopping     CompositionState = "STOPPING"
	CompositionReconnecting CompositionState = "RECONNECTING"
	CompositionFailed       CompositionState = "FAILED"
	CompositionStopped      CompositionState = "STOPPED"
)

// Over tells whether nothing follows the state.
func (s CompositionState) Over() bool { return s == CompositionFailed || s == CompositionStopped }

// Composition is one picture made of a stage's participants, on its way to a channel, a bucket or both.
type Composition struct {
	Resource
	Stage        ARN              `json:"stage"`
	State        CompositionState `json:"state"`
	Reason       string           `json:"reason"` // why it failed
	Layout       Layout           `json:"layout"`
	Destinations []Destination    `json:"destinations"`
	StartedAt    time.Time        `json:"started_at"`
	EndedAt      time.Time        `json:"ended_at"` // zero while it goes on
}

// Layout says where participants are shown. One of the two is set.
type Layout struct {
	Grid *Grid `json:"grid,omitempty"`
	PiP  *PiP  `json:"pip,omitempty"`
}

// Grid shows participants side by side.
type Grid struct {
	FeaturedAttribute string `json:"featured_attribute"`
	OrderAttribute    string `json:"order_attribute"`
	OmitStoppedVideo  bool   `json:"omit_stopped_video"`
	AspectRatio       string `json:"aspect_ratio"` // AUTO, VIDEO, SQUARE, PORTRAIT
	FillMode          string `json:"fill_mode"`    // FILL, COVER, CONTAIN, or "": COVER, but CONTAIN for the featured
	Gap               int    `json:"gap"`          // pixels
}

// DefaultGrid returns the layout of a composition that asks for none.
func DefaultGrid() Grid { return Grid{AspectRatio: "VIDEO", Gap: 2} }

// PiP shows one participant in a window on another's picture.
type PiP struct {
	FeaturedAttribute string `json:"featured_attribute"`
	OrderAttribute    string `json:"order_attribute"`
	OmitStoppedVideo  bool   `json:"omit_stopped_video"`
	FillMode          string `json:"fill_mode"` // FILL, COVER, CONTAIN
	Gap               int    `json:"gap"`       // pixels
	WindowAttribute   string `json:"window_attribute"`
	Behavior          string `json:"behavior"` // STATIC, DYNAMIC
	Offset            int    `json:"offset"`   // pixels
	Position          string `json:"position"` // TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT
	Width             int    `json:"width"`    // pixels; 0 is not set
	Height            int    `json:"height"`   // pixels; 0 is not set
}

// DefaultPiP returns a picture-in-picture layout that says nothing of itself.
func DefaultPiP() PiP {
	return PiP{FillMode: "COVER", Behavior: "STATIC", Position: "BOTTOM_RIGHT"}
}

// Destination is where a composition goes. One of Channel and S3 is set.
type Destination struct {
	ID              string           `json:"id"` // 12 letters and digits
	Name            string           `json:"name"`
	State           CompositionState `json:"state"`
	Channel         *ChannelOutput   `json:"channel,omitempty"`
	S3              *S3Output        `json:"s3,omitempty"`
	StartedAt       time.Time        `json:"started_at"` // zero until it is ACTIVE
	EndedAt         time.Time        `json:"ended_at"`
	RecordingPrefix string           `json:"recording_prefix"` // of an S3 output
}

// ChannelOutput sends to a channel.
type ChannelOutput struct {
	Channel ARN `json:"channel"`
	Encoder ARN `json:"encoder"` // zero: DefaultVideo
}

// S3Output records to a bucket.
type S3Output struct {
	Storage       ARN           `json:"storage"`
	Encoders      []ARN         `json:"encoders"` // exactly one
	Format        string        `json:"format"`   // HLS
	SegmentTarget time.Duration `json:"segment_target"`
	Thumbnails    []Thumbnails  `json:"thumbnails"` // one at most
}

// Thumbnails are pictures taken at intervals.
type Thumbnails struct {
	Every time.Duration `json:"every"`
	Store []string      `json:"store"` // SEQUENTIAL, LATEST
}

// Status returns the state.
func (c *Composition) Status() string { return string(c.State) }

// Refers returns the stage, the encoders, the storage and the channel.
func (c *Composition) Refers() []Reference {
	all := refer(nil, RefersStage, c.Stage.Text())
	for _, d := range c.Destinations {
		if out := d.Channel; out != nil {
			all = refer(all, RefersChannel, out.Channel.Text())
			all = refer(all, RefersEncoder, out.Encoder.Text())
		}
		if out := d.S3; out != nil {
			all = refer(all, RefersStorage, out.Storage.Text())
			for _, e := range out.Encoders {
				all = refer(all, RefersEncoder, e.Text())
			}
		}
	}
	return unique(all)
}

// unique drops references that are there already: two destinations may share an encoder.
func unique(all []Reference) []Reference {
	var once []Reference
	for _, r := range all {
		if !slices.Contains(once, r) {
			once = append(once, r)
		}
	}
	return once
}
