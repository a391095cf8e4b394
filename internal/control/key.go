package control

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/token"
)

// The names of the server's keys in the store.
const (
	tokenKey = "participant-token"
	pageKey  = "page-token"
)

// loadKeys gets the server's keys from the store, where they are made once.
func (c *core) loadKeys(ctx context.Context) error {
	var signing, paging string
	err := c.store.Write(ctx, func(tx *store.Tx) (err error) {
		if signing, err = tx.ServerKey(ctx, tokenKey, c.now(), newTokenKey); err != nil {
			return err
		}
		paging, err = tx.ServerKey(ctx, pageKey, c.now(), newPageKey)
		return err
	})
	if err != nil {
		return fmt.Errorf("load server keys: %w", err)
	}
	key, err := token.DecodeKey(signing)
	if err != nil {
		return err
	}
	c.minter, c.verifier = token.NewPair(key)
	c.pages, err = newPages(paging)
	return err
}

func newTokenKey() (string, error) {
	key, err := token.GenerateKey()
	if err != nil {
		return "", err
	}
	return token.EncodeKey(key)
}

func newPageKey() (string, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(key), nil
}
