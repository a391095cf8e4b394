package signal

import (
	"net/http"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// ICEServer is a relay as clients are told of it: what an RTCIceServer of theirs needs (docs/signalling.md 1.4).
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
	TTLSeconds int      `json:"ttlSeconds"`
}

// link tells of relays in headers, one for each URL (RFC 9725 section 4.6).
func (h *Handler) link(w http.ResponseWriter, c live.Claims) {
	for _, s := range h.o.ICEServers(c.Topic, c.Participant) {
		for _, url := range s.URLs {
			w.Header().Add("Link", "<"+url+`>; rel="ice-server"; username=`+quoted(s.Username)+
				"; credential="+quoted(s.Credential)+`; credential-type="password"`)
		}
	}
}

// quoted writes a quoted-string (RFC 9110 section 5.6.4).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// advise tells of relays in the answer to OPTIONS, for clients that want to know them before they make an offer. A
// preflight has no token and is told nothing.
func (h *Handler) advise(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodOptions {
		return
	}
	if claims, err := h.claims(r, h.host.Verify); err == nil {
		h.link(w, claims)
	}
}
