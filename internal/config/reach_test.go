package config

import (
	"strings"
	"testing"
)

func TestTURNURL_TakesWhatRFC7065Says(t *testing.T) {
	for _, good := range []string{
		"turn:relay.example.org", "turn:192.0.2.7:3478?transport=udp", "turn:[2001:db8::7]:3478?transport=tcp",
		"turns:relay.example.org:443?transport=tcp", "turns:relay.example.org",
	} {
		if err := turnURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "turn:", "turn://relay.example.org", "stun:relay.example.org", "turn:relay.example.org:0", "turn:relay.example.org:99999",
		"turn:relay.example.org?transport=sctp", "turns:relay.example.org?transport=udp", "turn:relay.example.org\r\nX: y", "turn:a b",
		`turn:relay.example.org>; rel="x"`,
	} {
		if err := turnURL(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestLoad_TURNNeedsWhatItNeeds(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--turn-listen-tls", "0.0.0.0:5349"}, "turn.listen_tls: it needs tls_cert or tls_domain"},
		{[]string{"--turn-listen", "0.0.0.0:3478", "--roles", "api"}, "turn.listen: it needs the role media"},
		{[]string{"--turn-listen", "127.0.0.1:7400"}, "http and turn.listen: both want 127.0.0.1:7400"},
		{[]string{"--media", "127.0.0.1:9,127.0.0.1:9"}, "stands in it twice"},
		{[]string{"--media", ""}, "media: it must name at least one address"},
	} {
		if _, err := load(tc.args, nil, ""); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.args, err, tc.want)
		}
	}
}
