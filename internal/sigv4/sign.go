package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signer makes signatures.
type Signer struct {
	Key     OneKey
	Region  string
	Service string
}

// Sign adds X-Amz-Date and Authorization to a request that will be sent with the body. It signs the host, the
// content type, and all X-Amz headers; whatever is set later is not covered.
func (s Signer) Sign(r *http.Request, body []byte, at time.Time) {
	r.Header.Set(dateHeader, stamp(at))
	c := s.claim(r, at)
	for name := range r.Header {
		if lower := strings.ToLower(name); lower == "content-type" || strings.HasPrefix(lower, "x-amz-") {
			c.signed = append(c.signed, lower)
		}
	}
	slices.Sort(c.signed)
	c.query, _ = canonicalQuery(r.URL.RawQuery, "")
	r.Header.Set("Authorization", algorithm+" Credential="+s.Key.AccessKeyID+"/"+c.scope.String()+
		", SignedHeaders="+strings.Join(c.signed, ";")+
		", Signature="+sign(s.Key.SecretKey, c.scope, stamp(at), c.canonical(hash(body))))
}

// Presign adds a signature to a request's query that lives for the time given (whole seconds, up to 7 days).
// It signs the host.
func (s Signer) Presign(r *http.Request, body []byte, at time.Time, lives time.Duration) {
	c := s.claim(r, at)
	add := url.Values{
		"X-Amz-Algorithm":     {algorithm},
		"X-Amz-Credential":    {s.Key.AccessKeyID + "/" + c.scope.String()},
		"X-Amz-Date":          {stamp(at)},
		"X-Amz-Expires":       {strconv.Itoa(int(lives.Seconds()))},
		"X-Amz-SignedHeaders": {"host"},
	}.Encode()
	if r.URL.RawQuery != "" {
		add = r.URL.RawQuery + "&" + add
	}
	c.query, _ = canonicalQuery(add, "")
	r.URL.RawQuery = c.query + "&" + signatureParam + "=" + sign(s.Key.SecretKey, c.scope, stamp(at), c.canonical(hash(body)))
}

func (s Signer) claim(r *http.Request, at time.Time) *claim {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	return &claim{
		request: request{
			method: r.Method, path: r.URL.EscapedPath(), host: host,
			header: r.Header, length: r.ContentLength, signed: []string{"host"},
		},
		scope: scope{at.UTC().Format("20060102"), s.Region, s.Service},
	}
}
