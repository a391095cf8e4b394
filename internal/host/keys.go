package host

import (
	"context"
	"crypto/ecdsa"
	"log/slog"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/token"
)

const (
	// keyFresh is how long a key is taken for granted. The control plane tells of deletions at once; this bounds
	// what a lost word costs.
	keyFresh = 15 * time.Second
	// keyAbsent is the same for a key that there is not: the id of a new one is never asked for before it exists.
	keyAbsent = 2 * time.Second
	// keyStale is how long a key still serves while the control plane cannot be reached, so that who is on a stage
	// can come back to it.
	keyStale = 5 * time.Minute
	// maxKeys bounds what tokens that name made-up keys can fill.
	maxKeys = 4096
	// maxAsking bounds how many keys are asked for at once.
	maxAsking = 32
	askKey    = 2 * time.Second
)

// keys are the customers' keys as far as tokens have named them lately. It is the token.Keys of a host.
type keys struct {
	bus    bus.Bus
	log    *slog.Logger
	asking chan struct{} // has a token for each key that is asked for

	mu         sync.Mutex
	known      map[live.ARN]knownKey
	forgotten  uint64 // how often a key was deleted
	listening  bus.Subscription
	subscribed bool
	closed     bool
}

// knownKey is what the control plane said of a key; nil is that there is none.
type knownKey struct {
	key  *ecdsa.PublicKey
	said time.Time
}

func newKeys(b bus.Bus, log *slog.Logger) *keys {
	return &keys{bus: b, log: log, asking: make(chan struct{}, maxAsking), known: make(map[live.ARN]knownKey)}
}

// PublicKey implements token.Keys.
func (k *keys) PublicKey(id live.ARN) (*ecdsa.PublicKey, error) {
	k.listen()
	was, some, forgotten := k.find(id)
	if some && was.fresh() {
		return was.answer()
	}
	now, err := k.ask(id)
	if err == nil {
		k.keep(id, now, forgotten)
		return now.answer()
	}
	if some && was.key != nil && time.Since(was.said) < keyStale {
		k.log.Warn("key not asked for anew", "key", id.String(), "error", err)
		return was.key, nil
	}
	k.log.Warn("key not found out", "key", id.String(), "error", err)
	return nil, unavailable("the control plane can't be reached to look up the token's key")
}

func (n knownKey) fresh() bool {
	most := keyFresh
	if n.key == nil {
		most = keyAbsent
	}
	return time.Since(n.said) < most
}

func (n knownKey) answer() (*ecdsa.PublicKey, error) {
	if n.key == nil {
		return nil, live.Refuse(live.Unauthorized, live.TokenInvalid, "the token names a public key that does not exist")
	}
	return n.key, nil
}

func (k *keys) find(id live.ARN) (was knownKey, some bool, forgotten uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was, some = k.known[id]
	return was, some, k.forgotten
}

// ask asks the control plane for a key.
func (k *keys) ask(id live.ARN) (knownKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askKey)
	defer cancel()
	select {
	case k.asking <- struct{}{}:
		defer func() { <-k.asking }()
	case <-ctx.Done():
		return knownKey{}, ctx.Err()
	}
	answer, err := bus.Ask[live.KeyAnswer](ctx, k.bus, bus.AskKey, live.AskKey{Key: id})
	if err != nil {
		return knownKey{}, err
	}
	said := knownKey{said: time.Now()}
	if answer.Material != "" {
		said.key, err = token.ParsePublicKey(answer.Material)
	}
	return said, err
}

// keep remembers what was said, unless a key was deleted meanwhile: it may have been said before that, and this may be
// the key.
func (k *keys) keep(id live.ARN, said knownKey, forgotten uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.subscribed || k.forgotten != forgotten {
		return
	}
	if len(k.known) >= maxKeys {
		clear(k.known)
	}
	k.known[id] = said
}

// listen subscribes to word of deleted keys, once. Without it nothing is remembered.
func (k *keys) listen() {
	k.mu.Lock()
	if k.subscribed || k.closed {
		k.mu.Unlock()
		return
	}
	k.mu.Unlock()
	s, err := k.bus.Subscribe(bus.ForgetKey, "", bus.Serve(k.forget))
	if err != nil {
		k.log.Warn("word of deleted keys can't be listened for", "error", err)
		return
	}
	k.mu.Lock()
	extra := k.subscribed || k.closed
	if !extra {
		k.listening, k.subscribed = s, true
	}
	k.mu.Unlock()
	if extra { // another was quicker
		_ = s.Close()
	}
}

func (k *keys) forget(_ context.Context, f live.ForgetKey) (struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forgotten++
	delete(k.known, f.Key)
	return struct{}{}, nil
}

func (k *keys) close() {
	k.mu.Lock()
	s := k.listening
	k.listening, k.subscribed, k.closed = nil, false, true
	clear(k.known)
	k.mu.Unlock()
	if s != nil {
		_ = s.Close()
	}
}
