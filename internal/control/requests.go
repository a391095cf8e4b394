package control

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// TokenRequest describes a participant token to issue. Zero values take the documented defaults:
// 720 minutes, both capabilities.
type TokenRequest struct {
	Duration     time.Duration
	UserID       string
	Attributes   map[string]string
	Capabilities []live.Capability
}

// CreateStage describes a stage to make, and the tokens to issue with it.
type CreateStage struct {
	Name      string
	Tags      live.Tags
	Recording *live.Recording // nil: off, with defaults
	Tokens    []TokenRequest
}

// UpdateStage changes what is not nil.
type UpdateStage struct {
	ARN       live.ARN
	Name      *string
	Recording *live.Recording
}

// Page asks for a part of a list.
type Page struct {
	Token string // "" asks for the first
	Max   int    // 0 takes the list's default
}
