package control

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// maxPageToken is the length of a token in characters (control-plane.md 1.7).
const maxPageToken = 1024

// pages writes and reads the tokens that continue lists. A token is a place in a list, encrypted with a key of
// the server's and bound to the list, so that callers cannot read it, make one, or use it elsewhere.
type pages struct{ aead cipher.AEAD }

func newPages(key string) (*pages, error) {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return nil, fmt.Errorf("read page key: %w", err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("read page key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("read page key: %w", err)
	}
	return &pages{aead}, nil
}

// token writes the place at in the list.
func (p *pages) token(list string, at store.Cursor) string {
	text := binary.BigEndian.AppendUint64(nil, uint64(at.At.UnixMicro()))
	text = append(text, at.ID...)
	sealed := p.aead.Seal(nil, nil, text, []byte(list)) //nolint:gosec // G407: this AEAD makes a random nonce itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// place reads what token wrote for the same list. "" is the place before the first.
func (p *pages) place(list, token string) (store.Cursor, error) {
	if token == "" {
		return store.Cursor{}, nil
	}
	bad := live.Errorf(live.Invalid, "nextToken is not one that this list returned")
	if len(token) > maxPageToken {
		return store.Cursor{}, bad
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return store.Cursor{}, bad
	}
	text, err := p.aead.Open(nil, nil, sealed, []byte(list))
	if err != nil || len(text) < 8 {
		return store.Cursor{}, bad
	}
	return store.Cursor{At: time.UnixMicro(int64(binary.BigEndian.Uint64(text))), ID: string(text[8:])}, nil
}

// size returns how many items the page is to have.
func (p Page) size() (int, error) { return p.sized(ofFifty) }

// sized is size for a list of other sizes than most.
func (p Page) sized(s sizes) (int, error) {
	switch {
	case p.Max == 0:
		return s.usual, nil
	case p.Max < 0 || p.Max > s.most:
		return 0, live.Errorf(live.Invalid, "maxResults is %d, allowed are 1 to %d", p.Max, s.most)
	}
	return p.Max, nil
}
