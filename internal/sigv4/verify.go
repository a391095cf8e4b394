package sigv4

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// Verifier verifies the signatures of requests to one service in one region. It may be used at once.
type Verifier struct {
	Keys    Keys
	Region  string
	Service string
	Now     func() time.Time // nil: time.Now
}

// Claim is a signature that is in scope and in time, of a key that exists: all that can be said before the
// body is read. Prove says whether it is right.
type Claim struct {
	claim  *claim
	secret string
}

// Read looks at everything but the body. It returns a wire.Fault that says what is wrong.
func (v *Verifier) Read(r *http.Request) (*Claim, error) {
	c, err := read(r)
	if err != nil {
		return nil, err
	}
	if err := v.inScope(c); err != nil {
		return nil, err
	}
	if err := v.inTime(c); err != nil {
		return nil, err
	}
	if len(r.Trailer) > 0 {
		return nil, invalid("The request announces trailers, which no signature covers.")
	}
	secret, ok := v.Keys.Secret(c.accessKeyID)
	if !ok {
		return nil, unrecognized()
	}
	return &Claim{c, secret}, nil
}

// Prove returns the id of the access key that signed the request with this body, or a wire.Fault.
func (c *Claim) Prove(body []byte) (accessKeyID string, err error) {
	bodyHash := hash(body)
	if told := c.claim.value(strings.ToLower(hashHeader)); told != "" && told != bodyHash {
		return "", mismatch()
	}
	want := sign(c.secret, c.claim.scope, stamp(c.claim.at), c.claim.canonical(bodyHash))
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.claim.signature)) != 1 {
		return "", mismatch()
	}
	return c.claim.accessKeyID, nil
}

// Verify reads and proves in one go.
func (v *Verifier) Verify(r *http.Request, body []byte) (accessKeyID string, err error) {
	c, err := v.Read(r)
	if err != nil {
		return "", err
	}
	return c.Prove(body)
}

func (v *Verifier) inScope(c *claim) error {
	switch {
	case c.scope.region != v.Region:
		return invalid("Credential should be scoped to a valid region, not '%s'.", printable(c.scope.region))
	case c.scope.service != v.Service:
		return invalid("Credential should be scoped to correct service: '%s'.", v.Service)
	case c.scope.date != c.at.Format("20060102"):
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.",
			printable(c.scope.date), c.at.Format("20060102"))
	}
	return nil
}

func (v *Verifier) inTime(c *claim) error {
	now := time.Now()
	if v.Now != nil {
		now = v.Now()
	}
	window := max(c.expires, 0)
	if window == 0 {
		window = Tolerance
	}
	switch {
	case c.at.After(now.Add(Tolerance)):
		return early(c.at, now)
	case c.at.Before(now.Add(-window)):
		return expired(c.at, now, window)
	}
	return nil
}

// printable cuts a text from a request down to what may stand in a message.
func printable(s string) string {
	if len(s) > 32 {
		s = s[:32]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '\'' {
			return -1
		}
		return c
	}, s)
}
