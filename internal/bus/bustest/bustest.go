// Package bustest says what fulfilling bus.Bus means: a list of claims that every adapter proves. They wait on
// channels only, so that they hold in virtual time too. The goroutines they start end with them.
//
//nolint:thelper // the claims are tests themselves: a failure should point into them
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
)

// Claim is one thing that holds for every bus. Prove gets a fresh bus, and may close it.
type Claim struct {
	Name  string
	Prove func(*testing.T, bus.Bus)
}

// Claims are all that an adapter has to prove.
func Claims() []Claim {
	return []Claim{
		{"EachSubscriberHearsInOrder", hearsInOrder},
		{"GroupSharesMessages", groupShares},
		{"RequestReturnsAnswer", requestReturnsAnswer},
		{"RequestFindsNobodyAtOnce", requestFindsNobody},
		{"RequestEndsWithContext", requestEndsWithContext},
		{"HandlerErrorReachesRequester", handlerErrorReachesRequester},
		{"HandlersOfOneSubscriptionTakeTurns", handlersTakeTurns},
		{"SlowHandlerHoldsUpNobodyElse", slowHandlerHoldsUpNobody},
		{"CloseWaitsForHandlerAndEndsItsContext", closeWaitsForHandler},
		{"NothingIsHeardAfterClose", nothingAfterClose},
		{"BytesAreNotShared", bytesAreNotShared},
		{"WildcardStandsForOnePart", wildcardStandsForOnePart},
		{"BadSubjectsAreRefused", badSubjectsRefused},
		{"ManyRequestsAtOnceGetTheirOwnAnswers", manyAtOnce},
		{"HelpersCarryJSON", helpersCarryJSON},
		{"ClosedBusRefusesEverything", closedBusRefuses},
	}
}

// patience is how long a claim waits for what must come. Nothing waits this long when it holds.
const patience = 10 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func subscribe(t *testing.T, b bus.Bus, pattern, group string, handle bus.Handler) bus.Subscription {
	t.Helper()
	s, err := b.Subscribe(pattern, group, handle)
	if err != nil {
		t.Fatalf("subscribe to %s: %v", pattern, err)
	}
	return s
}

func publish(t *testing.T, b bus.Bus, subject, text string) {
	t.Helper()
	if err := b.Publish(within(t), subject, []byte(text)); err != nil {
		t.Fatalf("publish to %s: %v", subject, err)
	}
}

// collect returns a handler that puts messages into a channel.
func collect(size int) (chan string, bus.Handler) {
	heard := make(chan string, size)
	return heard, func(_ context.Context, data []byte) ([]byte, error) {
		heard <- string(data)
		return nil, nil
	}
}

func next(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case text := <-heard:
		return text
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return ""
	}
}

func hearsInOrder(t *testing.T, b bus.Bus) {
	const n = 500
	one, takeOne := collect(n)
	two, takeTwo := collect(n)
	subscribe(t, b, "a.b", "", takeOne)
	subscribe(t, b, "a.b", "", takeTwo)
	for i := range n {
		publish(t, b, "a.b", fmt.Sprint(i))
	}
	for i := range n {
		for _, heard := range []chan string{one, two} {
			if got := next(t, heard); got != fmt.Sprint(i) {
				t.Fatalf("message %d was %q", i, got)
			}
		}
	}
}

func groupShares(t *testing.T, b bus.Bus) {
	const n = 100
	shared, take := collect(2 * n)
	all, takeAll := collect(2 * n)
	for range 3 {
		subscribe(t, b, "work", "crew", take)
	}
	subscribe(t, b, "work", "", takeAll)
	for i := range n {
		publish(t, b, "work", fmt.Sprint(i))
	}
	seen := map[string]bool{}
	for range n {
		text := next(t, shared)
		if seen[text] {
			t.Fatalf("message %s reached the group twice", text)
		}
		seen[text] = true
		next(t, all)
	}
	publish(t, b, "work", "last")
	if got := next(t, shared); got != "last" {
		t.Fatalf("the group heard %q again", got)
	}
}

