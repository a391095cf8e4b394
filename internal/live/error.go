package live

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure an Error is; the edges turn it into a status and an exception name.
type Kind uint8

// The kinds of failure that a caller may see.
const (
	Internal     Kind = iota // a fault of ours; the message is not shown
	Invalid                  // the request breaks a rule
	NotFound                 // no such thing
	Conflict                 // the thing is in a state that forbids it
	Exhausted                // a quota is used up
	Denied                   // authenticated, but not allowed
	Unauthorized             // not authenticated: token missing, wrong or expired
	Throttled                // too many calls
	Unavailable              // cannot now, may later: draining, overloaded, a part is down
	Unsupported              // understood, but this server does not do it
)

// Reason is a stable code that tells failures of one kind apart, in the words of the signalling protocol.
type Reason string

// The reasons of refused joins, publications and subscriptions (docs/signalling.md).
const (
	InvalidOffer             Reason = "INVALID_OFFER"
	TokenMissing             Reason = "TOKEN_MISSING"
	TokenMalformed           Reason = "TOKEN_MALFORMED"
	TokenInvalid             Reason = "TOKEN_INVALID"
	TokenExpired             Reason = "TOKEN_EXPIRED"
	InsufficientCapabilities Reason = "INSUFFICIENT_CAPABILITIES"
	ParticipantRevoked       Reason = "PARTICIPANT_REVOKED"
	StageNotFound            Reason = "STAGE_NOT_FOUND"
	PublisherNotFound        Reason = "PUBLISHER_NOT_FOUND"
	SessionNotFound          Reason = "SESSION_NOT_FOUND"
	UnsupportedCodec         Reason = "UNSUPPORTED_CODEC"
	UnsupportedMediaType     Reason = "UNSUPPORTED_MEDIA_TYPE"
	AlreadyPublishing        Reason = "ALREADY_PUBLISHING"
	BodyTooLarge             Reason = "BODY_TOO_LARGE"
	QuotaExceeded            Reason = "QUOTA_EXCEEDED"
	NoCapacity               Reason = "NO_CAPACITY"
	ChannelNotBroadcasting   Reason = "CHANNEL_NOT_BROADCASTING"

	// Of token exchanges.
	TokenNotExchangeable Reason = "TOKEN_NOT_EXCHANGEABLE"
	TokenMismatch        Reason = "TOKEN_MISMATCH"
	TokenOutdated        Reason = "TOKEN_OUTDATED"
	RateLimited          Reason = "RATE_LIMITED"
)

// The codes that events give for publications that break a rule (the contract's EventErrorCode).
const (
	BitrateExceeded        Reason = "BITRATE_EXCEEDED"
	ResolutionExceeded     Reason = "RESOLUTION_EXCEEDED"
	BFramePresent          Reason = "B_FRAME_PRESENT"
	InvalidVideoCodec      Reason = "INVALID_VIDEO_CODEC"
	InvalidAudioCodec      Reason = "INVALID_AUDIO_CODEC"
	InvalidInput           Reason = "INVALID_INPUT"
	StreamDurationExceeded Reason = "STREAM_DURATION_EXCEEDED"
)

// Error is a failure that may be told to a caller: its message names what was wrong, the limit and, where
// there is one, the setting that changes it. It holds no secret.
type Error struct {
	Kind       Kind
	Reason     Reason // "" where the kind says enough
	Message    string
	RetryAfter time.Duration // 0 where trying again is not known to help
	EventCode  Reason        // what an event says of it where Reason does not tell; "" elsewhere
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of the kind.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Refuse makes an Error of the kind with a reason.
func Refuse(kind Kind, reason Reason, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// EventCodeOf returns what an event says of the Error in err's chain, "" if nothing in particular.
func EventCodeOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.EventCode
	}
	return ""
}

// KindOf returns the kind of the Error in err's chain, Internal if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// ReasonOf returns the reason of the Error in err's chain, "" if there is none.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
