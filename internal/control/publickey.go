package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// PublicKeys are the keys that customers sign tokens with.
type PublicKeys struct{ *core }

func notYet() error { return live.Errorf(live.Unsupported, "this server does not do this yet") }
func (k *PublicKeys) Import(ctx context.Context, r ImportPublicKey) (live.PublicKey, error) {
	return live.PublicKey{}, notYet()
}

func (k *PublicKeys) Get(ctx context.Context, arn live.ARN) (live.PublicKey, error) {
	return live.PublicKey{}, notYet()
}
func (k *PublicKeys) Delete(ctx context.Context, arn live.ARN) error { return notYet() }
func (k *PublicKeys) List(ctx context.Context, p Page) (items []live.PublicKey, next string, err error) {
	return nil, "", notYet()
}
