package client_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
	"github.com/proscenium-live/proscenium/test/impair"
)

// adaptPatience is for what takes a slow machine several tries: a probe of a line that is also busy with the test.
const adaptPatience = 90 * time.Second

// throughRelay has media go over a bad line: it opens a relay to the address that the first answer names.
type throughRelay struct {
	t     *testing.T
	mu    sync.Mutex
	relay *impair.Relay
	down  impair.Conditions
}

var udpCandidate = regexp.MustCompile(`a=candidate:\S+ 1 udp \d+ (\S+) (\d+) `)

func (r *throughRelay) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/sdp") {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	body = impair.RewriteCandidates(body, r.open(body))
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}

func (r *throughRelay) open(answer []byte) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.relay != nil {
		return r.relay.Addr()
	}
	found := udpCandidate.FindSubmatch(answer)
	if found == nil {
		r.t.Errorf("no candidate in\n%s", answer)
		return netip.AddrPort{}
	}
	server := netip.MustParseAddrPort(string(found[1]) + ":" + string(found[2]))
	relay, err := impair.Open(impair.Options{Server: server, Seed: 1, Down: r.down})
	if err != nil {
		r.t.Error(err)
		return netip.AddrPort{}
	}
	r.relay = relay
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = relay.Run(ctx)
	}()
	r.t.Cleanup(func() { cancel(); <-done })
	return relay.Addr()
}

// set changes what the line does to what the server sends.
func (r *throughRelay) set(c impair.Conditions) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.relay.Set(impair.Conditions{}, c); err != nil {
		r.t.Fatal(err)
	}
}

// watched is what a viewer gets.
type watched struct {
	rids   chan string
	sound  atomic.Uint64
	states chan client.SubscriptionState
}

func watchThrough(t *testing.T, line http.RoundTripper, token, publisher string) (*watched, *client.Participant) {
	t.Helper()
	w := &watched{rids: make(chan string, 1024), states: make(chan client.SubscriptionState, 256)}
	p := join(t, token, client.Options{
		HTTP:           &http.Client{Transport: line},
		OnSubscription: func(s client.SubscriptionState) { w.states <- s },
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := p.Subscribe(ctx, publisher, client.SubscribeOptions{OnPacket: func(tr client.Track, k *rtp.Packet) {
		if tr.Kind == "audio" {
			w.sound.Add(1)
			return
		}
		rid := "?"
		if rest, marked := bytes.CutPrefix(k.Payload, layerMark); marked && len(rest) > 0 {
			rid = string(rest[:1])
		}
		select {
		case w.rids <- rid:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w, p
}

// sees waits for frames of one of the layers.
func (w *watched) sees(t *testing.T, what string, want ...string) {
	t.Helper()
	for len(w.rids) > 0 {
		<-w.rids
	}
	deadline := time.After(adaptPatience)
	last := "nothing"
	for {
		select {
		case last = <-w.rids:
			if slices.Contains(want, last) {
				return
			}
		case <-deadline:
			t.Fatalf("%s: layer %q is not seen within %v, but %s", what, want, adaptPatience, last)
		}
	}
}

// hears waits for more sound.
func (w *watched) hears(t *testing.T, what string) {
	t.Helper()
	goal := w.sound.Load() + 100
	deadline := time.After(adaptPatience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for w.sound.Load() < goal {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: no sound", what)
		}
	}
}

// state waits to be told of a state.
func (w *watched) state(t *testing.T, what string, fits func(client.SubscriptionState) bool) {
	t.Helper()
	deadline := time.After(adaptPatience)
	var last client.SubscriptionState
	for {
		select {
		case last = <-w.states:
			if fits(last) {
				return
			}
		case <-deadline:
			t.Fatalf("%s: not told within %v; the last word is %+v", what, adaptPatience, last)
		}
	}
}

// filler is how many bytes are added to each frame of a layer: 100 kbit/s, 600 kbit/s and 1.8 Mbit/s more.
var filler = map[string]int{"l": 400, "m": 2500, "h": 7500}

func TestJourney_AViewerGetsTheLayerThatItsLineBears(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada", "PUBLISH"), client.Options{})
	film(t, ada, make(chan map[string]bool, 1024), "l", "m", "h")
	line := &throughRelay{t: t, down: impair.Conditions{Delay: 20 * time.Millisecond, Rate: 20_000_000}}
	bob, _ := watchThrough(t, line, n.Token(stage, "bob", "SUBSCRIBE"), ada.ID())
	cyd, _ := watchThrough(t, http.DefaultTransport, n.Token(stage, "cyd", "SUBSCRIBE"), ada.ID())
	bob.sees(t, "a good line", "h")
	cyd.sees(t, "a good line", "h")
	bob.hears(t, "a good line")

	line.set(impair.Conditions{Delay: 20 * time.Millisecond, Rate: 900_000})
	// Which one fits depends on how fast this machine films.
	bob.state(t, "a slow line", func(s client.SubscriptionState) bool {
		return s.Reason == "bandwidth" && (s.Layer == "l" || s.Layer == "m")
	})
	bob.sees(t, "a slow line", "l", "m")
	bob.hears(t, "a slow line")
	cyd.sees(t, "beside a slow line", "h")

	line.set(impair.Conditions{Delay: 20 * time.Millisecond, Rate: 20_000_000})
	bob.state(t, "the line is back", func(s client.SubscriptionState) bool { return s.Reason == "" && s.Layer == "h" })
	bob.sees(t, "the line is back", "h")
	bob.hears(t, "the line is back")
}

func TestJourney_AViewerGetsWhatItWants(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada", "PUBLISH"), client.Options{})
	film(t, ada, make(chan map[string]bool, 1024), "l", "m", "h")
	bob, p := watchThrough(t, http.DefaultTransport, n.Token(stage, "bob", "SUBSCRIBE"), ada.ID())
	cyd, _ := watchThrough(t, http.DefaultTransport, n.Token(stage, "cyd", "SUBSCRIBE"), ada.ID())
	bob.sees(t, "no wish", "h")
	want := func(w client.Wish) {
		t.Helper()
		if err := p.Want(t.Context(), ada.ID(), w); err != nil {
			t.Fatal(err)
		}
	}
	want(client.Wish{Layer: "m"})
	bob.sees(t, "a wish for a layer", "m")
	cyd.sees(t, "another's wish", "h")
	want(client.Wish{NoVideo: true})
	bob.state(t, "no picture", func(s client.SubscriptionState) bool { return s.Paused && s.Reason == "preference" })
	bob.hears(t, "no picture")
	want(client.Wish{})
	bob.sees(t, "the picture again", "h")
	want(client.Wish{NoAudio: true})
	bob.sees(t, "no sound", "h")
}

func TestJourney_APictureThatTheLineDoesNotBearIsPaused(t *testing.T) {
	n := nodetest.Start(t, func(c *config.Config) { c.Limits.Download = 150_000 })
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada", "PUBLISH"), client.Options{})
	show(t, ada)
	line := &throughRelay{t: t}
	bob, _ := watchThrough(t, line, n.Token(stage, "bob", "SUBSCRIBE"), ada.ID())
	bob.state(t, "a limit", func(s client.SubscriptionState) bool { return s.Paused && s.Reason == "bandwidth" })
	bob.hears(t, "a limit")
}
