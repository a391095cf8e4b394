package sigv4

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestCanonicalPath_EncodesOnceMore(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "/",
		"/":                   "/",
		"/CreateStage":        "/CreateStage",
		"/tags/arn%3Aaws%2Fa": "/tags/arn%253Aaws%252Fa",
		"/tags/arn:aws/a":     "/tags/arn%3Aaws/a",
		"/a//b/./c/../d/":     "/a/b/d/",
		"/~-_.":               "/~-_.",
		"/../..":              "/",
		"/\xff é":             "/%FF%20%C3%A9",
	} {
		if got := canonicalPath(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCanonicalQuery_SortsAndEncodes(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"b=2&a=1":                    "a=1&b=2",
		"tagKeys=b%20c&tagKeys=a":    "tagKeys=a&tagKeys=b%20c",
		"a":                          "a=",
		"a=b=c&&":                    "a=b%3Dc",
		"a=+":                        "a=%2B",
		"a=%2b":                      "a=%2B",
		"X-Amz-Signature=x&a=%C3%A9": "a=%C3%A9",
	} {
		if got, ok := canonicalQuery(in, signatureParam); !ok || got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if _, ok := canonicalQuery("a=%", ""); ok {
		t.Error("a lone percent sign was encoded")
	}
}

func TestVerify_TakesTheDateHeaderInPlaceOfXAmzDate(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key := OneKey{"id", "secret"}
	for _, date := range []string{at.Format(http.TimeFormat), stamp(at)} {
		r := httptest.NewRequest(http.MethodPost, "/ListStages", nil)
		r.Header.Set("Date", date)
		c := Signer{key, "us-east-1", "ivs"}.claim(r, at)
		c.signed = []string{"date", "host"}
		r.Header.Set("Authorization", algorithm+" Credential=id/"+c.scope.String()+", SignedHeaders=date;host, Signature="+
			sign("secret", c.scope, stamp(at), c.canonical(hash(nil))))
		v := &Verifier{Keys: key, Region: "us-east-1", Service: "ivs", Now: func() time.Time { return at }}
		if _, err := v.Verify(r, nil); err != nil {
			t.Errorf("%s: %v", date, err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add("/tags/arn%3Aaws", "a=b&c=%20d")
	f.Add("//../.", "&&=&%zz")
	f.Fuzz(func(t *testing.T, path, query string) {
		p := canonicalPath(path)
		if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") {
			t.Fatalf("path %q", p)
		}
		if _, err := url.PathUnescape(p); err != nil {
			t.Fatal(err)
		}
		q, ok := canonicalQuery(query, "")
		if !ok {
			return
		}
		if again, ok := canonicalQuery(q, ""); !ok || again != q {
			t.Fatalf("%q became %q", q, again)
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00")
	f.Add("AWS4-HMAC-SHA256 Credential=,,=")
	f.Fuzz(func(t *testing.T, header string) {
		parts, err := parseAuthorization(header)
		if err == nil && (parts["Credential"] == "" || parts["SignedHeaders"] == "" || parts["Signature"] == "") {
			t.Fatalf("%v", parts)
		}
	})
}
