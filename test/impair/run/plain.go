package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// plain takes from offers what recovers and adapts: NACK, retransmission, transport-wide feedback and estimates.
// Requests for key frames stay.
type plain struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p *plain) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Content-Type") != "application/sdp" || req.Body == nil {
		return p.next.RoundTrip(req)
	}
	offer, err := io.ReadAll(req.Body)
	_ = req.Body.Close()
	if err != nil {
		return nil, err
	}
	offer = []byte(withoutRecovery(string(offer)))
	again := req.Clone(req.Context())
	again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(offer)), int64(len(offer))
	return p.next.RoundTrip(again)
}

func withoutRecovery(sdp string) string {
	rtx := map[string]bool{}
	lines := strings.Split(strings.ReplaceAll(sdp, "\r\n", "\n"), "\n")
	for _, l := range lines {
		if format, ok := strings.CutPrefix(l, "a=rtpmap:"); ok && strings.Contains(strings.ToLower(l), " rtx/") {
			rtx[strings.Fields(format)[0]] = true
		}
	}
	var out []string
	for _, l := range lines {
		name, rest, _ := strings.Cut(l, ":")
		fields := strings.Fields(rest)
		switch {
		case strings.HasPrefix(l, "m="):
			kept := []string{}
			for i, f := range strings.Fields(l) {
				if i < 3 || !rtx[f] {
					kept = append(kept, f)
				}
			}
			l = strings.Join(kept, " ")
		case (name == "a=rtpmap" || name == "a=fmtp") && len(fields) > 0 && rtx[fields[0]]:
			continue
		case name == "a=rtcp-fb" && len(fields) == 2 && (fields[1] == "nack" || fields[1] == "transport-cc" || fields[1] == "goog-remb"):
			continue
		case name == "a=ssrc-group", name == "a=extmap" && strings.Contains(l, "transport-wide-cc"):
			continue
		}
		out = append(out, l)
	}
	return strings.Join(out, "\r\n")
}
