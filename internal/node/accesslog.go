package node

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/api"
)

// accessLog writes a line for each request, when it is over: for a state socket that is when it is closed.
//
// What a client chose freely is not in it: of the path only which of the known ones it is, and no query and no
// header, so that neither tokens nor signatures nor foreign text get into the log (rows 13, 41).
type accessLog struct {
	next    http.Handler
	clients clients
	log     *slog.Logger
}

func (l *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	seen := &seen{ResponseWriter: w}
	method, path := known(methods, r.Method), pathOf(r.URL.Path)
	defer func() {
		level := slog.LevelInfo
		if path == "/healthz" || path == "/readyz" || path == "/metrics" {
			level = slog.LevelDebug // asked every few seconds, by machines
		}
		l.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request",
			slog.String("client", l.clients.of(r).String()), slog.String("protocol", r.Proto),
			slog.String("method", method), slog.String("path", path), slog.String("operation", seen.operation),
			slog.Int("status", seen.status), slog.Int64("bytes", seen.bytes), slog.Duration("duration", time.Since(began)),
			slog.String("request_id", seen.requestID), slog.String("access_key_id", seen.keyID))
	}()
	l.next.ServeHTTP(seen, r)
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

func known(words []string, word string) string {
	for _, w := range words {
		if w == word {
			return w
		}
	}
	return "other"
}

// pathOf names the part of the server that a path belongs to.
func pathOf(path string) string {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/whip", "/":
		return path
	}
	for _, prefix := range []string{"/console/", "/events/", "/whip/subscribe/", "/whip/sessions/", "/tags/", admin.Path, "/debug/pprof/"} {
		if strings.HasPrefix(path, prefix) {
			return prefix
		}
	}
	return "" // the operation says it, if there is one
}

// seen remembers what was answered.
type seen struct {
	http.ResponseWriter
	status                      int
	bytes                       int64
	requestID, keyID, operation string
}

var _ api.Noter = (*seen)(nil)

// NoteCall is told by the API what a call was.
func (s *seen) NoteCall(requestID, accessKeyID, operation string) {
	s.requestID, s.keyID, s.operation = requestID, accessKeyID, operation
}

// WriteHeader notes the status.
func (s *seen) WriteHeader(status int) {
	if s.status < http.StatusOK { // those below are said before the answer
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (s *seen) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	n, err := s.ResponseWriter.Write(p)
	s.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController, and so state sockets, reach the connection.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
