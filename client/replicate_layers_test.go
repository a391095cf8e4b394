package client_test

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// A publisher's layers are those of its replicas too: they are announced on the destination, its viewers are sent one, and
// what only they watch goes on.
func TestReplication_CarriesLayers(t *testing.T) {
	n := nodetest.Start(t)
	one, two := n.CreateStage(), n.CreateStage()
	ada := join(t, n.Token(one, "Ada", "PUBLISH"), client.Options{})
	wanted := make(chan map[string]bool, 64)
	film(t, ada, wanted, "l", "m", "h")
	onAir(t, ada)
	n.Call("StartParticipantReplication", replication{Source: one, Destination: two, Participant: ada.ID()}, nil)
	eye := join(t, n.Token(two, "eye"), client.Options{})
	sees(t, eye, ada.ID(), "the layers", func(p client.Info, there bool) bool { return there && len(p.Layers) == 3 })
	rids := seenLayers(t, eye, ada.ID())
	frame := func() string {
		t.Helper()
		select {
		case rid := <-rids:
			return rid
		case <-time.After(patience):
			t.Fatal("no frame comes")
			return ""
		}
	}
	frame()
	// Nobody watches on the source, so that layers are stopped after a while; which one the replica's viewer gets is up to
	// its line, and goes on.
	toldOf(t, wanted, func(w map[string]bool) bool { return !w["l"] || !w["m"] || !w["h"] })
	for len(rids) > 0 {
		<-rids
	}
	frame()
}
