package nats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/bustest"
	"github.com/proscenium-live/proscenium/internal/bus/nats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) *nats.Bus {
	t.Helper()
	b, err := nats.Open(nats.Options{Node: "testnode0001"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestBus_KeepsItsClaims(t *testing.T) {
	for _, claim := range bustest.Claims() {
		t.Run(claim.Name, func(t *testing.T) { claim.Prove(t, open(t)) })
	}
}

func TestBus_IsReadyInMilliseconds(t *testing.T) {
	began := time.Now()
	b := open(t)
	if err := b.Ready(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("ready in %v", took)
	if took > 2*time.Second { // milliseconds on a machine that has nothing else to do
		t.Errorf("it took %v", took)
	}
}

func TestBus_TellsWhenAnAnswerIsTooLarge(t *testing.T) {
	b := open(t)
	_, err := b.Subscribe("big", "", func(context.Context, []byte) ([]byte, error) { return make([]byte, 9<<20), nil })
	if err != nil {
		t.Fatal(err)
	}
	var remote *bus.RemoteError
	if _, err := b.Request(t.Context(), "big", nil); !errors.As(err, &remote) {
		t.Fatalf("got %v", err)
	}
	if err := b.Publish(t.Context(), "big", make([]byte, 9<<20)); err == nil {
		t.Fatal("a message beyond the limit was sent")
	}
}
