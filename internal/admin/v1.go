package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/wire"
)

// Path is where the endpoints for operators are.
const Path = "/admin/v1/"

// maxBody is how long the body of a request may be unless V1Options say otherwise.
const maxBody = 256 << 10

// Authorizer says what the holders of access keys may do; access.Keyring is one. Its methods may be called at once.
type Authorizer interface {
	// MayAll says whether a key may do everything.
	MayAll(accessKeyID string) bool
	// Decide says whether the holder of a key may do what the request wants.
	Decide(accessKeyID string, r access.Request) (access.Decision, error)
}

// V1Options say who may ask. Keys are needed.
type V1Options struct {
	// Keys are whose signatures are taken. If they are an Authorizer too, it decides what each key may do.
	Keys    sigv4.Keys
	Region  string // what signatures are scoped to
	MaxBody int64  // bytes; 0 is 256 KiB
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Endpoint is one thing that operators may ask for.
type Endpoint struct {
	// Pattern is http.ServeMux's, such as "GET /admin/v1/targets/{name}".
	Pattern string
	// Action is what a policy must allow, such as proscenium:ListTargets.
	Action string
	// Resource is the ARN that the request is about; nil is "*".
	Resource func(*http.Request) string
	// Serve answers. The request's body has been read and proven. An error that is a *live.Error is told, of
	// any other the client learns nothing; either must come before anything was written.
	Serve func(w http.ResponseWriter, r *http.Request) error
}

// V1 serves the endpoints for operators: signed like calls of the API, in plain JSON.
type V1 struct {
	o          V1Options
	mux        *http.ServeMux
	verifier   *sigv4.Verifier
	authorizer Authorizer // nil: every key may do everything
}

// NewV1 returns a V1 without endpoints.
func NewV1(o V1Options) *V1 {
	if o.MaxBody == 0 {
		o.MaxBody = maxBody
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	authorizer, _ := o.Keys.(Authorizer)
	v := &V1{
		o: o, mux: http.NewServeMux(), authorizer: authorizer,
		verifier: &sigv4.Verifier{Keys: o.Keys, Region: o.Region, Service: "ivs", Now: o.Now},
	}
	v.mux.HandleFunc(Path, func(w http.ResponseWriter, _ *http.Request) {
		v.fail(w, live.Errorf(live.NotFound, "there is no such endpoint, or it has another method"))
	})
	return v
}

// Add adds endpoints. It panics when one is there already.
func (v *V1) Add(endpoints ...Endpoint) {
	for _, e := range endpoints {
		v.mux.HandleFunc(e.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := v.serve(w, r, e); err != nil {
				v.fail(w, err)
			}
		})
	}
}

// ServeHTTP serves one request. Any origin may ask: a signature authorises, and no browser makes one by itself.
func (v *V1) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,DELETE,OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Content-Type,X-Amz-Content-Sha256,X-Amz-User-Agent,amz-sdk-invocation-id,"+
			"amz-sdk-request,Authorization,X-Amz-Date,X-Amz-Security-Token,Last-Event-ID")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	v.mux.ServeHTTP(w, r)
}

func (v *V1) serve(w http.ResponseWriter, r *http.Request, e Endpoint) error {
	body, err := v.prove(w, r, e)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return e.Serve(w, r)
}

// prove reads the body of a request whose signature is right and whose key may do what is asked.
func (v *V1) prove(w http.ResponseWriter, r *http.Request, e Endpoint) ([]byte, error) {
	if r.ContentLength > v.o.MaxBody {
		return nil, errTooLarge
	}
	claim, err := v.verifier.Read(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, v.o.MaxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, live.Errorf(live.Invalid, "the body could not be read to its end")
	}
	key, err := claim.Prove(body)
	if err != nil {
		return nil, err
	}
	if n, ok := w.(noter); ok {
		n.NoteCall("", key, e.Action)
	}
	return body, v.authorise(key, r, e)
}

// noter is a ResponseWriter that writes an access log (api.Noter).
type noter interface {
	NoteCall(requestID, accessKeyID, operation string)
}

var errTooLarge = wire.Fault{Exception: wire.TooLarge, Message: "The body is too long."}

func (v *V1) authorise(key string, r *http.Request, e Endpoint) error {
	if v.authorizer == nil || v.authorizer.MayAll(key) {
		return nil
	}
	resource := "*"
	if e.Resource != nil {
		resource = e.Resource(r)
	}
	d, err := v.authorizer.Decide(key, access.Request{Action: e.Action, Resources: []string{resource}})
	if err != nil {
		return err
	}
	if !d.Allowed {
		return live.Errorf(live.Denied, "the access key may not %s", e.Action)
	}
	return nil
}

// statuses are those of failures that a caller may see.
var statuses = map[live.Kind]int{
	live.Invalid: http.StatusBadRequest, live.NotFound: http.StatusNotFound, live.Conflict: http.StatusConflict,
	live.Exhausted: http.StatusTooManyRequests, live.Denied: http.StatusForbidden, live.Unauthorized: http.StatusForbidden,
	live.Throttled: http.StatusTooManyRequests, live.Unavailable: http.StatusServiceUnavailable,
	live.Unsupported: http.StatusBadRequest,
}

func (v *V1) fail(w http.ResponseWriter, err error) {
	status, message := http.StatusInternalServerError, "internal error"
	var told *live.Error
	var fault wire.Fault
	switch {
	case errors.As(err, &fault):
		w.Header().Set("X-Amzn-Errortype", fault.Name)
		status, message = fault.Status, fault.Message
	case errors.As(err, &told) && statuses[told.Kind] != 0:
		status, message = statuses[told.Kind], told.Message
	default:
		v.o.Log.Error("request of an operator failed", "error", err)
	}
	WriteJSON(w, status, struct {
		Message string `json:"message"`
	}{strings.ToValidUTF8(message, "")})
}

// WriteJSON answers with a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // the client has gone: nobody to tell
}
