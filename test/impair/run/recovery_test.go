package main

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
	"github.com/proscenium-live/proscenium/test/impair"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Three seconds of frames in a row, each packet of which came in the end, at either end of the way.
func TestRecovery_EveryFrameComesOverALineThatLosesATwentieth(t *testing.T) {
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := nodetest.Start(t)
	transport := &told{next: &http.Transport{}}
	defer transport.next.CloseIdleConnections()
	s := &server{url: n.URL, media: transport.learn(t, n, l)}
	for name, publisher := range map[string]bool{"the viewer's": false, "the publisher's": true} {
		t.Run(name, func(t *testing.T) {
			line, err := openLine(t.Context(), s, &scenario{Loss: 0.05, RoundTrip: 20 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer line.close()
			mine, theirs := s.media, line.relay.Addr()
			if publisher {
				mine, theirs = theirs, mine
			}
			p, err := publish(t.Context(), line.publishToken, []*loop.Loop{l}, impair.Redirect(mine, transport), true)
			if err != nil {
				t.Fatal(err)
			}
			defer p.stop(t.Context())
			v, err := watch(t.Context(), line.watchToken, p.who.ID(), impair.Redirect(theirs, transport), true)
			if err != nil {
				t.Fatal(err)
			}
			defer v.stop(t.Context())
			deadline := time.Now().Add(time.Minute)
			for tick := time.NewTicker(20 * time.Millisecond); ; {
				<-tick.C
				up, down := line.relay.Counts()
				v.mu.Lock()
				shown := len(v.picture.shown)
				v.mu.Unlock()
				if shown > 90 && up.Lost > 0 && down.Lost > 0 {
					tick.Stop()
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d frames shown; lost %d up and %d down", shown, up.Lost, down.Lost)
				}
			}
		})
	}
}

// told remembers the address that answers tell.
type told struct {
	next *http.Transport
	at   netip.AddrPort
}

// RoundTrip implements http.RoundTripper.
func (c *told) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusCreated {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	for _, line := range strings.Split(string(body), "\n") {
		if fields := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(fields) > 5 {
			c.at, err = netip.ParseAddrPort(fields[4] + ":" + fields[5])
			return res, err
		}
	}
	return res, nil
}

// learn publishes for a moment and returns the node's media address.
func (c *told) learn(t *testing.T, n *nodetest.Node, l *loop.Loop) netip.AddrPort {
	t.Helper()
	p, err := publish(t.Context(), n.Token(n.CreateStage(), "scout", "PUBLISH"), []*loop.Loop{l}, c, true)
	if err != nil {
		t.Fatal(err)
	}
	p.stop(t.Context())
	return c.at
}
