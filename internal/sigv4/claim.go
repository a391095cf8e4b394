package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"

	dateHeader  = "X-Amz-Date"
	hashHeader  = "X-Amz-Content-Sha256"
	tokenHeader = "X-Amz-Security-Token"

	signatureParam = "X-Amz-Signature"

	// maxAuthorization and maxSigned are far beyond what any SDK sends: it signs a dozen headers.
	maxAuthorization = 8 << 10
	maxSigned        = 64
)

// Tolerance is how far the clocks of a client and the server may be apart (control-plane.md 1.3).
const Tolerance = 15 * time.Minute

// maxExpires is how long a signature in a query may live.
const maxExpires = 7 * 24 * time.Hour

// stampLayout is ISO 8601 in its basic format.
const stampLayout = "20060102T150405Z"

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// claim is the signature that a request says it has: complete, but not proven.
type claim struct {
	request
	accessKeyID string
	scope       scope
	signature   string
	token       string // of the session, "" if there is none
	at          time.Time
	expires     time.Duration // after at; 0 for the header form, which lives for the tolerance
}

// read returns what a request claims, from its Authorization header or else from its query.
func read(r *http.Request) (*claim, error) {
	path, rawQuery := target(r)
	c := &claim{request: request{method: r.Method, path: path, host: r.Host, header: r.Header, length: r.ContentLength}}
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return nil, invalid("The request has %d Authorization headers.", len(headers))
	}
	var err error
	switch params, inQuery := queryForm(rawQuery); {
	case len(headers) == 1:
		err = c.fromHeader(headers[0])
	case inQuery:
		err = c.fromQuery(params)
	default:
		err = missing()
	}
	if err != nil {
		return nil, err
	}
	query, ok := canonicalQuery(rawQuery, signatureParam)
	if !ok {
		return nil, invalid("The query string is not valid, so it has no signature.")
	}
	c.query = query
	return c, nil
}

// target returns path and query as they came over the wire.
func target(r *http.Request) (path, query string) {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, query, _ = strings.Cut(r.RequestURI, "?")
		return path, query
	}
	return r.URL.EscapedPath(), r.URL.RawQuery
}

// queryForm returns the parameters of a query that holds a signature or a part of one. Values are looked at
// one by one later, so those that do not decode are left out here.
func queryForm(raw string) (params url.Values, found bool) {
	params = url.Values{}
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if v, err := url.PathUnescape(value); err == nil {
			params.Add(name, v)
		}
	}
	return params, params.Has(signatureParam) || params.Has("X-Amz-Credential") || params.Has("X-Amz-Algorithm")
}

func (c *claim) fromHeader(authorization string) error {
	parts, err := parseAuthorization(authorization)
	if err != nil {
		return err
	}
	date, err := c.headerDate()
	if err != nil {
		return err
	}
	if tokens := c.header.Values(tokenHeader); len(tokens) > 1 {
		return invalid("The request has %d X-Amz-Security-Token headers.", len(tokens))
	} else if len(tokens) == 1 {
		c.token = tokens[0]
	}
	return c.fill(parts["Credential"], parts["SignedHeaders"], parts["Signature"], date)
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…". The header is
// never repeated in a message.
func parseAuthorization(header string) (map[string]string, error) {
	if len(header) > maxAuthorization {
		return nil, incomplete("Authorization header is longer than %d bytes.", maxAuthorization)
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if scheme != algorithm {
		return nil, incomplete("Authorization header requires the algorithm %s.", algorithm)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; !ok || twice {
			return nil, incomplete("Authorization header is not a list of different name=value parameters.")
		}
		parts[name] = value
	}
	var lacking []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			lacking = append(lacking, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if lacking != nil {
		return nil, incomplete("%s", strings.Join(lacking, " "))
	}
	return parts, nil
}

func (c *claim) headerDate() (string, error) {
	if dates := c.header.Values(dateHeader); len(dates) > 1 {
		return "", invalid("The request has %d X-Amz-Date headers.", len(dates))
	} else if len(dates) == 1 {
		return dates[0], nil
	}
	date := c.header.Get("Date")
	if date == "" {
		return "", incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if t, err := http.ParseTime(date); err == nil {
		return stamp(t), nil
	}
	return date, nil
}

func (c *claim) fromQuery(params url.Values) error {
	var lacking []string
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"} {
		if len(params[name]) != 1 || params.Get(name) == "" {
			lacking = append(lacking, "AWS query-string parameters must include '"+name+"' once.")
		}
	}
	if lacking != nil {
		return incomplete("%s", strings.Join(lacking, " "))
	}
	if params.Get("X-Amz-Algorithm") != algorithm {
		return incomplete("X-Amz-Algorithm must be %s.", algorithm)
	}
	seconds, err := strconv.Atoi(params.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || time.Duration(seconds)*time.Second > maxExpires {
		return incomplete("X-Amz-Expires must be from 1 to %d.", int(maxExpires.Seconds()))
	}
	c.expires = time.Duration(seconds) * time.Second
	if tokens := params[tokenHeader]; len(tokens) > 1 {
		return incomplete("AWS query-string parameters may include 'X-Amz-Security-Token' once.")
	} else if len(tokens) == 1 {
		c.token = tokens[0]
	}
	return c.fill(params.Get("X-Amz-Credential"), params.Get("X-Amz-SignedHeaders"), params.Get(signatureParam), params.Get("X-Amz-Date"))
}

func (c *claim) fill(credential, signedHeaders, signature, date string) error {
	at, err := time.Parse(stampLayout, date)
	if err != nil {
		return incomplete("Date must be in ISO-8601 'basic format', YYYYMMDD'T'HHMMSS'Z'.")
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	if parts[4] != terminator {
		return invalid("Credential should be scoped with a valid terminator: '%s'.", terminator)
	}
	c.at, c.signature = at, signature
	c.accessKeyID, c.scope = parts[0], scope{parts[1], parts[2], parts[3]}
	return c.signedHeaders(signedHeaders)
}

// signedHeaders takes the list of signed headers. The host must be among them, and so must those that change
// what the signature means.
func (c *claim) signedHeaders(list string) error {
	c.signed = strings.Split(list, ";")
	if len(c.signed) > maxSigned {
		return incomplete("More than %d headers are signed.", maxSigned)
	}
	for i, name := range c.signed {
		if name == "" || name != strings.ToLower(name) || slices.Contains(c.signed[:i], name) {
			return incomplete("SignedHeaders must be different names in lower case, separated by ';'.")
		}
	}
	if !slices.Contains(c.signed, "host") {
		return invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for _, name := range []string{dateHeader, hashHeader, tokenHeader} {
		if len(c.header.Values(name)) > 0 && !slices.Contains(c.signed, strings.ToLower(name)) {
			return invalid("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}