func requestReturnsAnswer(t *testing.T, b bus.Bus) {
	subscribe(t, b, "echo", "g", func(_ context.Context, data []byte) ([]byte, error) {
		return append([]byte("you said "), data...), nil
	})
	got, err := b.Request(within(t), "echo", []byte("hi"))
	if err != nil || string(got) != "you said hi" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func requestFindsNobody(t *testing.T, b bus.Bus) {
	// The context has no end: only the bus's knowledge can end this.
	if _, err := b.Request(context.Background(), "nobody.home", nil); !errors.Is(err, bus.ErrNobody) {
		t.Fatalf("got %v, expected ErrNobody", err)
	}
}

func requestEndsWithContext(t *testing.T, b bus.Bus) {
	release := make(chan struct{})
	defer close(release)
	subscribe(t, b, "slow", "", func(context.Context, []byte) ([]byte, error) {
		<-release
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Request(ctx, "slow", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, expected the context's error", err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := b.Request(ended, "slow", nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, expected the context's error", err)
	}
	if err := b.Publish(ended, "slow", nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, expected the context's error", err)
	}
}

func handlerErrorReachesRequester(t *testing.T, b bus.Bus) {
	subscribe(t, b, "broken", "", func(context.Context, []byte) ([]byte, error) {
		return []byte("not this"), errors.New("no such stage:\nsecond line")
	})
	_, err := b.Request(within(t), "broken", nil)
	var remote *bus.RemoteError
	if !errors.As(err, &remote) || remote.Text != "no such stage:\nsecond line" {
		t.Fatalf("got %v", err)
	}
}

func handlersTakeTurns(t *testing.T, b bus.Bus) {
	const n = 50
	var inside atomic.Int32
	done := make(chan string, n)
	subscribe(t, b, "turns", "", func(context.Context, []byte) ([]byte, error) {
		if inside.Add(1) != 1 {
			t.Error("two handlers of one subscription ran at once")
		}
		defer inside.Add(-1)
		done <- ""
		return nil, nil
	})
	var all sync.WaitGroup
	for range n {
		all.Go(func() { publish(t, b, "turns", "x") })
	}
	all.Wait()
	for range n {
		next(t, done)
	}
}

func slowHandlerHoldsUpNobody(t *testing.T, b bus.Bus) {
	release := make(chan struct{})
	defer close(release)
	heard, take := collect(1)
	subscribe(t, b, "news", "", func(context.Context, []byte) ([]byte, error) {
		<-release
		return nil, nil
	})
	subscribe(t, b, "news", "", take)
	publish(t, b, "news", "now")
	next(t, heard)
}

func closeWaitsForHandler(t *testing.T, b bus.Bus) {
	began, ended := make(chan struct{}), make(chan struct{})
	s := subscribe(t, b, "long", "", func(ctx context.Context, _ []byte) ([]byte, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, nil
	})
	publish(t, b, "long", "x")
	<-began
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	default:
		t.Fatal("Close returned while a handler was running")
	}
	if err := s.Close(); err != nil {
		t.Fatalf("closing again: %v", err)
	}
}

func nothingAfterClose(t *testing.T, b bus.Bus) {
	heard, take := collect(2)
	s := subscribe(t, b, "gone", "g", take)
	if _, err := b.Request(within(t), "gone", nil); err != nil {
		t.Fatal(err)
	}
	next(t, heard)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Request(within(t), "gone", nil); !errors.Is(err, bus.ErrNobody) {
		t.Fatalf("got %v, expected ErrNobody", err)
	}
	if len(heard) > 0 {
		t.Fatal("a closed subscription heard something")
	}
}

func bytesAreNotShared(t *testing.T, b bus.Bus) {
	heard := make(chan []byte, 2)
	scribble := func(_ context.Context, data []byte) ([]byte, error) {
		if !bytes.Equal(data, []byte("clean")) {
			t.Errorf("heard %q: another has written in it", data)
		}
		copy(data, "dirty")
		heard <- data
		return nil, nil
	}
	subscribe(t, b, "paper", "", scribble)
	subscribe(t, b, "paper", "", scribble)
	mine := []byte("clean")
	if err := b.Publish(within(t), "paper", mine); err != nil {
		t.Fatal(err)
	}
	copy(mine, "mine!")
	for range 2 {
		select {
		case <-heard:
		case <-time.After(patience):
			t.Fatal("nothing was heard")
		}
	}
	if string(mine) != "mine!" {
		t.Fatal("a handler wrote in the sender's bytes")
	}
}

func wildcardStandsForOnePart(t *testing.T, b bus.Bus) {
	heard, take := collect(4)
	subscribe(t, b, "host.*.close", "", take)
	for _, subject := range []string{"host.close", "host.a.b.close", "host.a.closed", "other.a.close"} {
		if _, err := b.Request(within(t), subject, nil); !errors.Is(err, bus.ErrNobody) {
			t.Errorf("%s was heard (%v)", subject, err)
		}
	}
	publish(t, b, "host.a1.close", "a1")
	publish(t, b, "host.b2.close", "b2")
	if one, two := next(t, heard), next(t, heard); one != "a1" || two != "b2" {
		t.Fatalf("heard %s and %s", one, two)
	}
}

func badSubjectsRefused(t *testing.T, b bus.Bus) {
	for _, subject := range []string{"", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB x", "a.>", "*", "a.*", "ä"} {
		if err := b.Publish(within(t), subject, nil); err == nil {
			t.Errorf("published to %q", subject)
		}
		if _, err := b.Request(within(t), subject, nil); err == nil || errors.Is(err, bus.ErrNobody) {
			t.Errorf("requested from %q: %v", subject, err)
		}
	}
	for _, pattern := range []string{"", "a..b", "a b", "a.>", "a*"} {
		if s, err := b.Subscribe(pattern, "", nil); err == nil {
			_ = s.Close()
			t.Errorf("subscribed to %q", pattern)
		}
	}
}

func manyAtOnce(t *testing.T, b bus.Bus) {
	for range 3 {
		subscribe(t, b, "sum.*", "g", func(_ context.Context, data []byte) ([]byte, error) {
			return append(data, '!'), nil
		})
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for k := range 20 {
				want := fmt.Sprintf("%d-%d", i, k)
				got, err := b.Request(within(t), fmt.Sprintf("sum.%d", i), []byte(want))
				if err != nil || string(got) != want+"!" {
					t.Errorf("asked %s, got %q, %v", want, got, err)
				}
			}
		})
	}
	all.Wait()
}

