package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxFrame bounds the frames of the state socket that are read, in bytes: a state of a full stage with
// attributes of 1 KiB each stays far below.
const maxFrame = 4 << 20

// frame is a message of the state socket (docs/signalling.md).
type frame struct {
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

type statePayload struct {
	Protocol     int    `json:"protocol"`
	StageID      string `json:"stageId"`
	SessionID    string `json:"sessionId"`
	Version      uint64 `json:"version"`
	Participant  string `json:"participantId"`
	Resume       string `json:"resume"`
	Resumed      bool   `json:"resumed"`
	PingSeconds  int    `json:"pingIntervalSeconds"`
	Participants []Info `json:"participants"`
}

type updatePayload struct {
	Version uint64 `json:"version"`
	Changes []struct {
		Op          Op   `json:"op"`
		Participant Info `json:"participant"`
	} `json:"changes"`
}

type refusalPayload struct {
	Code       string  `json:"code"`
	Message    string  `json:"message"`
	RetryAfter float64 `json:"retryAfterSeconds"`
}

type forcedPayload struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// parseFrame reads a frame and its payload. The payload is nil for types without one and for unknown types.
func parseFrame(data []byte) (kind string, payload any, err error) {
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return "", nil, fmt.Errorf("frame: %w", err)
	}
	switch f.Type {
	case "STAGE_STATE":
		payload = new(statePayload)
	case "STAGE_UPDATE":
		payload = new(updatePayload)
	case "JOIN_ERROR", "ERROR":
		payload = new(refusalPayload)
	case "SUBSCRIPTION_STATE":
		payload = new(SubscriptionState)
	case "LAYERS_WANTED":
		payload = new(layersPayload)
	case "TOKEN_EXCHANGED":
		payload = new(exchangedPayload)
	case "EXCHANGE_FAILED":
		payload = new(exchangeFailedPayload)
	case "FORCED_LEAVE":
		payload = new(forcedPayload)
	default:
		return f.Type, nil, nil
	}
	if len(f.Payload) == 0 {
		return f.Type, payload, nil
	}
	if err := json.Unmarshal(f.Payload, payload); err != nil {
		return "", nil, fmt.Errorf("payload of %s: %w", f.Type, err)
	}
	return f.Type, payload, nil
}

func (p *refusalPayload) err() *JoinError {
	after := min(max(p.RetryAfter, 0), 3600)
	return &JoinError{Code: p.Code, Message: p.Message, RetryAfter: time.Duration(after * float64(time.Second))}
}
