package signal

import (
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// How often a socket may exchange its token: each exchange costs the check of a signature.
const (
	exchangesAtOnce = 5
	exchangeEvery   = 2 * time.Second
)

// exchanged is the payload of TOKEN_EXCHANGED.
type exchanged struct {
	ParticipantID  live.ParticipantID `json:"participantId"`
	UserID         string             `json:"userId"`
	Attributes     map[string]string  `json:"attributes"`
	Capabilities   []live.Capability  `json:"capabilities"`
	ExpirationTime string             `json:"expirationTime"`
}

// Exchanged tells that the participant goes on with another token.
func (s *socket) Exchanged(e roster.Exchanged) {
	told := exchanged{
		ParticipantID: e.Participant.ID, UserID: e.Participant.UserID, Attributes: e.Participant.Attributes,
		Capabilities: []live.Capability{}, ExpirationTime: live.Seconds(e.ExpiresAt),
	}
	if told.Attributes == nil {
		told.Attributes = map[string]string{}
	}
	if e.Capabilities.Publish {
		told.Capabilities = append(told.Capabilities, live.CanPublish)
	}
	if e.Capabilities.Subscribe {
		told.Capabilities = append(told.Capabilities, live.CanSubscribe)
	}
	s.send(encode(typeExchanged, told))
}

// readExchange reads the payload of EXCHANGE_TOKEN.
func readExchange(payload json.RawMessage) (token string, err error) {
	var p *struct {
		Token *string `json:"token"`
	}
	if err := json.Unmarshal(payload, &p); err != nil || p == nil || p.Token == nil {
		return "", live.Errorf(live.Invalid, "the payload of %s is not an object with a text called token", typeExchange)
	}
	return *p.Token, nil
}

// exchange has the participant go on with another token. A refusal that waiting does not change ends the participation
// (docs/signalling.md 1.9).
func (h *Handler) exchange(s *socket, p *host.Participation, limit *rate.Limiter, token string) {
	err := errTooOften
	if limit.Allow() {
		err = p.Exchange(token)
	}
	if err == nil {
		return // the socket has been told, or is about to be
	}
	r := exchangeError(err)
	h.note(err, r.Code)
	s.send(encode(typeExchangeFailed, r))
	if r.RetryAfterSeconds == 0 {
		p.Reject(r.Message)
	}
}

var errTooOften error = &live.Error{
	Kind: live.Throttled, Reason: live.RateLimited, RetryAfter: exchangeEvery,
	Message: "the token is exchanged too often: 5 times at once, and once every 2 s after that",
}

// exchangeError is the one table from errors to EXCHANGE_FAILED.
func exchangeError(err error) refusal {
	var e *live.Error
	if !errors.As(err, &e) || e.Kind == live.Internal {
		return refusal{Code: string(internal), Message: "the server has a fault", RetryAfterSeconds: 2}
	}
	r := refusal{Code: string(e.Reason), Message: e.Message}
	switch e.Reason {
	case live.TokenMissing, live.TokenMalformed, live.TokenInvalid, live.TokenExpired,
		live.TokenNotExchangeable, live.TokenMismatch, live.TokenOutdated:
		return r
	case live.RateLimited:
	default:
		r.Code = string(internal)
	}
	r.RetryAfterSeconds = max(seconds(e), 1)
	return r
}
