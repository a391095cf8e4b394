package console

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const page = "<!doctype html><script type=module src=assets/app-1a2b.js></script>"

var site = fstest.MapFS{
	"index.html":         {Data: []byte(page)},
	"assets/app-1a2b.js": {Data: []byte(strings.Repeat("export {};\n", 100))},
	"favicon.svg":        {Data: []byte("<svg/>")},
}

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func newTestConsole(t *testing.T) http.Handler {
	t.Helper()
	h, err := handler(site, Options{Connect: []string{"wss://live.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestConsole_DeepLinksLeadToThePage(t *testing.T) {
	h := newTestConsole(t)
	for _, path := range []string{"/console/", "/console/watch", "/console/stages/AbCdEfGhIjKl", "/console/index.html"} {
		r := get(t, h, http.MethodGet, path)
		if r.StatusCode != http.StatusOK || body(t, r) != page {
			t.Errorf("%s answers %d and another page", path, r.StatusCode)
		}
		if got := r.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s may be cached: %s", path, got)
		}
	}
}

func TestConsole_MissingFilesAreNotThePage(t *testing.T) {
	h := newTestConsole(t)
	for _, path := range []string{"/console/assets/gone-9z.js", "/console/../go.mod", "/console/%2e%2e/x.txt", "/console/assets/..%2findex.htm"} {
		if r := get(t, h, http.MethodGet, path); r.StatusCode == http.StatusOK && body(t, r) != page {
			t.Errorf("%s answers a file", path)
		} else if strings.HasSuffix(path, ".js") && r.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, r.StatusCode)
		}
	}
}

func TestConsole_HashedAssetsAreKeptForGood(t *testing.T) {
	r := get(t, newTestConsole(t), http.MethodGet, "/console/assets/app-1a2b.js")
	if got := r.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control is %q", got)
	}
	if got := r.Header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
}

func TestConsole_AnswersNotModifiedAndCompressed(t *testing.T) {
	h := newTestConsole(t)
	const path = "/console/assets/app-1a2b.js"
	r := get(t, h, http.MethodGet, path, "Accept-Encoding", "br, gzip")
	if r.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal("not compressed")
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(z); err != nil || string(data) != string(site["assets/app-1a2b.js"].Data) {
		t.Errorf("what was compressed is something else (%v)", err)
	}
	again := get(t, h, http.MethodGet, path, "Accept-Encoding", "gzip", "If-None-Match", r.Header.Get("Etag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("the same file again answers %d", again.StatusCode)
	}
	if plain := get(t, h, http.MethodGet, path, "Accept-Encoding", "gzip;q=0"); plain.Header.Get("Content-Encoding") != "" {
		t.Error("compressed for someone who refuses it")
	}
}

func TestConsole_PolicyHasNoInlineAndNoFrames(t *testing.T) { // row 42
	for _, path := range []string{"/console/", "/console/assets/app-1a2b.js", "/console/nothing.here"} {
		h := get(t, newTestConsole(t), http.MethodGet, path).Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
			"form-action 'none'", "connect-src 'self' wss://live.example.org",
		} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy lacks %s: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy is unsafe: %s", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s: headers are %v", path, h)
		}
	}
}

func TestConsole_OnlyAnswersReading(t *testing.T) { // row 42: nothing here changes anything, so nothing to forge
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if r := get(t, newTestConsole(t), method, "/console/"); r.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s answers %d", method, r.StatusCode)
		}
	}
}

var inline = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)

func TestEmbedded_PageObeysThePolicy(t *testing.T) { // row 42
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	html := body(t, get(t, h, http.MethodGet, "/console/"))
	if found := inline.FindString(html); found != "" {
		t.Errorf("the page has something inline, which its policy forbids: %q", found)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if strings.Contains(m[1], "://") {
			t.Errorf("the page needs %s: it must work offline", m[1])
			continue
		}
		path := "/console/" + strings.TrimPrefix(strings.TrimPrefix(m[1], "./"), "/console/")
		if r := get(t, h, http.MethodGet, path); r.StatusCode != http.StatusOK {
			t.Errorf("the page links to %s, which answers %d", m[1], r.StatusCode)
		}
	}
}

func TestConsole_IsolatesTheWindowWhereBrowsersHeedIt(t *testing.T) {
	h := newTestConsole(t)
	for host, want := range map[string]string{
		"localhost:7400": "same-origin", "127.0.0.1:7400": "same-origin", "[::1]:7400": "same-origin",
		"192.0.2.2:7400": "", "stage.example": "",
	} {
		r := httptest.NewRequest(http.MethodGet, Path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Cross-Origin-Opener-Policy"); got != want {
			t.Errorf("on plain http://%s the policy is %q, want %q", host, got, want)
		}
	}
	r := get(t, h, http.MethodGet, Path, "X-Forwarded-Proto", "https")
	if got := r.Header.Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Errorf("behind TLS the policy is %q", got)
	}
}
