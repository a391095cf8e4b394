package inproc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/bustest"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus_KeepsItsClaims(t *testing.T) {
	for _, claim := range bustest.Claims() {
		t.Run(claim.Name, func(t *testing.T) {
			b := inproc.New()
			defer func() { _ = b.Close() }()
			claim.Prove(t, b)
		})
	}
}

func TestBus_KeepsItsClaimsInVirtualTime(t *testing.T) {
	for _, claim := range bustest.Claims() {
		t.Run(claim.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := inproc.New()
				defer func() { _ = b.Close() }()
				claim.Prove(t, b)
			})
		})
	}
}

func TestBus_WaitingTakesNoRealTime(t *testing.T) {
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New()
		defer func() { _ = b.Close() }()
		_, err := b.Subscribe("slow", "", func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := b.Request(ctx, "slow", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Fatalf("an hour of waiting took %v", took)
	}
}

func TestBus_RequestLearnsThatItsServerClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New()
		defer func() { _ = b.Close() }()
		busy := make(chan struct{})
		s, err := b.Subscribe("x", "", func(context.Context, []byte) ([]byte, error) {
			<-busy
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Publish(t.Context(), "x", nil); err != nil {
			t.Fatal(err)
		}
		answer := make(chan error, 1)
		go func() {
			_, err := b.Request(t.Context(), "x", nil)
			answer <- err
		}()
		synctest.Wait() // the request waits behind the first message
		go func() { _ = s.Close() }()
		synctest.Wait()
		close(busy)
		if err := <-answer; !errors.Is(err, bus.ErrNobody) {
			t.Fatalf("got %v, expected ErrNobody", err)
		}
	})
}
