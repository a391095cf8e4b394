package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// signaling.md section 1: clients that speak so work unchanged.
func TestAiortc_PublishesAndWatches(t *testing.T) {
	require(t, "needs python3-aiortc and python3-websockets", python, "-c", "import aiortc, websockets")
	n := nodetest.Start(t)
	stage := n.CreateStage()
	token := n.Token(stage, "publisher", "PUBLISH")
	claims, err := client.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	publisher := start(t, "aiortc_peer.py", token, "publish")
	publisher.says("state 1") // itself
	publisher.says("pong")
	publisher.says("connected")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ours, err := client.Join(ctx, n.Token(stage, "ours", "SUBSCRIBE"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Leave(context.Background()) }()
	kinds := make(chan string, 64)
	_, err = ours.Subscribe(ctx, claims.Participant, client.SubscribeOptions{OnPacket: func(t client.Track, _ *rtp.Packet) {
		select {
		case kinds <- t.Kind:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for missing := map[string]bool{"audio": true, "video": true}; len(missing) > 0; {
		select {
		case k := <-kinds:
			delete(missing, k)
		case <-ctx.Done():
			t.Fatalf("no packets of %v", missing)
		}
	}

	watcher := start(t, "aiortc_peer.py", n.Token(stage, "watcher", "SUBSCRIBE"), "watch", claims.Participant)
	watcher.says("state 2")
	watcher.says("pong")
	seen := map[string]bool{}
	for deadline := time.After(patience); len(seen) < 3; {
		select {
		case line, ok := <-watcher.lines:
			if !ok {
				t.Fatalf("watcher ended: %s", watcher.tail)
			}
			seen[line] = true
		case <-deadline:
			t.Fatalf("watcher said %v only: %s", seen, watcher.tail)
		}
	}
	for _, want := range []string{"connected", "audio", "video 640x480"} { // what aiortc sends and decodes
		if !seen[want] {
			t.Errorf("watcher did not say %q: %v", want, seen)
		}
	}
	watcher.tell()
	watcher.says("done")
	publisher.tell()
	publisher.says("done")
}
