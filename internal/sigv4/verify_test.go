package sigv4_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/wire"
)

var (
	pair = sigv4.OneKey{AccessKeyID: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	noon = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func verifier() *sigv4.Verifier {
	return &sigv4.Verifier{Keys: pair, Region: "us-east-1", Service: "ivs", Now: func() time.Time { return noon }}
}

func signer() sigv4.Signer { return sigv4.Signer{Key: pair, Region: "us-east-1", Service: "ivs"} }

const tagPath = "/tags/arn%3Aaws%3Aivs%3Aus-east-1%3A123456789012%3Astage%2FabcdABCDefgh"

func request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "http://ivsrealtime.us-east-1.amazonaws.com"+target, strings.NewReader(body))
	r.RequestURI = target
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// The vectors of control-plane.md 1.3.
func TestSign_MatchesThePublishedVectors(t *testing.T) {
	for _, c := range []struct{ method, target, body, signature string }{
		{"POST", tagPath, `{"tags": {"a": "b"}}`, "83f537646785ff176ae6df1a2a6614f4552acec287957d3f18f7247d7e22c16c"},
		{"DELETE", tagPath + "?tagKeys=b%20c&tagKeys=a", "", "189348c56ef3d33639b3958d69891f59c5bba200c2cd98d8999c21d766fb711b"},
	} {
		r := request(c.method, c.target, c.body)
		signer().Sign(r, []byte(c.body), noon)
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.signature) {
			t.Errorf("%s: %s", c.method, got)
		}
		if id, err := verifier().Verify(r, []byte(c.body)); err != nil || id != pair.AccessKeyID {
			t.Errorf("%s: verified as %q, %v", c.method, id, err)
		}
	}
}

func TestVerify_AcceptsWhatTheOfficialSignerMakes(t *testing.T) {
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/CreateStage", `{"name":"é"}`},
		{"POST", "/ListStages", ``},
		{"POST", tagPath, `{"tags":{}}`},
		{"DELETE", tagPath + "?tagKeys=b%20c&tagKeys=a&tagKeys=%2B&tagKeys=", ""},
		{"GET", "/tags/arn:aws:ivs:us-east-1:123456789012:stage/abc", ""},
	} {
		sum := sha256.Sum256([]byte(c.body))
		payload := hex.EncodeToString(sum[:])
		key := aws.Credentials{AccessKeyID: pair.AccessKeyID, SecretAccessKey: pair.SecretKey, SessionToken: "session"}

		r := request(c.method, c.target, c.body)
		r.Header.Set("X-Amz-User-Agent", "  two   spaces ")
		if err := v4.NewSigner().SignHTTP(t.Context(), key, r, payload, "ivs", "us-east-1", noon); err != nil {
			t.Fatal(err)
		}
		r.RequestURI = r.URL.RequestURI()
		if _, err := verifier().Verify(r, []byte(c.body)); err != nil {
			t.Errorf("%s %s: header form: %v", c.method, c.target, err)
		}

		separator := "?"
		if strings.Contains(c.target, "?") {
			separator = "&"
		}
		r = request(c.method, c.target+separator+"X-Amz-Expires=604800", c.body)
		signed, header, err := v4.NewSigner().PresignHTTP(t.Context(), key, r, payload, "ivs", "us-east-1", noon)
		if err != nil {
			t.Fatal(err)
		}
		r, err = http.NewRequestWithContext(context.Background(), c.method, signed, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		if c.body != "" {
			r.ContentLength = int64(len(c.body))
		}
		if _, err := verifier().Verify(r, []byte(c.body)); err != nil {
			t.Errorf("%s %s: query form: %v", c.method, c.target, err)
		}
	}
}

