package api

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/tracing"
	"github.com/proscenium-live/proscenium/internal/wire"
)

// MaxBody is how long a request's body may be unless Options say otherwise (control-plane.md 1.15).
const MaxBody = 1 << 20

// New returns the handler of the whole API. Whatever path it does not know it answers with an AWS error.
func New(o Options) http.Handler {
	o = o.withDefaults()
	authorizer, _ := o.Keys.(Authorizer)
	return &front{
		Options:    o,
		routes:     newRoutes(o.Parts),
		verifier:   &sigv4.Verifier{Keys: o.Keys, Region: o.Region, Service: "ivs", Now: o.Now},
		authorizer: authorizer,
	}
}

// Noter is what a ResponseWriter may be that wants to know what it has answered, as one that writes an access
// log does. The access key's id is "" if the signature was not proven, the operation if there is none.
type Noter interface {
	NoteCall(requestID, accessKeyID, operation string)
}

// front is what stands between HTTP and the operations.
type front struct {
	Options
	routes     routes
	verifier   *sigv4.Verifier
	authorizer Authorizer // nil: every key may do everything
}

// call is one request on its way through the chain.
type call struct {
	w  http.ResponseWriter
	r  *http.Request
	id string

	op    *operation // nil until routed
	label string
	keyID string // "" until the signature is proven
	body  []byte
	in    wire.Input

	status int // 0 until answered
}

// chain is what each call goes through, in this order; the first error ends it. Before it come the request
// id and the recovery from panics.
var chain = []func(*front, *call) error{
	(*front).size,
	(*front).cors,
	(*front).route,
	(*front).verify,
	(*front).throttle,
	(*front).decode,
	(*front).authorise,
	(*front).validate,
	(*front).serve,
}

// errAnswered ends the chain of a call that needs no operation.
var errAnswered = errors.New("api: answered")

// ServeHTTP takes a call through the chain.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, span := f.Tracer.Start(r.Context(), "call")
	if span != nil {
		r = r.WithContext(ctx)
	}
	c := &call{w: w, r: r, id: newRequestID()}
	started := f.Now()
	defer func() {
		c.trace(span)
		f.Observe(c.operation(), c.status, f.Now().Sub(started))
		if n, ok := w.(Noter); ok {
			n.NoteCall(c.id, c.keyID, c.operation())
		}
	}()
	defer f.recover(c)
	setHeaders(w.Header(), c.id, r.TLS != nil)
	for _, step := range chain {
		if err := step(f, c); err != nil {
			f.fail(c, err)
			return
		}
	}
}

// trace says what a call was, and ends its span.
func (c *call) trace(span *tracing.Span) {
	if span == nil {
		return
	}
	if name := c.operation(); name != "" {
		span.Name(name)
		span.Set("rpc.method", name)
	}
	span.Set("rpc.system", "aws-api")
	span.Set("aws.request_id", c.id)
	span.SetInt("http.response.status_code", c.status)
	if c.status >= http.StatusInternalServerError {
		span.Fail(http.StatusText(c.status))
	}
	span.End()
}

// operation is the name of the call's operation, "" if it has none.
func (c *call) operation() string {
	if c.op == nil {
		return ""
	}
	return c.op.Name
}

// recover answers a call whose handling panicked. The stack goes to the log, the client gets the request id.
func (f *front) recover(c *call) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(p)
	}
	f.Log.Error("call panicked", "request_id", c.id, "operation", c.operation(), "panic", p, "stack", string(debug.Stack()))
	if c.status == 0 {
		f.answer(c, internalFault(c.id))
	}
}

// size refuses a body that says it is too long, before a byte of it is read, and one that turns out to be.
func (f *front) size(c *call) error {
	if c.r.ContentLength > f.MaxBody {
		return tooLarge(f.MaxBody)
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, f.MaxBody)
	return nil
}

func (f *front) route(c *call) error {
	path := c.r.URL.EscapedPath()
	if c.op, c.label = f.routes.find(c.r.Method, path); c.op == nil {
		return wire.Fault{Exception: wire.UnknownOperation, Message: "There is no operation of this method and path."}
	}
	return nil
}

// verify reads the body only when all else about the signature is right.
func (f *front) verify(c *call) error {
	claim, err := f.verifier.Read(c.r)
	if err != nil {
		return err
	}
	if c.body, err = readAll(c.r); err != nil {
		return err
	}
	c.keyID, err = claim.Prove(c.body)
	return err
}

// throttle counts authenticated calls only, so that nobody can use up another's.
func (f *front) throttle(c *call) error {
	if f.Limiter == nil || f.Limiter.Allow(f.Account, c.op.Name) {
		return nil
	}
	// The body is AWS's to the letter; which limit it was is said where SDKs don't look.
	if l, ok := f.Limiter.(*buckets); ok {
		c.w.Header().Set("X-Amzn-Errormessage", fmt.Sprintf("Rate exceeded: %s may be called %g times per second (setting quotas.rates)",
			c.op.Name, l.rates[c.op.Name]))
	}
	return wire.Fault{Exception: wire.Throttling, Message: "Rate exceeded"}
}

func (f *front) decode(c *call) error {
	if err := wire.CheckAccept(c.r.Header.Values("Accept")); err != nil {
		return err
	}
	if c.op.Body {
		if err := wire.CheckContentType(c.r.Header.Get("Content-Type")); err != nil {
			return err
		}
	}
	query, err := wire.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	c.in = c.op.New()
	return c.in.Decode(&wire.Request{Label: c.label, Query: query, Body: c.body})
}

func (f *front) validate(c *call) error { return c.in.Validate() }

func (f *front) serve(c *call) error {
	out, err := c.op.Serve(c.r.Context(), wire.None{}, c.in)
	if err != nil {
		return err
	}
	w := &wire.Writer{}
	out.Encode(w)
	if len(w.Bytes()) > 0 {
		c.w.Header().Set("Content-Type", "application/json")
	}
	c.status = c.op.Status
	c.w.WriteHeader(c.status)
	if _, err := c.w.Write(w.Bytes()); err != nil {
		f.Log.Debug("answer not sent", "request_id", c.id, "operation", c.operation(), "error", err)
	}
	return nil
}

// fail answers a call with an error, and logs it if it is a fault of ours.
func (f *front) fail(c *call, err error) {
	if errors.Is(err, errAnswered) {
		return
	}
	fault, retryAfter := f.toFault(c, err)
	gone := c.r.Context().Err() != nil // whatever failed, it failed because the client left
	if fault.Status >= http.StatusInternalServerError && !gone {
		f.Log.Error("call failed", "request_id", c.id, "operation", c.operation(), "status", fault.Status, "error", err)
	}
	setRetryAfter(c.w.Header(), retryAfter)
	f.answer(c, fault)
	if gone {
		c.status = statusClientGone
	}
}

// statusClientGone is what is counted for a call whose client left before the answer.
const statusClientGone = 499

func (f *front) answer(c *call, fault wire.Fault) {
	c.status = fault.Status
	if err := fault.Write(c.w); err != nil {
		f.Log.Debug("answer not sent", "request_id", c.id, "operation", c.operation(), "error", err)
	}
}
