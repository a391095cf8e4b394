package signal

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

const (
	typeSDP  = "application/sdp"
	typeFrag = "application/trickle-ice-sdpfrag"
)

// whip makes a handler of an endpoint that takes offers (RFC 9725 section 4.2).
func (h *Handler) whip(name string, negotiate func(*http.Request, live.Claims, host.Offer) (host.Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Accept-Post", typeSDP)
		h.advise(w, r)
		if allow(w, r, "POST, OPTIONS") {
			return
		}
		ctx, span := h.o.Tracer.Start(r.Context(), name)
		a, err := h.negotiate(w, r.WithContext(ctx), negotiate)
		if err != nil {
			fail(span, err)
			h.refuse(w, err)
			return
		}
		w.Header().Set("Location", "/whip/sessions/"+string(a.ID))
		w.Header().Set("ETag", `"`+a.ETag+`"`)
		w.Header().Set("Content-Type", typeSDP)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(a.SDP) // a client that has gone is noticed by its silence
	}
}

// negotiate takes an offer. The span of the request goes on with the media session if there is one.
func (h *Handler) negotiate(w http.ResponseWriter, r *http.Request,
	negotiate func(*http.Request, live.Claims, host.Offer) (host.Answer, error),
) (host.Answer, error) {
	verifying := tracing.From(r.Context()).Child("verify token")
	claims, err := h.claims(r, h.host.Verify)
	verifying.End()
	if err != nil {
		return host.Answer{}, err
	}
	offer, err := h.body(w, r, typeSDP)
	if err != nil {
		return host.Answer{}, err
	}
	answer, err := negotiate(r, claims, host.Offer{SDP: offer, From: h.o.ClientAddr(r), Client: clientOf(r)})
	if err == nil {
		h.link(w, claims)
	}
	return answer, err
}

// fail ends the span of what was refused.
func fail(span *tracing.Span, err error) {
	reason := string(live.ReasonOf(err))
	if reason == "" {
		reason = "refused"
	}
	span.Fail(reason)
	span.End()
}

func (h *Handler) publish(r *http.Request, c live.Claims, o host.Offer) (host.Answer, error) {
	return h.host.Publish(r.Context(), c, o)
}

func (h *Handler) subscribe(r *http.Request, c live.Claims, o host.Offer) (host.Answer, error) {
	return h.host.Subscribe(r.Context(), c, live.ParticipantID(r.PathValue("participant")), o)
}

// resource serves one media session to its holder.
func (h *Handler) resource(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Accept-Patch", typeFrag)
	if allow(w, r, "GET, HEAD, PATCH, DELETE, OPTIONS") {
		return
	}
	// A token that has expired meanwhile is good enough for what its holder already has.
	claims, err := h.claims(r, h.host.VerifyHolder)
	if err != nil {
		h.refuse(w, err)
		return
	}
	id := roster.MediaID(r.PathValue("id"))
	switch r.Method {
	case http.MethodDelete:
		err = h.host.Hangup(r.Context(), claims, id)
	case http.MethodPatch:
		err = h.patch(w, r, claims, id)
	default:
		var etag string
		if etag, err = h.host.ETag(claims, id); err == nil {
			w.Header().Set("ETag", `"`+etag+`"`)
			w.WriteHeader(http.StatusNoContent)
		}
	}
	if err != nil {
		h.refuse(w, err)
	}
}

// patch takes candidates, or restarts ICE (RFC 9725 section 4.3).
func (h *Handler) patch(w http.ResponseWriter, r *http.Request, c live.Claims, id roster.MediaID) error {
	etag, err := h.host.ETag(c, id)
	if err != nil {
		return err
	}
	wanted := r.Header.Values("If-Match")
	if len(wanted) == 0 {
		return live.Refuse(live.Conflict, preconditionRequired, `the request has no If-Match: the tag of the ICE session, or "*" for a restart`)
	}
	if !matches(wanted, etag) {
		return live.Refuse(live.Conflict, preconditionFailed, "If-Match names an ICE session that is over")
	}
	frag, err := h.body(w, r, typeFrag)
	if err != nil {
		return err
	}
	answer, etag, err := h.host.Patch(c, id, frag)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+etag+`"`)
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", typeFrag)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer) //nolint:gosec // G705: a fragment that the server wrote, and no HTML
	return nil
}

// matches reports whether If-Match names the tag (RFC 9110 section 13.1.1).
func matches(header []string, etag string) bool {
	for _, line := range header {
		for tag := range strings.SplitSeq(line, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || tag == `"`+etag+`"` {
				return true
			}
		}
	}
	return false
}

// claims returns what the bearer token of a request says.
func (h *Handler) claims(r *http.Request, verify func(string) (live.Claims, error)) (live.Claims, error) {
	token, ok := bearer(r)
	if !ok {
		return live.Claims{}, live.Refuse(live.Unauthorized, live.TokenMissing, "the request has no header Authorization: Bearer")
	}
	return verify(token)
}

// bearer returns the token of the Authorization header.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// body reads a request's body of a content type, up to the limit.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, want string) ([]byte, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != want {
		return nil, live.Refuse(live.Unsupported, live.UnsupportedMediaType, "the content type has to be %s", want)
	}
	if r.ContentLength > h.o.MaxBody {
		return nil, tooLarge(h.o.MaxBody)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.o.MaxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, tooLarge(h.o.MaxBody)
	}
	if err != nil {
		return nil, live.Refuse(live.Invalid, live.InvalidOffer, "the body could not be read to its end")
	}
	return data, nil
}

func tooLarge(limit int64) error {
	return live.Refuse(live.Invalid, live.BodyTooLarge, "the body is larger than %d bytes", limit)
}