func TestPresign_LivesAsLongAsItSays(t *testing.T) {
	r := request("GET", tagPath, "")
	signer().Presign(r, nil, noon, time.Hour)
	r.RequestURI = r.URL.RequestURI()
	for after, want := range map[time.Duration]string{
		-16 * time.Minute: "InvalidSignatureException",
		0:                 "",
		59 * time.Minute:  "",
		61 * time.Minute:  "InvalidSignatureException",
	} {
		v := verifier()
		v.Now = func() time.Time { return noon.Add(after) }
		if _, err := v.Verify(r, nil); nameOf(err) != want {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

func nameOf(err error) string {
	var f wire.Fault
	if errors.As(err, &f) {
		return f.Name
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// refusal is a way to spoil a signed request, and what is answered to it.
type refusal struct {
	name    string
	spoil   func(r *http.Request)
	body    string // "" leaves it
	want    string
	status  int
	message string
}

func (c refusal) check(t *testing.T) {
	t.Helper()
	body := `{"name":"a"}`
	r := request("POST", "/CreateStage", body)
	r.Header.Set("X-Amz-Content-Sha256", sha(body))
	signer().Sign(r, []byte(body), noon)
	if c.body != "" {
		body = c.body
	}
	c.spoil(r)
	_, err := verifier().Verify(r, []byte(body))
	var f wire.Fault
	if !errors.As(err, &f) || f.Name != c.want || f.Status != c.status || !strings.Contains(f.Message, c.message) || !f.FrontEnd {
		t.Errorf("%s: %v", c.name, err)
	}
	if err != nil && strings.Contains(err.Error(), "Signature=") {
		t.Errorf("%s: the message repeats the header: %v", c.name, err)
	}
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func setAuth(old, replacement string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
	}
}

func resigned(change func(*http.Request), s sigv4.Signer, at time.Time) func(*http.Request) {
	return func(r *http.Request) {
		change(r)
		r.Header.Del("Authorization")
		s.Sign(r, []byte(`{"name":"a"}`), at)
	}
}

func unchanged(*http.Request) {}

// security.md row 1: wrong secret, tampered header, tampered body, unsigned hash, duplicates, chunked trailer.
func TestSecurityRow1_SpoiledSignaturesAreRefused(t *testing.T) {
	wrong := signer()
	wrong.Key.SecretKey = "another"
	stranger := signer()
	stranger.Key.AccessKeyID = "AKIDSTRANGER"
	const mismatch = "does not match the signature you provided"
	for _, c := range []refusal{
		{"wrong secret", resigned(unchanged, wrong, noon), "", "InvalidSignatureException", 403, mismatch},
		{"unknown key", resigned(unchanged, stranger, noon), "", "UnrecognizedClientException", 403, "The security token included in the request is invalid."},
		{"tampered header", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "", "InvalidSignatureException", 403, mismatch},
		{"tampered body", unchanged, `{"name":"b"}`, "InvalidSignatureException", 403, mismatch},
		{"tampered body with its own hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", sha(`{"name":"b"}`)) }, `{"name":"b"}`, "InvalidSignatureException", 403, mismatch},
		{"tampered method", func(r *http.Request) { r.Method = "DELETE" }, "", "InvalidSignatureException", 403, mismatch},
		{"tampered path", func(r *http.Request) { r.RequestURI = "/DeleteStage" }, "", "InvalidSignatureException", 403, mismatch},
		{"tampered host", func(r *http.Request) { r.Host = "elsewhere" }, "", "InvalidSignatureException", 403, mismatch},
		{"added query", func(r *http.Request) { r.RequestURI += "?a" }, "", "InvalidSignatureException", 403, mismatch},
		{"unsigned hash", setAuth(";x-amz-content-sha256", ""), "", "InvalidSignatureException", 403, "must be a 'SignedHeader'"},
		{"unsigned session token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, "", "InvalidSignatureException", 403, "must be a 'SignedHeader'"},
		{"unsigned host", setAuth("host;", ""), "", "InvalidSignatureException", 403, "'Host' must be a 'SignedHeader'"},
		{"unsigned payload", resigned(func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, signer(), noon), "", "InvalidSignatureException", 403, mismatch},
		{"chunked trailer", resigned(func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		}, signer(), noon), "", "InvalidSignatureException", 403, mismatch},
		{"trailer", func(r *http.Request) { r.Trailer = http.Header{"X-Amz-Trailer-Signature": nil} }, "", "InvalidSignatureException", 403, "trailers"},
		{"duplicated signed header", func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }, "", "InvalidSignatureException", 403, mismatch},
		{"duplicated hash", func(r *http.Request) { r.Header.Add("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, "", "InvalidSignatureException", 403, mismatch},
		{"duplicated date", func(r *http.Request) { r.Header.Add("X-Amz-Date", "20260102T030405Z") }, "", "InvalidSignatureException", 403, "2 X-Amz-Date headers"},
		{"duplicated authorization", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, "", "InvalidSignatureException", 403, "2 Authorization headers"},
	} {
		c.check(t)
	}
}

// security.md row 2: replay beyond the tolerance, wrong clocks, foreign scopes.
func TestSecurityRow2_StaleAndForeignSignaturesAreRefused(t *testing.T) {
	region, service := signer(), signer()
	region.Region, service.Service = "eu-west-1", "s3"
	const name = "InvalidSignatureException"
	for _, c := range []refusal{
		{"16 minutes old", resigned(unchanged, signer(), noon.Add(-16*time.Minute)), "", name, 403, "Signature expired: 20260102T024805Z is now earlier than 20260102T024905Z (20260102T030405Z - 15 min.)"},
		{"a day old", resigned(unchanged, signer(), noon.Add(-24*time.Hour)), "", name, 403, "Signature expired: "},
		{"16 minutes ahead", resigned(unchanged, signer(), noon.Add(16*time.Minute)), "", name, 403, "Signature not yet current: "},
		{"a day ahead", resigned(unchanged, signer(), noon.Add(24*time.Hour)), "", name, 403, "Signature not yet current: "},
		{"other region", resigned(unchanged, region, noon), "", name, 403, "Credential should be scoped to a valid region"},
		{"other service", resigned(unchanged, service, noon), "", name, 403, "Credential should be scoped to correct service: 'ivs'."},
		{"other day in the scope", setAuth("/20260102/", "/20260101/"), "", name, 403, "Date in Credential scope does not match YYYYMMDD"},
		{"other terminator", setAuth("/aws4_request", "/aws5_request"), "", name, 403, "valid terminator"},
	} {
		c.check(t)
	}
	for _, off := range []time.Duration{-14 * time.Minute, 14 * time.Minute} {
		r := request("POST", "/ListStages", "{}")
		signer().Sign(r, []byte("{}"), noon.Add(off))
		if _, err := verifier().Verify(r, []byte("{}")); err != nil {
			t.Errorf("a clock off by %v: %v", off, err)
		}
	}
}

func TestVerify_NamesWhatIsMissing(t *testing.T) {
	const name = "IncompleteSignatureException"
	set := func(v string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", v) }
	}
	query := func(q string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Del("Authorization"); r.RequestURI += "?" + q }
	}
	for _, c := range []refusal{
		{"nothing", func(r *http.Request) { r.Header.Del("Authorization") }, "", "MissingAuthenticationTokenException", 403, "Missing Authentication Token"},
		{"other scheme", set("Bearer abc"), "", name, 400, "AWS4-HMAC-SHA256"},
		{"empty", set(""), "", name, 400, "AWS4-HMAC-SHA256"},
		{"no parameters", set("AWS4-HMAC-SHA256"), "", name, 400, "name=value"},
		{"only a credential", set("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request"), "", name, 400, "requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
		{"short credential", setAuth("/ivs/", "/"), "", name, 400, "exactly 5 slash-delimited elements"},
		{"repeated parameter", setAuth("Credential=", "Credential=x,Credential="), "", name, 400, "different name=value"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "", name, 400, "either a 'X-Amz-Date' or a 'Date' header"},
		{"bad date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }, "", name, 400, "ISO-8601"},
		{"upper case signed header", setAuth("host;", "Host;"), "", name, 400, "lower case"},
		{"repeated signed header", setAuth("host;", "host;host;"), "", name, 400, "different names"},
		{"too many signed headers", setAuth("host;", "host;"+strings.Repeat("a;", 100)), "", name, 400, "More than 64"},
		{"too long", set("AWS4-HMAC-SHA256 " + strings.Repeat("x", 9000)), "", name, 400, "longer than"},
		{"half a query form", query("X-Amz-Algorithm=AWS4-HMAC-SHA256"), "", name, 400, "'X-Amz-Credential'"},
		{"long-lived query form", query("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=a&X-Amz-SignedHeaders=host&X-Amz-Date=a&X-Amz-Expires=604801"), "", name, 400, "1 to 604800"},
	} {
		c.check(t)
	}
}

// security.md row 3: the path and query in the same form as the SDKs', or else 403.
func TestSecurityRow3_PathsAreNormalisedAsTheSDKsDo(t *testing.T) {
	signed := request("POST", "/tags/a", "{}")
	signer().Sign(signed, []byte("{}"), noon)
	for target, want := range map[string]string{
		"/tags/a":       "",
		"//tags///a":    "",
		"/x/../tags/a":  "",
		"/tags/./a":     "",
		"/../tags/a":    "",
		"/tags%2Fa":     "InvalidSignatureException",
		"/tags/%61":     "InvalidSignatureException",
		"/tags/a/":      "InvalidSignatureException",
		"/tags/a?":      "",
		"/tags/a?b=":    "InvalidSignatureException",
		"/tags/a?%zz":   "InvalidSignatureException",
		"/tags/a?a=%f":  "InvalidSignatureException",
		"/tags/a\xff":   "InvalidSignatureException",
		"/tags/a?\xff=": "InvalidSignatureException",
	} {
		r := signed.Clone(t.Context())
		r.RequestURI = target
		if _, err := verifier().Verify(r, []byte("{}")); nameOf(err) != want {
			t.Errorf("%q: %v", target, err)
		}
	}
}

func TestVerify_AcceptsAListWithoutSpaces(t *testing.T) {
	r := request("POST", "/ListStages", "{}")
	signer().Sign(r, []byte("{}"), noon)
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
	if _, err := verifier().Verify(r, []byte("{}")); err != nil {
		t.Errorf("without spaces: %v", err)
	}
}

// keys knows access keys by their ids.
type keys map[string]sigv4.Key

func (k keys) Key(id string) (sigv4.Key, bool) {
	key, ok := k[id]
	return key, ok
}

func TestVerify_SessionTokensBelongToTheirKeys(t *testing.T) {
	known := keys{
		"lasting":   {Secret: "s"},
		"temporary": {Secret: "s", Token: "t", ExpiresAt: noon.Add(time.Hour)},
		"over":      {Secret: "s", Token: "t", ExpiresAt: noon},
	}
	for _, c := range []struct{ id, secret, token, want string }{
		{"lasting", "s", "", ""},
		{"lasting", "s", "t", "UnrecognizedClientException"},
		{"temporary", "s", "t", ""},
		{"temporary", "s", "", "UnrecognizedClientException"},
		{"temporary", "s", "tt", "UnrecognizedClientException"},
		{"temporary", "wrong", "tt", "InvalidSignatureException"},
		{"over", "s", "t", "ExpiredTokenException"},
		{"over", "s", "", "UnrecognizedClientException"},
		{"over", "wrong", "t", "InvalidSignatureException"},
	} {
		v := &sigv4.Verifier{Keys: known, Region: "us-east-1", Service: "ivs", Now: func() time.Time { return noon }}
		s := sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: c.id, SecretKey: c.secret}, Region: "us-east-1", Service: "ivs"}
		r := request("POST", "/ListStages", "{}")
		if c.token != "" {
			r.Header.Set("X-Amz-Security-Token", c.token)
		}
		s.Sign(r, []byte("{}"), noon)
		if _, err := v.Verify(r, []byte("{}")); nameOf(err) != c.want {
			t.Errorf("header form, %+v: %v", c, err)
		}
		target := tagPath
		if c.token != "" {
			target += "?X-Amz-Security-Token=" + c.token
		}
		r = request("GET", target, "")
		s.Presign(r, nil, noon, time.Hour)
		r.RequestURI = r.URL.RequestURI()
		if _, err := v.Verify(r, nil); nameOf(err) != c.want {
			t.Errorf("query form, %+v: %v", c, err)
		}
	}
}

func TestOneKey_HidesItsSecret(t *testing.T) {
	if _, ok := (sigv4.OneKey{}).Key(""); ok {
		t.Error("no key is a key")
	}
	if s := pair.String() + pair.GoString(); strings.Contains(s, pair.SecretKey) {
		t.Error(s)
	}
}

func FuzzVerify(f *testing.F) {
	r := request("POST", "/CreateStage", "{}")
	signer().Sign(r, []byte("{}"), noon)
	f.Add(r.Header.Get("Authorization"), "/CreateStage?a=b", "20260102T030405Z", []byte("{}"))
	r = request("GET", tagPath, "")
	signer().Presign(r, nil, noon, time.Hour)
	f.Add("", r.URL.RequestURI(), "", []byte{})
	f.Add("AWS4-HMAC-SHA256 Credential=", "/%zz?%zz", "x", []byte{})
	f.Fuzz(func(t *testing.T, authorization, target, date string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(bytes.NewReader(body)))
		r.RequestURI = target
		r.Header.Set("X-Amz-Date", date)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		id, err := verifier().Verify(r, body)
		if (err == nil) != (id == pair.AccessKeyID) {
			t.Fatalf("%q, %v", id, err)
		}
		if err != nil && (nameOf(err) == err.Error() || len(err.Error()) > 1000) {
			t.Fatalf("not a short fault: %v", err)
		}
	})
}
