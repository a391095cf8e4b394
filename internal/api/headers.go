package api

import (
	"crypto/rand"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What every answer carries (control-plane.md 1.4). The first is as the real service sends it, to the letter.
const (
	exposedHeaders = "Access-Control-Allow-Origin,Access-Control-Expose-Headers,Cache-Control,Content-Length," +
		"Content-Security-Policy,Content-Type,date,Strict-Transport-Security,x-amz-apigw-id,x-amzn-errormessage," +
		"x-amzn-errortype,x-amzn-requestid,x-amzn-trace-id,X-Content-Type-Options,X-Frame-Options"
	// the colon is the real service's
	strictTransport = "max-age:47304000; includeSubDomains"
)

// allowedHeaders are what a browser may send (control-plane.md 1.6).
const allowedHeaders = "Content-Type,X-Api-Key,X-Amz-Content-Sha256,X-Amz-User-Agent,amz-sdk-invocation-id," +
	"amz-sdk-request,Authorization,X-Amz-Date,X-Amz-Security-Token"

// preflightAge is how long a browser may remember a preflight.
const preflightAge = 600 * time.Second

// setHeaders puts what every answer carries. Over plain HTTP nothing is said about transport security: a
// browser would not heed it.
func setHeaders(h http.Header, requestID string, secure bool) {
	h.Set("X-Amzn-Requestid", requestID)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Content-Security-Policy", "default-src 'self'; upgrade-insecure-requests;")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	if secure {
		h.Set("Strict-Transport-Security", strictTransport)
	}
}

// setRetryAfter tells in whole seconds when to try again, if that is known.
func setRetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}

// cors answers preflights, on every path and without a signature.
func (f *front) cors(c *call) error {
	if c.r.Method != http.MethodOptions {
		return nil
	}
	methods := f.routes.methods(c.r.URL.EscapedPath())
	if methods == nil {
		methods = []string{http.MethodPost}
	}
	h := c.w.Header()
	h.Set("Access-Control-Allow-Methods", strings.Join(append(slices.Clone(methods), http.MethodOptions), ","))
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightAge.Seconds())))
	c.status = http.StatusNoContent
	c.w.WriteHeader(c.status)
	return errAnswered
}

// newRequestID makes a random UUID (RFC 9562 section 5.4).
func newRequestID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(fmt.Sprintf("api: no randomness: %v", err))
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
