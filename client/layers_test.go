package client_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// layerMark begins a packet that says which layer it is of: an SEI of user data (H.264 annex D.1.7), which decoders
// pass over.
var layerMark = append([]byte{0x06, 5, 17}, bytes.Repeat([]byte{0xa5}, 16)...)

// camera publishes the loop in several layers, each with clocks and numbers of its own.
type camera struct {
	pub    *client.Publication
	layers []*cameraLayer
}

type cameraLayer struct {
	rid    string
	track  *webrtc.TrackLocalStaticRTP
	broken atomic.Bool // sends nothing although it is wanted
	wishes atomic.Int32
}

// film publishes until the test ends. wanted hears what the server wants.
func film(t *testing.T, p *client.Participant, wanted chan<- map[string]bool, rids ...string) *camera {
	t.Helper()
	c := &camera{}
	var tracks []webrtc.TrackLocal
	for _, rid := range rids {
		track, err := client.NewH264Layer("video", rid)
		if err != nil {
			t.Fatal(err)
		}
		c.layers = append(c.layers, &cameraLayer{rid: rid, track: track})
		tracks = append(tracks, track)
	}
	audio, err := client.NewOpusTrack("audio")
	if err != nil {
		t.Fatal(err)
	}
	tracks = append(tracks, audio)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pub, err := p.Publish(ctx, client.PublishOptions{
		OnLayerKeyFrame: func(rid string) { c.layer(rid).wishes.Add(1) },
		OnLayersWanted:  func(w map[string]bool) { wanted <- w },
	}, tracks...)
	if err != nil {
		t.Fatal(err)
	}
	c.pub = pub
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	filming, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	for i, layer := range c.layers {
		done.Go(func() { layer.film(filming, pub, l, uint32(i)) })
	}
	done.Go(func() { speak(filming, audio, l) })
	t.Cleanup(func() { stop(); done.Wait() })
	return c
}

// speak writes the loop's sound in real time.
func speak(ctx context.Context, audio *webrtc.TrackLocalStaticRTP, from *loop.Loop) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for seq := uint16(0); ; seq++ {
		_ = audio.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960},
			Payload: from.Sound[int(seq)%len(from.Sound)],
		})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *camera) layer(rid string) *cameraLayer {
	for _, l := range c.layers {
		if l.rid == rid {
			return l
		}
	}
	return nil
}

// film writes a layer in real time. A wish for a key frame begins the loop anew, which it begins with.
func (l *cameraLayer) film(ctx context.Context, pub *client.Publication, from *loop.Loop, n uint32) {
	tick := time.NewTicker(time.Second / loop.FrameRate)
	defer tick.Stop()
	seq, ts, at := uint16(n*20000), n*1<<30, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ts += 3000
		if l.broken.Load() || !pub.Wanted(l.rid) {
			at = 0
			continue
		}
		if l.wishes.Swap(0) > 0 {
			at = 0
		}
		f := from.Frames[at%len(from.Frames)]
		at++
		payloads := append([][]byte{append(append(bytes.Clone(layerMark), l.rid...), 0x80)}, f.Payloads...)
		for left := filler[l.rid]; left > 0; left -= 1000 { // filler data (H.264 section 7.4.2.7)
			payloads = append(payloads, append([]byte{0x0c}, bytes.Repeat([]byte{0xff}, min(left, 1000))...))
		}
		for i, payload := range payloads {
			_ = l.track.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, Marker: i == len(payloads)-1},
				Payload: payload,
			})
			seq++
		}
	}
}