func helpersCarryJSON(t *testing.T, b bus.Bus) {
	type pair struct{ A, B int }
	subscribe(t, b, "add", "", bus.Serve(func(_ context.Context, p pair) (int, error) {
		if p.A < 0 {
			return 0, errors.New("negative")
		}
		return p.A + p.B, nil
	}))
	if got, err := bus.Ask[int](within(t), b, "add", pair{1, 2}); err != nil || got != 3 {
		t.Fatalf("got %d, %v", got, err)
	}
	var remote *bus.RemoteError
	if _, err := bus.Ask[int](within(t), b, "add", pair{-1, 2}); !errors.As(err, &remote) || remote.Text != "negative" {
		t.Fatalf("got %v", err)
	}
	if _, err := b.Request(within(t), "add", []byte("{")); !errors.As(err, &remote) {
		t.Fatalf("got %v, expected the handler to refuse what is not JSON", err)
	}
	if err := bus.Tell(within(t), b, "add", pair{1, 2}); err != nil {
		t.Fatal(err)
	}
}

func closedBusRefuses(t *testing.T, b bus.Bus) {
	if err := b.Ready(); err != nil {
		t.Fatalf("an open bus is not ready: %v", err)
	}
	_, take := collect(1)
	s := subscribe(t, b, "x", "", take)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Ready returned %v", err)
	}
	if err := b.Publish(within(t), "x", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Publish returned %v", err)
	}
	if _, err := b.Request(within(t), "x", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Request returned %v", err)
	}
	if _, err := b.Subscribe("x", "", take); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Subscribe returned %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing a subscription of a closed bus: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
