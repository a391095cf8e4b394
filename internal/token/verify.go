package token

import (
	"crypto/ecdsa"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Keys finds the keys that customers have imported.
type Keys interface {
	// PublicKey returns the key of the ARN. It returns an Unauthorized error with the reason TokenInvalid if there
	// is none, and another *live.Error if that cannot be told now.
	PublicKey(id live.ARN) (*ecdsa.PublicKey, error)
}

// Verifier tells tokens that may be trusted from others. Its methods may be called at once.
type Verifier struct {
	key  *ecdsa.PublicKey
	keys Keys // nil: no customer's token is taken
	turn *turns

	proven *proven
}

// NewVerifier returns a Verifier of what the holder of key's private half issued.
func NewVerifier(key *ecdsa.PublicKey) *Verifier {
	return &Verifier{key: key, turn: newTurns(), proven: new(proven)}
}

// WithKeys returns a Verifier that also takes what holders of customers' keys have signed.
func (v *Verifier) WithKeys(keys Keys) *Verifier {
	return &Verifier{key: v.key, keys: keys, turn: v.turn, proven: v.proven}
}

// Verify returns what a token says. It returns an Unauthorized error with the reason TokenMissing,
// TokenMalformed, TokenInvalid or TokenExpired, whose message never holds a part of the token, or an error of
// Keys. With TokenExpired the claims are returned too: they are true, but of the past.
func (v *Verifier) Verify(raw string, now time.Time) (live.Claims, error) {
	head, body, signature, err := split(raw)
	if err != nil {
		return live.Claims{}, err
	}
	h, err := readHeader(head)
	if err != nil {
		return live.Claims{}, err
	}
	signed := raw[:strings.LastIndexByte(raw, '.')]
	switch h.alg {
	case "KMS":
		if !v.proven.has(raw) {
			if !v.issued(signed, signature) {
				return live.Claims{}, invalid("the token's signature is not this server's")
			}
			v.proven.put(raw)
		}
		return readClaims(body, issuedVersion, now)
	case "ES384":
		return v.selfSigned(h.kid, signed, body, signature, now)
	}
	return live.Claims{}, invalid("the token's algorithm is not one that participant tokens have")
}

// issued tells whether the server's key signed the text.
func (v *Verifier) issued(text string, signature []byte) bool {
	digest := sha512.Sum384([]byte(text))
	defer v.turn.take().Unlock()
	return ecdsa.VerifyASN1(v.key, digest[:], signature)
}

// split takes a token apart. Its size is looked at before anything else of it is.
func split(raw string) (head, body, signature []byte, err error) {
	if raw == "" {
		return nil, nil, nil, live.Refuse(live.Unauthorized, live.TokenMissing, "no participant token was given")
	}
	if len(raw) > MaxSize {
		return nil, nil, nil, malformed("the token is %d bytes long, the limit is %d", len(raw), MaxSize)
	}
	if strings.Count(raw, ".") != 2 {
		return nil, nil, nil, malformed("the token does not consist of three parts")
	}
	var parts [3][]byte
	for i, part := range strings.Split(raw, ".") {
		if part == "" {
			return nil, nil, nil, malformed("a part of the token is empty")
		}
		// The decoder skips line breaks, which would give one token many spellings.
		if strings.ContainsAny(part, "\r\n") {
			return nil, nil, nil, malformed("a part of the token is not base64url")
		}
		if parts[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return nil, nil, nil, malformed("a part of the token is not base64url")
		}
	}
	return parts[0], parts[1], parts[2], nil
}

func malformed(format string, args ...any) error {
	return live.Refuse(live.Unauthorized, live.TokenMalformed, format, args...)
}

func invalid(format string, args ...any) error {
	return live.Refuse(live.Unauthorized, live.TokenInvalid, format, args...)
}
