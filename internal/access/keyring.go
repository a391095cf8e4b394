package access

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store"
)

// lookEvery is how often a Keyring looks for changes, and so how long one may take to take effect.
const lookEvery = time.Second

// Options say what a Keyring works with. Store and Master are needed.
type Options struct {
	Store  *store.Store
	Master MasterKey
	// Root is the pair that may do everything.
	Root sigv4.OneKey
	// Account stands in the ARNs of users.
	Account string
	Log     *slog.Logger // nil: slog.Default()
}

// Keyring knows the access keys in force and what they may do. Its methods may be called at once.
type Keyring struct {
	o    Options
	held atomic.Pointer[held]
}

// held is one state of the access keys. It does not change.
type held struct {
	revision int64
	keys     map[string]holder
}

type holder struct {
	key      sigv4.Key
	arn      string // of the user
	policies []*Policy
}

// Open returns a Keyring with the keys that there are. Run must be called to have it heed changes.
func Open(ctx context.Context, o Options) (*Keyring, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	k := &Keyring{o: o}
	return k, k.load(ctx)
}

// Run heeds changes until ctx ends, and returns nil. While the database does not answer, the keys that were
// known stay in force.
func (k *Keyring) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := k.look(ctx); err != nil && ctx.Err() == nil {
				k.o.Log.Warn("access keys not read", "error", err)
			}
		}
	}
}

// look loads the keys if they have changed.
func (k *Keyring) look(ctx context.Context) error {
	var revision int64
	err := k.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		revision, err = tx.AccessKeysRevision(ctx)
		return err
	})
	if err != nil || revision == k.held.Load().revision {
		return err
	}
	return k.load(ctx)
}

func (k *Keyring) load(ctx context.Context) error {
	var kept []store.AccessKey
	next := &held{keys: map[string]holder{}}
	err := k.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		kept, next.revision, err = tx.AccessKeys(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, one := range kept {
		h, err := k.holder(one)
		if err != nil { // it is of no use to anyone, but the others are
			k.o.Log.Error("access key not usable", "access_key_id", one.ID, "error", err)
			continue
		}
		next.keys[one.ID] = h
	}
	if before := k.held.Swap(next); before != nil {
		k.o.Log.Info("access keys changed", "count", len(next.keys))
	}
	return nil
}

func (k *Keyring) holder(kept store.AccessKey) (h holder, err error) {
	if h.key.Secret, err = k.o.Master.open(kept.Secret, "secret/"+kept.ID); err != nil {
		return h, err
	}
	if kept.Token != "" {
		if h.key.Token, err = k.o.Master.open(kept.Token, "token/"+kept.ID); err != nil {
			return h, err
		}
	}
	h.key.ExpiresAt = kept.ExpiresAt
	h.arn = "arn:aws:iam::" + k.o.Account + ":user/" + kept.Name
	if h.key.Token != "" {
		h.arn = "arn:aws:sts::" + k.o.Account + ":federated-user/" + kept.Name
	}
	for _, document := range kept.Policies {
		p, err := Parse([]byte(document))
		if err != nil {
			return h, err
		}
		h.policies = append(h.policies, p)
	}
	return h, nil
}

// Key returns what is known of an access key.
func (k *Keyring) Key(accessKeyID string) (sigv4.Key, bool) {
	if key, ok := k.o.Root.Key(accessKeyID); ok {
		return key, true
	}
	h, ok := k.held.Load().keys[accessKeyID]
	return h.key, ok
}

// User returns the ARN of whoever holds an access key, the root user's if it is the root pair's.
func (k *Keyring) User(accessKeyID string) string {
	if h, ok := k.held.Load().keys[accessKeyID]; ok && !k.isRoot(accessKeyID) {
		return h.arn
	}
	return "arn:aws:iam::" + k.o.Account + ":root"
}

func (k *Keyring) isRoot(accessKeyID string) bool {
	_, root := k.o.Root.Key(accessKeyID)
	return root
}

// MayAll says whether an access key may do everything, so that nothing needs to be decided.
func (k *Keyring) MayAll(accessKeyID string) bool { return k.isRoot(accessKeyID) }

// Decide says whether the holder of an access key may do what the request wants. A key that has just been
// revoked may do nothing.
func (k *Keyring) Decide(accessKeyID string, r Request) (Decision, error) {
	if k.isRoot(accessKeyID) {
		return Decision{Allowed: true}, nil
	}
	h, ok := k.held.Load().keys[accessKeyID]
	if !ok {
		d := Decision{}
		if len(r.Resources) > 0 {
			d.Resource = r.Resources[0]
		}
		return d, nil
	}
	return Decide(h.policies, r)
}
