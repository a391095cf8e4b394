package client

import (
	"errors"
	"fmt"
	"time"
)

// ErrLeft is returned by calls on a participation that is over because Leave was called.
var ErrLeft = errors.New("client: left the stage")

// ErrEnded is why a media session is over that the server closed: the publisher stopped, or a newer publication
// took its place.
var ErrEnded = errors.New("client: media session ended by the server")

// ErrLost is what Err returns when the state socket could not be opened again within the reconnect window.
var ErrLost = errors.New("client: connection lost")

// JoinError is the server's refusal of a join.
type JoinError struct {
	Code       string // TOKEN_EXPIRED, STAGE_DELETED, …: docs/signalling.md
	Message    string
	RetryAfter time.Duration // 0 where trying again is not known to help
}

// Error returns code and message.
func (e *JoinError) Error() string { return fmt.Sprintf("join refused: %s: %s", e.Code, e.Message) }

// Reason says why the server ended a participation.
type Reason string

// The reasons for which the server makes a participant leave.
const (
	TokenReused             Reason = "token-reused"             // the token joined elsewhere
	ParticipantDisconnected Reason = "participant-disconnected" // DisconnectParticipant was called
	StageDeleted            Reason = "stage-deleted"
	FailedExchange          Reason = "failed-exchange"
	DurationOver            Reason = "duration-over"
	ServerDraining          Reason = "server-draining"
)

// LeftError says that the server ended the participation.
type LeftError struct {
	Reason  Reason
	Message string
}

// Error returns reason and message.
func (e *LeftError) Error() string {
	return fmt.Sprintf("made to leave: %s: %s", e.Reason, e.Message)
}

// MediaError is the server's refusal of a WHIP or WHEP request (RFC 9457 problem details).
type MediaError struct {
	Status     int    // HTTP status
	Code       string // INVALID_OFFER, TOKEN_EXPIRED, …; "" where the server gave none
	Detail     string
	RetryAfter time.Duration
}

// Error returns status, code and detail.
func (e *MediaError) Error() string {
	return fmt.Sprintf("media request refused: %d %s: %s", e.Status, e.Code, e.Detail)
}
