package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// maxPolicies is how many documents one key may carry, as AWS allows a user.
const maxPolicies = 10

// MaxSession is how long a temporary key may live, as with AWS.
const MaxSession = 36 * time.Hour

// Key is an access key, without its secrets.
type Key struct {
	ID        string
	Name      string
	Policies  []string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
}

// NewKey is an access key that was just added: the only time its secrets are told.
type NewKey struct {
	Key
	Secret live.Secret
	Token  live.Secret // of its session, "" for a lasting key
}

// Add describes a key to be added.
type Add struct {
	Name     string        // what it is for: its user's name in ARNs and messages
	Policies []string      // documents
	Lives    time.Duration // 0: for ever; otherwise it is temporary, and has a session token
}

// Book adds, lists and revokes access keys. Several may work on one database at once, the running server's
// Keyring among them.
type Book struct {
	Store  *store.Store
	Master MasterKey
	Now    func() time.Time // nil: time.Now
}

func (b Book) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// Add makes an access key. The error says what is wrong with a name or a policy.
func (b Book) Add(ctx context.Context, a Add) (NewKey, error) {
	if err := a.check(); err != nil {
		return NewKey{}, err
	}
	now := b.now().UTC().Truncate(time.Microsecond)
	k := NewKey{Key: Key{Name: a.Name, Policies: a.Policies, CreatedAt: now}, Secret: live.Secret(secretText())}
	kept := store.AccessKey{Name: a.Name, Policies: a.Policies, CreatedAt: now}
	kept.ID = "PAKA" + rand.Text()[:16]
	if a.Lives > 0 {
		kept.ID = "PASA" + rand.Text()[:16]
		k.Token, k.ExpiresAt = live.Secret(secretText()+secretText()), now.Add(a.Lives)
		kept.Token, kept.ExpiresAt = b.Master.seal(string(k.Token), "token/"+kept.ID), k.ExpiresAt
	}
	k.ID = kept.ID
	kept.Secret = b.Master.seal(string(k.Secret), "secret/"+kept.ID)
	err := b.Store.Write(ctx, func(tx *store.Tx) error {
		// A key that the server could not read would be worse than none.
		others, _, err := tx.AccessKeys(ctx)
		if err != nil {
			return err
		}
		if len(others) > 0 {
			if _, err := b.Master.open(others[0].Secret, "secret/"+others[0].ID); err != nil {
				return fmt.Errorf("access key %s is there already, but %w", others[0].ID, err)
			}
		}
		return tx.PutAccessKey(ctx, kept)
	})
	return k, err
}

// secretText makes 240 bits of secret, 40 characters as AWS's are.
func secretText() string {
	secret := make([]byte, 30)
	_, _ = rand.Read(secret)
	return base64.StdEncoding.EncodeToString(secret)
}

func (a Add) check() error {
	switch {
	case len(a.Name) > 64 || !plain(a.Name, "+=,.@_-"): // IAM's rule for names of users
		return fmt.Errorf("the name %q must be 1 to 64 of letters, digits and +=,.@_-", a.Name)
	case len(a.Policies) == 0:
		return errors.New("a key without a policy may do nothing: give it at least one")
	case len(a.Policies) > maxPolicies:
		return fmt.Errorf("there are %d policies, the limit is %d", len(a.Policies), maxPolicies)
	case a.Lives < 0 || a.Lives > MaxSession:
		return fmt.Errorf("a temporary key may live up to %s", MaxSession)
	}
	for i, document := range a.Policies {
		if _, err := Parse([]byte(document)); err != nil {
			return fmt.Errorf("policy %d: %w", i+1, err)
		}
	}
	return nil
}

// List returns all access keys, by name.
func (b Book) List(ctx context.Context) ([]Key, error) {
	var out []Key
	err := b.Store.Read(ctx, func(tx *store.Tx) error {
		kept, _, err := tx.AccessKeys(ctx)
		for _, k := range kept {
			out = append(out, Key{k.ID, k.Name, k.Policies, k.CreatedAt, k.ExpiresAt})
		}
		return err
	})
	return out, err
}

// Revoke removes an access key. It returns NotFound if there is none of the id.
func (b Book) Revoke(ctx context.Context, id string) error {
	err := b.Store.Write(ctx, func(tx *store.Tx) error { return tx.DeleteAccessKey(ctx, id) })
	if errors.Is(err, store.ErrNotFound) {
		return live.Errorf(live.NotFound, "there is no access key %q", id)
	}
	return err
}
