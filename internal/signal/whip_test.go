package signal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

func TestWhip_RefusesWithTheDocumentedErrors(t *testing.T) {
	h := open(t, houseOptions{})
	can := func(publish, subscribe bool) string {
		c := h.claims("ada")
		c.Capabilities = live.Capabilities{Publish: publish, Subscribe: subscribe}
		return h.mint(c)
	}
	expired := h.claims("ada")
	expired.IssuedAt, expired.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	tok := h.token("ada")
	for _, c := range []struct {
		name, method, path, tok, kind, body string
		status                              int
		code                                string
	}{
		{"no token", "POST", "/whip", "", typeSDP, "", 401, "TOKEN_MISSING"},
		{"no token for a resource", "DELETE", "/whip/sessions/x", "", "", "", 401, "TOKEN_MISSING"},
		{"malformed", "POST", "/whip", "x", typeSDP, "", 401, "TOKEN_MALFORMED"},
		{"expired", "POST", "/whip", h.mint(expired), typeSDP, "", 401, "TOKEN_EXPIRED"},
		{"wrong type", "POST", "/whip", tok, "application/json", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"no type", "POST", "/whip", tok, "", "v=0", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"too large", "POST", "/whip", tok, typeSDP, strings.Repeat("x", 256<<10+1), 413, "BODY_TOO_LARGE"},
		{"no SDP", "POST", "/whip", tok, typeSDP, "hello", 400, "INVALID_OFFER"},
		{"empty", "POST", "/whip", tok, typeSDP + "; charset=utf-8", "", 400, "INVALID_OFFER"},
		{"may not publish", "POST", "/whip", can(false, true), typeSDP, videoOffer("sendonly"), 403, "INSUFFICIENT_CAPABILITIES"},
		{"may not subscribe", "POST", "/whip/subscribe/bob", can(true, false), typeSDP, videoOffer("recvonly"), 403, "INSUFFICIENT_CAPABILITIES"},
		{"nobody publishes", "POST", "/whip/subscribe/bob", tok, typeSDP, videoOffer("recvonly"), 404, "PUBLISHER_NOT_FOUND"},
		{"get an endpoint", "GET", "/whip", tok, "", "", 405, "METHOD_NOT_ALLOWED"},
		{"put a resource", "PUT", "/whip/sessions/x", tok, "", "", 405, "METHOD_NOT_ALLOWED"},
		{"unknown resource", "GET", "/whip/sessions/x", tok, "", "", 404, "SESSION_NOT_FOUND"},
		{"delete unknown", "DELETE", "/whip/sessions/x", tok, "", "", 404, "SESSION_NOT_FOUND"},
		{"patch unknown", "PATCH", "/whip/sessions/x", tok, typeFrag, "", 404, "SESSION_NOT_FOUND"},
		{"nothing there", "POST", "/whip/nothing/here", tok, "", "", 404, "NOT_FOUND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := h.call(c.method, c.path, c.tok, c.kind, c.body)
			if got := code(t, resp, body); resp.StatusCode != c.status || got != c.code {
				t.Errorf("status %d, code %s, want %d %s", resp.StatusCode, got, c.status, c.code)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("no CORS header")
			}
			if (c.status == 401) != (resp.Header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("WWW-Authenticate %q", resp.Header.Get("WWW-Authenticate"))
			}
			if (c.status == 405) != (resp.Header.Get("Allow") != "") {
				t.Errorf("Allow %q", resp.Header.Get("Allow"))
			}
		})
	}
	h.remove(stageOne)
	resp, body := h.call("POST", "/whip", h.token("bob"), typeSDP, videoOffer("sendonly"))
	if got := code(t, resp, body); resp.StatusCode != http.StatusNotFound || got != "STAGE_NOT_FOUND" {
		t.Errorf("a deleted stage gives %d %s", resp.StatusCode, got)
	}
	until(t, "the end of the deleted stage's session", func() bool { return h.host.Stats().Sessions == 0 })
	_ = h.bus.Close()
	resp, body = h.call("POST", "/whip", h.token("bob"), typeSDP, videoOffer("sendonly"))
	if got := code(t, resp, body); resp.StatusCode != http.StatusServiceUnavailable || got != "NO_CAPACITY" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("no control plane gives %d %s, retry after %q", resp.StatusCode, got, resp.Header.Get("Retry-After"))
	}
}

func TestWhip_AnswersPreflights(t *testing.T) {
	h := open(t, houseOptions{})
	for path, methods := range map[string]string{
		"/whip": "POST, OPTIONS", "/whip/subscribe/ada": "POST, OPTIONS", "/whip/sessions/x": "GET, HEAD, PATCH, DELETE, OPTIONS",
	} {
		resp, _ := h.call(http.MethodOptions, path, "", "", "")
		head := resp.Header
		if resp.StatusCode != http.StatusNoContent || head.Get("Access-Control-Allow-Methods") != methods || head.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(head.Get("Access-Control-Allow-Headers"), "Authorization") ||
			!strings.Contains(head.Get("Access-Control-Expose-Headers"), "Location") {
			t.Errorf("OPTIONS %s: %d %v", path, resp.StatusCode, head)
		}
	}
	resp, _ := h.call(http.MethodOptions, "/whip", "", "", "")
	if resp.Header.Get("Accept-Post") != typeSDP {
		t.Errorf("Accept-Post %q", resp.Header.Get("Accept-Post"))
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		header string
		want   bool
	}{{`"a"`, true}, {`*`, true}, {`"b", "a"`, true}, {`"b"`, false}, {`a`, false}, {``, false}} {
		if matches([]string{c.header}, "a") != c.want {
			t.Errorf("If-Match %s", c.header)
		}
	}
}

// videoOffer is an offer of one H.264 section, as a client that never starts ICE may send it.
func videoOffer(direction string) string {
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n" +
		"a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" +
		"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
		"a=setup:actpass\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=" + direction + "\r\na=rtcp-mux\r\n" +
		"a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
}
