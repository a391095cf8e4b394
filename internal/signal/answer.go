package signal

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Codes that only this package gives.
const (
	preconditionFailed   live.Reason = "PRECONDITION_FAILED"
	preconditionRequired live.Reason = "PRECONDITION_REQUIRED"
	methodNotAllowed     live.Reason = "METHOD_NOT_ALLOWED"
	internal             live.Reason = "INTERNAL"
	notFound             live.Reason = "NOT_FOUND"
)

// allow sets the CORS headers, and answers preflights and methods that are not allowed. It returns true if it has answered.
func allow(w http.ResponseWriter, r *http.Request, methods string) bool {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Retry-After, Accept-Post, Accept-Patch, Allow")
	head.Set("Cache-Control", "no-store")
	if r.Method == http.MethodOptions {
		head.Set("Allow", methods)
		head.Set("Access-Control-Allow-Methods", methods)
		head.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
		head.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	for m := range strings.SplitSeq(methods, ", ") {
		if m == r.Method {
			return false
		}
	}
	head.Set("Allow", methods)
	writeProblem(w, http.StatusMethodNotAllowed, methodNotAllowed, "the method is not one of "+methods)
	return true
}

// nowhere answers paths under /whip that name nothing.
func (h *Handler) nowhere(w http.ResponseWriter, r *http.Request) {
	if allow(w, r, r.Method+", OPTIONS") {
		return
	}
	writeProblem(w, http.StatusNotFound, notFound, "there is nothing here")
}

// refuse answers with an error.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	status, code := statusOf(err)
	detail := "the server has a fault"
	var e *live.Error
	if errors.As(err, &e) && e.Kind != live.Internal {
		detail = e.Message
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(seconds(e)))
		}
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	h.note(err, string(code))
	writeProblem(w, status, code, detail)
}

// note logs a refusal: a fault of ours loudly, anything else for who looks.
func (h *Handler) note(err error, code string) {
	if live.KindOf(err) == live.Internal {
		h.log.Error("request failed", "code", code, "error", err)
		return
	}
	h.log.Debug("request refused", "code", code, "error", err)
}

// statusOf is the one table from errors to HTTP (docs/signalling.md 2.5).
func statusOf(err error) (int, live.Reason) {
	reason := live.ReasonOf(err)
	switch reason {
	case live.UnsupportedCodec:
		return http.StatusNotAcceptable, reason
	case live.UnsupportedMediaType:
		return http.StatusUnsupportedMediaType, reason
	case live.BodyTooLarge:
		return http.StatusRequestEntityTooLarge, reason
	case preconditionFailed:
		return http.StatusPreconditionFailed, reason
	case preconditionRequired:
		return http.StatusPreconditionRequired, reason
	}
	status, code := http.StatusInternalServerError, internal
	switch live.KindOf(err) {
	case live.Invalid, live.Unsupported:
		status, code = http.StatusBadRequest, live.InvalidOffer
	case live.Unauthorized:
		status, code = http.StatusUnauthorized, live.TokenInvalid
	case live.Denied:
		status, code = http.StatusForbidden, live.InsufficientCapabilities
	case live.NotFound:
		status, code = http.StatusNotFound, live.SessionNotFound
	case live.Conflict:
		status, code = http.StatusConflict, live.AlreadyPublishing
	case live.Exhausted, live.Throttled:
		status, code = http.StatusTooManyRequests, live.QuotaExceeded
	case live.Unavailable:
		status, code = http.StatusServiceUnavailable, live.NoCapacity
	case live.Internal:
		return status, code
	}
	if reason != "" {
		code = reason
	}
	return status, code
}

// problem is an error body (RFC 9457).
type problem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Code   live.Reason `json:"code"`
	Detail string      `json:"detail"`
}

func writeProblem(w http.ResponseWriter, status int, code live.Reason, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client may be gone, which is no news.
	_ = json.NewEncoder(w).Encode(problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	})
}

// joinError is the one table from errors to JOIN_ERROR and its close code (docs/signalling.md 1.4).
func joinError(err error) (refusal, websocket.StatusCode) {
	var e *live.Error
	if !errors.As(err, &e) || e.Kind == live.Internal {
		return refusal{Code: string(internal), Message: "the server has a fault"}, closeNotNow
	}
	r := refusal{Code: string(internal), Message: e.Message}
	if e.RetryAfter > 0 {
		r.RetryAfterSeconds = seconds(e)
	}
	switch e.Reason {
	case live.TokenMissing, live.TokenMalformed, live.TokenExpired, live.TokenInvalid:
		r.Code = string(e.Reason)
		return r, closeToken
	case live.ParticipantRevoked:
		r.Code = "PARTICIPANT_DISCONNECTED"
		return r, closeBarred
	case live.StageNotFound:
		r.Code = "STAGE_DELETED"
		return r, closeNoStage
	case live.QuotaExceeded:
		r.Code = "STAGE_AT_CAPACITY"
		return r, closeFull
	case live.NoCapacity:
		r.Code = "SERVER_DRAINING"
	}
	return r, closeNotNow
}

func seconds(e *live.Error) int { return int(math.Ceil(e.RetryAfter.Seconds())) }
