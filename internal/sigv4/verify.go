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
	claim *claim
	key   Key
	now   time.Time
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
	now := time.Now()
	if v.Now != nil {
		now = v.Now()
	}
	if err := inTime(c, now); err != nil {
		return nil, err
	}
	if len(r.Trailer) > 0 {
		return nil, invalid("The request announces trailers, which no signature covers.")
	}
	key, ok := v.Keys.Key(c.accessKeyID)
	if !ok {
		return nil, unrecognized()
	}
	return &Claim{c, key, now}, nil
}

// Prove returns the id of the access key that signed the request with this body, or a wire.Fault.
func (c *Claim) Prove(body []byte) (accessKeyID string, err error) {
	bodyHash := hash(body)
	if told := c.claim.value(strings.ToLower(hashHeader)); told != "" && told != bodyHash {
		return "", mismatch()
	}
	want := sign(c.key.Secret, c.claim.scope, stamp(c.claim.at), c.claim.canonical(bodyHash))
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.claim.signature)) != 1 {
		return "", mismatch()
	}
	if err := c.session(); err != nil {
		return "", err
	}
	return c.claim.accessKeyID, nil
}

// session checks the session token, once the signature has shown that whoever asks has the secret.
func (c *Claim) session() error {
	if !c.key.IgnoreToken && subtle.ConstantTimeCompare([]byte(c.claim.token), []byte(c.key.Token)) != 1 {
		return unrecognized()
	}
	if !c.key.ExpiresAt.IsZero() && !c.now.Before(c.key.ExpiresAt) {
		return expiredToken()
	}
	return nil
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

func inTime(c *claim, now time.Time) error {
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
