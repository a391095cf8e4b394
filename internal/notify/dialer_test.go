package notify

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Row 39: whatever spelling or name leads there, targets reach the internet only, and metadata never.
func TestGuard_Row39_RefusesAddressesByWhatTheyAre(t *testing.T) {
	allowed := guard{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	for text, want := range map[string]struct{ strict, allowed bool }{
		"1.1.1.1": {true, true}, "2606:4700::1111": {true, true},
		"127.0.0.1": {false, true}, "127.8.9.10": {false, true}, "::1": {false, true}, "0.0.0.0": {false, true}, "::": {false, true},
		"10.1.2.3": {false, true}, "172.16.0.1": {false, true}, "192.168.1.1": {false, true}, "100.64.0.1": {false, true},
		"169.254.1.1": {false, true}, "fe80::1%eth0": {false, true}, "fc00::1": {false, true}, "224.0.0.1": {false, true}, "255.255.255.255": {false, true},
		"::ffff:127.0.0.1": {false, true}, "64:ff9b::7f00:1": {false, true}, "2002:7f00:1::": {false, true}, "::7f00:1": {false, true},
		"169.254.169.254": {}, "::ffff:169.254.169.254": {}, "64:ff9b::a9fe:a9fe": {}, "2002:a9fe:a9fe::": {}, "fd00:ec2::254": {}, "100.100.100.200": {},
		"168.63.129.16": {}, "192.0.2.1": {false, true}, "2001:db8::1": {false, true}, "198.18.0.1": {false, true},
	} {
		addr := netip.MustParseAddr(text)
		if err := (guard{}).may(addr); (err == nil) != want.strict {
			t.Errorf("%s: %v", text, err)
		}
		if err := allowed.may(addr); (err == nil) != want.allowed {
			t.Errorf("%s with everything allowed: %v", text, err)
		}
	}
}

// Row 39: a name is judged by what it leads to when it is connected to.
func TestGuard_Row39_LooksAtTheAddressThatIsConnectedTo(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer receiver.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(receiver.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+":"+port+"/", nil)
		if err != nil {
			continue // not even an address
		}
		client := guard{}.client()
		answer, err := client.Do(r)
		if err == nil {
			answer.Body.Close()
			t.Errorf("%s is connected to", host)
		}
		client.CloseIdleConnections()
	}
}

func TestCheck_Row39_RefusesOddURLsAtOnce(t *testing.T) {
	s := &Service{o: Options{}.withDefaults()}
	for _, url := range []string{
		"", "file:///etc/passwd", "gopher://example.org/", "http://", "http://user:pass@example.org/", "http://127.0.0.1/", "http://[::1]/",
		"http://169.254.169.254/latest/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://example.org./#x", "nats://example.org",
		"http://[fd00:ec2::254]/", "http://example.org/" + strings.Repeat("a", 3000),
	} {
		if err := s.check(&Settings{Name: "a", Kind: Webhook, URL: url}); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
	if err := s.check(&Settings{Name: "a", Kind: Webhook, URL: "https://example.org:8443/hook?x=1"}); err != nil {
		t.Error(err)
	}
}

// Row 39: a redirect is an answer, not an errand.
func TestWebhook_Row39_FollowsNoRedirect(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
	defer inside.Close()
	receiver := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer receiver.Close()
	w := &webhook{it: Settings{URL: receiver.URL}, client: guard{prefixes("127.0.0.0/8")}.client(), now: Options{}.withDefaults().Now}
	defer w.close()
	if err := w.send(context.Background(), message{id: "x", body: "{}"}); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("got %v", err)
	}
}