// seenLayers subscribes, and returns a channel that gets the rid of each frame's layer. The viewer's time must go on
// whatever it is shown.
func seenLayers(t *testing.T, p *client.Participant, publisher string) <-chan string {
	t.Helper()
	rids := make(chan string, 1024)
	var top uint16
	var time32 uint32
	began := false
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := p.Subscribe(ctx, publisher, client.SubscribeOptions{OnPacket: func(tr client.Track, k *rtp.Packet) {
		if tr.Kind != "video" {
			return
		}
		if began && int16(k.SequenceNumber-top) > 0 && int32(k.Timestamp-time32) < 0 {
			t.Errorf("time went back from %d to %d", time32, k.Timestamp)
		}
		if !began || int16(k.SequenceNumber-top) > 0 {
			began, top, time32 = true, k.SequenceNumber, k.Timestamp
		}
		if rest, marked := bytes.CutPrefix(k.Payload, layerMark); marked && len(rest) > 0 {
			select {
			case rids <- string(rest[:1]):
			default:
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return rids
}

// shown waits until frames of the layer come.
func shown(t *testing.T, rids <-chan string, want string) {
	t.Helper()
	deadline := time.After(patience)
	last := "none"
	for {
		select {
		case last = <-rids:
			if last == want {
				return
			}
		case <-deadline:
			t.Fatalf("layer %s is not shown, but %s", want, last)
		}
	}
}

func toldOf(t *testing.T, wanted <-chan map[string]bool, fits func(map[string]bool) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case w := <-wanted:
			if fits(w) {
				return
			}
		case <-deadline:
			t.Fatal("the publisher was not told what is wanted")
		}
	}
}

func TestJourney_AViewerSeesTheBestLayerThatThereIs(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada", "PUBLISH"), client.Options{})
	var o client.Options
	changes := told(&o)
	bob := join(t, n.Token(stage, "bob", "SUBSCRIBE"), o)

	wanted := make(chan map[string]bool, 64)
	cam := film(t, ada, wanted, "l", "m", "h")
	info := next(t, changes, client.Updated, func(i client.Info) bool {
		return len(i.Layers) == 3 && i.Layers[0].Active && i.Layers[1].Active && i.Layers[2].Active
	})
	if l := info.Layers[0]; l.RID != "l" || l.Width == 0 || l.Height == 0 {
		t.Errorf("layers are told as %+v", info.Layers)
	}
	rids := seenLayers(t, bob, ada.ID())
	shown(t, rids, "h")
	// Nobody wants the others: they stop, and count as there all the same.
	toldOf(t, wanted, func(w map[string]bool) bool { return w["h"] && !w["m"] && !w["l"] })
	// The best one fails: the next lower one is woken.
	cam.layer("h").broken.Store(true)
	toldOf(t, wanted, func(w map[string]bool) bool { return w["m"] })
	shown(t, rids, "m")
	next(t, changes, client.Updated, func(i client.Info) bool { return len(i.Layers) == 3 && !i.Layers[2].Active })
	// It comes back.
	cam.layer("h").broken.Store(false)
	shown(t, rids, "h")
}

func TestJourney_APublisherWithoutASocketSendsAllLayers(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada, err := client.Attach(n.Token(stage, "ada", "PUBLISH"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ada.Leave(context.Background()) })
	bob := join(t, n.Token(stage, "bob", "SUBSCRIBE"), client.Options{})
	cam := film(t, ada, make(chan map[string]bool, 64), "l", "h")
	rids := seenLayers(t, bob, ada.ID())
	shown(t, rids, "h")
	for metrics, deadline := "", time.Now().Add(patience); !strings.Contains(metrics, `publish_resolution_pixels{layer="low",stat="maximum"}`) ||
		!strings.Contains(metrics, `layer_publish_bitrate_bits_per_second{layer="hi",stat="average"}`); <-time.After(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the metrics tell of no layers: %s", metrics)
		}
		answer, err := http.Get(n.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		metrics = string(text)
	}
	cam.layer("h").broken.Store(true)
	shown(t, rids, "l")
	for _, l := range cam.layers {
		if !cam.pub.Wanted(l.rid) {
			t.Errorf("layer %s is not wanted", l.rid)
		}
	}
}

func TestJourney_AViewerStaysWhenItsPublisherPublishesAnew(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada", "PUBLISH"), client.Options{})
	bob := join(t, n.Token(stage, "bob", "SUBSCRIBE"), client.Options{})
	film(t, ada, make(chan map[string]bool, 64), "l", "h")
	rids := seenLayers(t, bob, ada.ID())
	shown(t, rids, "h")
	film(t, ada, make(chan map[string]bool, 64), "x", "y", "z")
	shown(t, rids, "z")
}
