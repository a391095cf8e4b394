package signal

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// maxClient is how long what is kept of a client's word about itself may be (control-plane.md 1.11); maxAgent how
// much of a User-Agent is looked at.
const (
	maxClient = 128
	maxAgent  = 512
)

// clientOf returns what a request says of the program that sent it. The provider of its network is not known here.
func clientOf(r *http.Request) live.Client { return parseAgent(r.UserAgent()) }

// socketClient is clientOf for a state socket, where a library in a browser may name itself by ?sdk=: it has no other way.
func socketClient(r *http.Request) live.Client {
	c := clientOf(r)
	if sdk := clean(r.URL.Query().Get("sdk")); sdk != "" {
		c.SDKVersion = sdk
	}
	return c
}

// browsers are told from each other by the first that is in a User-Agent: most claim to be others as well.
var browsers = []struct{ token, name string }{
	{"Edg/", "Edge"},
	{"EdgA/", "Edge"},
	{"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Firefox/", "Firefox"},
	{"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"},
	{"HeadlessChrome/", "Chrome"},
	{"Chrome/", "Chrome"},
	{"Version/", "Safari"},
}

// systems are told from each other by the first that fits.
var systems = []struct {
	name    string
	pattern *regexp.Regexp // its first group, if any, is the version
}{
	{"Windows", regexp.MustCompile(`Windows NT ([0-9.]+)`)},
	{"iOS", regexp.MustCompile(`(?:iPhone|iPad|iPod)[^)]* OS ([0-9_]+)`)},
	{"Android", regexp.MustCompile(`Android ([0-9.]+)`)},
	{"Android", regexp.MustCompile(`Android()`)},
	{"macOS", regexp.MustCompile(`Mac OS X ([0-9_.]+)`)},
	{"Chrome OS", regexp.MustCompile(`CrOS \S+ ([0-9.]+)`)},
	{"Linux", regexp.MustCompile(`Linux()`)},
	{"Windows", regexp.MustCompile(`Windows()`)},
}

// parseAgent reads a User-Agent. Of a program that is no browser, its first product stands as the SDK.
func parseAgent(agent string) live.Client {
	agent = agent[:min(len(agent), maxAgent)]
	var c live.Client
	for _, s := range systems {
		if m := s.pattern.FindStringSubmatch(agent); m != nil {
			c.OS, c.OSVersion = s.name, clean(strings.ReplaceAll(m[1], "_", "."))
			break
		}
	}
	if !strings.HasPrefix(agent, "Mozilla/") {
		product, _, _ := strings.Cut(agent, " ")
		c.SDKVersion = clean(strings.ReplaceAll(product, "/", " "))
		return c
	}
	for _, b := range browsers {
		_, rest, found := strings.Cut(agent, b.token)
		if found && (b.name != "Safari" || strings.Contains(agent, "Safari/")) {
			version, _, _ := strings.Cut(rest, " ")
			c.Browser, c.BrowserVersion = b.name, clean(version)
			break
		}
	}
	return c
}

// clean takes out what the contract does not allow in such texts, and cuts them.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-_.,:; ", r):
			return r
		}
		return -1
	}, text)
	return strings.TrimSpace(text[:min(len(text), maxClient)])
}
