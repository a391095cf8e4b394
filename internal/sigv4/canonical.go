package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// request is what a signature is made over.
type request struct {
	method string
	path   string // as it is on the wire
	query  string // canonical
	host   string
	header http.Header
	length int64
	signed []string // names of the signed headers, in lower case, in the order the signer gave
}

// canonical returns the canonical request, whose hash is what is signed.
func (r *request) canonical(bodyHash string) string {
	var b strings.Builder
	b.WriteString(r.method + "\n" + canonicalPath(r.path) + "\n" + r.query + "\n")
	for _, name := range r.signed {
		b.WriteString(name + ":" + r.value(name) + "\n")
	}
	b.WriteString("\n" + strings.Join(r.signed, ";") + "\n" + bodyHash)
	return b.String()
}

// value returns a header with its values joined and its white space squeezed, "" if it is not there.
func (r *request) value(name string) string {
	values := r.header.Values(name)
	switch {
	case name == "host":
		values = []string{r.host}
	case name == "content-length" && len(values) == 0 && r.length >= 0:
		values = []string{strconv.FormatInt(r.length, 10)}
	}
	squeezed := make([]string, len(values))
	for i, v := range values {
		squeezed[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(squeezed, ",")
}

// canonicalPath takes the redundant parts out of a path (RFC 3986 section 5.2.4, and empty segments), and
// percent-encodes it once more, as the signers of all services but S3 do. "%2F" so becomes "%252F".
func canonicalPath(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, encode(segment))
		}
	}
	out := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}

// canonicalQuery encodes and sorts a query, without the parameter left out. A "+" stands for itself. ok is
// false if a percent sign encodes nothing.
func canonicalQuery(raw, without string) (query string, ok bool) {
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, errN := url.PathUnescape(name)
		v, errV := url.PathUnescape(value)
		if errN != nil || errV != nil {
			return "", false
		}
		if n != without {
			pairs = append(pairs, pair{encode(n), encode(v)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.name + "=" + p.value
	}
	return strings.Join(parts, "&"), true
}

const upperHex = "0123456789ABCDEF"

// encode percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
func encode(s string) string {
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			out = append(out, c)
		default:
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(out)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// scope is what a credential is good for: one day, one region, one service.
type scope struct{ date, region, service string }

const terminator = "aws4_request"

func (s scope) String() string { return s.date + "/" + s.region + "/" + s.service + "/" + terminator }

// sign returns the signature of a canonical request made at the time, in lower-case hex.
func sign(secret string, s scope, at, canonical string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, terminator} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, algorithm+"\n"+at+"\n"+s.String()+"\n"+hash([]byte(canonical))))
}

func mac(key []byte, data string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(data))
	return m.Sum(nil)
}
