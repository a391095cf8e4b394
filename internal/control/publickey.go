package control

import (
	"context"
	"errors"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/token"
)

// PublicKeys are the keys that customers sign tokens with. They cannot be changed, and never expire.
type PublicKeys struct{ *core }

// Import keeps a key. It returns Invalid if it is not the PEM of a P-384 key, Conflict if the same key is there
// already, and Exhausted if the account has all the keys it may have.
func (k *PublicKeys) Import(ctx context.Context, r ImportPublicKey) (live.PublicKey, error) {
	base, err := k.newResource(live.TypePublicKey, r.Name, r.Tags)
	if err != nil {
		return live.PublicKey{}, err
	}
	key, err := token.ParsePublicKey(r.Material)
	if err != nil {
		return live.PublicKey{}, err
	}
	fingerprint, err := token.Fingerprint(key)
	if err != nil {
		return live.PublicKey{}, err
	}
	fresh := live.PublicKey{Resource: base, Material: r.Material, Fingerprint: fingerprint}
	same := store.Query{Home: k.home, Type: live.TypePublicKey, Refers: fresh.Refers()}
	err = k.store.Write(ctx, func(tx *store.Tx) error {
		if err := k.lockAll(ctx, tx, live.TypePublicKey); err != nil {
			return err
		}
		n, err := tx.CountRecords(ctx, same)
		if err != nil {
			return err
		}
		if n > 0 {
			return live.Errorf(live.Conflict, "the key with the fingerprint %s is imported already", fingerprint)
		}
		return k.add(ctx, tx, &fresh, limit{k.quotas.PublicKeys, "public keys", "quotas.public_keys"})
	})
	if err != nil {
		return live.PublicKey{}, err
	}
	return fresh, nil
}

// Get returns a key, or NotFound.
func (k *PublicKeys) Get(ctx context.Context, arn live.ARN) (live.PublicKey, error) {
	return get[live.PublicKey](ctx, k.core, arn, live.TypePublicKey)
}

// Delete removes a key: whoever shows a token signed with it from now on is refused. Who is on a stage stays.
func (k *PublicKeys) Delete(ctx context.Context, arn live.ARN) error {
	if err := k.remove(ctx, arn, live.TypePublicKey, unused); err != nil {
		return err
	}
	k.orders.give(ctx, bus.ForgetKey, live.ForgetKey{Key: arn})
	return nil
}

// List returns a page of the keys, newest first.
func (k *PublicKeys) List(ctx context.Context, p Page) (items []live.PublicKey, next string, err error) {
	return list[live.PublicKey](ctx, k.core, store.Query{Type: live.TypePublicKey}, p, ofFifty)
}

// answerKey gives a host the key that a token names. There is none for keys of another home.
func (c *core) answerKey(ctx context.Context, r live.AskKey) (live.KeyAnswer, error) {
	key, err := get[live.PublicKey](ctx, c, r.Key, live.TypePublicKey)
	var told *live.Error
	switch {
	case errors.As(err, &told):
		return live.KeyAnswer{}, nil
	case err != nil:
		c.log.Error("key not read", "key", r.Key.String(), "error", err)
		return live.KeyAnswer{}, errors.New("the records cannot be reached")
	}
	return live.KeyAnswer{Material: key.Material}, nil
}
