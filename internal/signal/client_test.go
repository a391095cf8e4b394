package signal

import (
	"regexp"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
)

func TestClient_IsReadFromTheUserAgent(t *testing.T) {
	for agent, want := range map[string]live.Client{
		"": {},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36":                          {OS: "Linux", Browser: "Chrome", BrowserVersion: "156.0.0.0"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.1.2":          {OS: "Windows", OSVersion: "10.0", Browser: "Edge", BrowserVersion: "140.0.1.2"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15":                  {OS: "macOS", OSVersion: "10.15.7", Browser: "Safari", BrowserVersion: "17.4"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120.0 Mobile/15E148 Safari/604.1": {OS: "iOS", OSVersion: "17.4", Browser: "Chrome", BrowserVersion: "120.0"},
		"Mozilla/5.0 (Android 14; Mobile; rv:109.0) Gecko/124.0 Firefox/124.0":                                                                   {OS: "Android", OSVersion: "14", Browser: "Firefox", BrowserVersion: "124.0"},
		"Mozilla/5.0 (compatible; OBS-Studio/30.1.2; Windows x86_64; en-US)":                                                                     {OS: "Windows"},
		"GStreamer/1.22 (whip)": {SDKVersion: "GStreamer 1.22"},
		// Row 42: what a user agent says reaches the console.
		"<script>alert(1)</script>/1 Linux": {OS: "Linux", SDKVersion: "scriptalert1 script 1"},
	} {
		if got := parseAgent(agent); got != want {
			t.Errorf("%q is %+v, want %+v", agent, got, want)
		}
	}
}

func FuzzParseAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/1")
	f.Add("Android \x00é</")
	allowed := regexp.MustCompile(`^[a-zA-Z0-9-_.,:;\s]*$`)
	f.Fuzz(func(t *testing.T, agent string) {
		c := parseAgent(agent)
		for _, text := range []string{c.ISP, c.OS, c.OSVersion, c.Browser, c.BrowserVersion, c.SDKVersion} {
			if len(text) > maxClient || !allowed.MatchString(text) {
				t.Errorf("%q gives %q", agent, text)
			}
		}
	})
}
