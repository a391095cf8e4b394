// Package console serves the embedded console.
//
// What it serves is built from web/console and committed in dist, so that a checkout without Node.js builds
// (docs/adr/0001-committed-console.md). The console is a client of the public API like any other: there is
// no cookie, no session and no call of its own here. The package starts no goroutine.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed all:dist
var embedded embed.FS

// Path is where the console lives.
const Path = "/console/"

// Options are what the console may do in a browser.
type Options struct {
	// Connect are origins, beside its own, that the console's pages may call: http(s):// and ws(s)://.
	Connect []string
}

// New returns the handler of everything under Path.
func New(o Options) (http.Handler, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, err
	}
	return handler(dist, o)
}

func handler(dist fs.FS, o Options) (http.Handler, error) {
	c := &console{files: map[string]*file{}, policy: policy(o.Connect)}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		c.files[name] = newFile(name, data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.files["index.html"] == nil {
		return nil, fmt.Errorf("console: dist holds no index.html")
	}
	return c, nil
}

// policy allows what the console is made of and nothing else: no inline script, no inline style, no frame
// around it, no form to elsewhere (row 42).
func policy(connect []string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data: blob:",
		"font-src 'self'",
		"media-src 'self' blob:",
		"worker-src 'self'",
		"manifest-src 'self'",
		"connect-src " + strings.Join(append([]string{"'self'"}, connect...), " "),
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

type console struct {
	files  map[string]*file
	policy string
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.guard(w.Header(), r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, Path)
	if !ok {
		http.Redirect(w, r, Path, http.StatusPermanentRedirect)
		return
	}
	f := c.files[name]
	if f == nil {
		// A path without an extension is one of the console's own pages; it finds its way from there.
		if path.Ext(name) != "" {
			http.NotFound(w, r)
			return
		}
		f = c.files["index.html"]
	}
	f.serve(w, r)
}

func (c *console) guard(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", c.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	if trustworthy(r) {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=(self)")
}

// trustworthy reports whether the browser takes the page's origin for one: elsewhere it ignores the header that
// isolates a window, and complains. A client that forges X-Forwarded-Proto misleads nobody but itself.
func trustworthy(r *http.Request) bool {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

type file struct {
	name     string
	data     []byte
	mime     string
	etag     string
	hashed   bool // its name changes with its content
	compress func() []byte
}

func newFile(name string, data []byte) *file {
	sum := sha256.Sum256(data)
	kind := mime.TypeByExtension(path.Ext(name))
	if fixed, ok := kinds[path.Ext(name)]; ok {
		kind = fixed
	}
	return &file{
		name: name, data: data, mime: kind,
		etag:     `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		hashed:   strings.HasPrefix(name, "assets/"),
		compress: sync.OnceValue(func() []byte { return gzipped(data) }),
	}
}

// kinds does not depend on the machine's own table of types.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
	".ico":  "image/x-icon",
	".map":  "application/json",
	".wasm": "application/wasm",
	".txt":  "text/plain; charset=utf-8",
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if f.hashed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	data, etag := f.data, f.etag
	if acceptsGzip(r) && strings.HasPrefix(f.mime, "text/") || f.mime == "image/svg+xml" && acceptsGzip(r) {
		if small := f.compress(); len(small) < len(data) {
			data, etag = small, strings.TrimSuffix(etag, `"`)+`-gz"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Etag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	_, _ = z.Write(data)                                  // a bytes.Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}
