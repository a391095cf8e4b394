package impair

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// echo sends back what it gets, and tells from where.
func echo(t *testing.T) (at netip.AddrPort, from <-chan netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan netip.AddrPort, 1000)
	var running sync.WaitGroup
	running.Go(func() {
		b := make([]byte, 2000)
		for {
			n, a, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			seen <- a
			_, _ = c.WriteToUDPAddrPort(b[:n], a)
		}
	})
	t.Cleanup(func() { _ = c.Close(); running.Wait() })
	return c.LocalAddr().(*net.UDPAddr).AddrPort(), seen
}

func open(t *testing.T, o Options) *Relay {
	t.Helper()
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

func dial(t *testing.T, r *Relay) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// round sends a word and waits for its echo.
func round(t *testing.T, c *net.UDPConn, word string) {
	t.Helper()
	if _, err := c.Write([]byte(word)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != word {
		t.Fatalf("got %q, %v", b[:n], err)
	}
}

func TestRelay_GivesEachClientAnAddressAndBringsAnswersBack(t *testing.T) {
	server, from := echo(t)
	r := open(t, Options{Server: server})
	one, two := dial(t, r), dial(t, r)
	round(t, one, "one")
	first := <-from
	round(t, two, "two")
	second := <-from
	round(t, one, "again")
	if third := <-from; first == second || first != third {
		t.Fatalf("the server saw %v, %v and %v", first, second, third)
	}
}

func TestRelay_DelaysBothWays(t *testing.T) {
	server, from := echo(t)
	c := Conditions{Delay: 60 * time.Millisecond}
	r := open(t, Options{Server: server, Up: c, Down: c})
	start := time.Now()
	round(t, dial(t, r), "slow")
	if took := time.Since(start); took < 120*time.Millisecond {
		t.Fatalf("a round trip of %v", took)
	}
	<-from
}

func TestRelay_RebindsWithoutTheClientsKnowledge(t *testing.T) {
	server, from := echo(t)
	r := open(t, Options{Server: server})
	c := dial(t, r)
	round(t, c, "before")
	before := <-from
	if n, err := r.Rebind(); n != 1 || err != nil {
		t.Fatalf("%d clients moved, %v", n, err)
	}
	round(t, c, "after")
	if after := <-from; after == before {
		t.Fatal("the address is the same")
	}
}

func TestRelay_PlaysItsScript(t *testing.T) {
	server, from := echo(t)
	r := open(t, Options{Server: server, Down: Conditions{Loss: 1}, Script: []Step{{}}})
	c := dial(t, r)
	if _, err := c.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	<-from
	waitFor(t, "the echo is lost", func() bool { _, down := r.Counts(); return down.Lost == 1 })
	r.Play()
	round(t, c, "heals")
	if err := r.Set(Conditions{Loss: 1}, Conditions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the way up is dead", func() bool { up, _ := r.Counts(); return up.Lost == 1 })
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func TestOpen_RefusesNonsense(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:9")
	for name, o := range map[string]Options{
		"no server":   {},
		"loss of 2":   {Server: at, Up: Conditions{Loss: 2}},
		"minus delay": {Server: at, Down: Conditions{Delay: -1}},
		"step":        {Server: at, Script: []Step{{Down: Conditions{Rate: -1}}}},
		"disorder":    {Server: at, Script: []Step{{At: 2}, {At: 1}}},
		"address":     {Server: at, Listen: "nowhere"},
	} {
		if r, err := Open(o); err == nil {
			r.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRedirect_TellsOnlyTheRelay(t *testing.T) {
	const answer = "v=0\r\nm=video 9 x\r\na=candidate:1 1 udp 2130706431 10.0.0.1 7000 typ host\r\n" +
		"a=candidate:2 1 tcp 1 10.0.0.1 7000 typ host tcptype passive\r\na=candidate:3 1 UDP 1 ::1 7000 typ host\r\n" +
		"m=audio 9 x\r\na=mid:1\r\na=candidate:1 1 UDP 5 10.0.0.1 7000 typ host generation 0\r\n"
	const want = "v=0\r\nm=video 9 x\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9999 typ host\r\n" +
		"m=audio 9 x\r\na=mid:1\r\na=candidate:1 1 UDP 5 127.0.0.1 9999 typ host\r\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sdp" {
			w.Header().Set("Content-Type", "application/sdp")
		} else {
			w.Header().Set("Content-Type", "text/plain")
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	h := http.Client{Transport: Redirect(netip.MustParseAddrPort("127.0.0.1:9999"), nil)}
	defer h.CloseIdleConnections()
	for path, want := range map[string]string{"/sdp": want, "/other": answer} {
		res, err := h.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(got) != want {
			t.Errorf("%s: got\n%s", path, strings.ReplaceAll(string(got), "\r", ""))
		}
	}
}
