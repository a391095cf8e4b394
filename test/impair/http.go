package impair

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// maxAnswer bounds the answers that are rewritten, in bytes.
const maxAnswer = 1 << 20

// RoundTripper returns a transport that has the answers of WHIP and WHEP tell this relay's address and no other.
// next makes the requests; nil is http.DefaultTransport.
func (r *Relay) RoundTripper(next http.RoundTripper) http.RoundTripper {
	return Redirect(r.Addr(), next)
}

// Redirect returns a transport that has the answers of WHIP and WHEP tell an address and no other: a relay's, or
// the server's own where the server tells a relay's.
func Redirect(to netip.AddrPort, next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &redirected{to: to, next: next}
}

type redirected struct {
	to   netip.AddrPort
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *redirected) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch strings.TrimSpace(strings.Split(res.Header.Get("Content-Type"), ";")[0]) {
	case "application/sdp", "application/trickle-ice-sdpfrag":
	default:
		return res, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	_ = res.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	body = RewriteCandidates(body, t.to)
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.ContentLength = int64(len(body))
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return res, nil
}

// CloseIdleConnections does so with the connections of the transport beneath.
func (t *redirected) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RewriteCandidates returns a description in which the first UDP candidate of each section names an address, and
// the others are gone.
func RewriteCandidates(sdp []byte, to netip.AddrPort) []byte {
	var out []string
	have := false
	for _, line := range strings.Split(string(sdp), "\n") {
		if strings.HasPrefix(line, "m=") {
			have = false
		}
		if !strings.HasPrefix(line, "a=candidate:") {
			out = append(out, line)
			continue
		}
		// RFC 8839 section 5.1: foundation component transport priority address port typ type …
		fields := strings.Fields(line)
		if have || len(fields) < 8 || !strings.EqualFold(fields[2], "udp") {
			continue
		}
		have = true
		fields[4], fields[5] = to.Addr().String(), strconv.Itoa(int(to.Port()))
		out = append(out, strings.Join(fields[:8], " ")+"\r")
	}
	return []byte(strings.Join(out, "\n"))
}
