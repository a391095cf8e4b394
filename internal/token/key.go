package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // G501: a fingerprint is a name that the API fixes, nothing relies on it
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// maxMaterial is the length in bytes up to which a key is looked at. The PEM of a P-384 key has 215.
const maxMaterial = 4 << 10

// ParsePublicKey reads the PEM of a P-384 public key (SubjectPublicKeyInfo), with line breaks of either kind. It
// returns an Invalid error that says what else the text is.
func ParsePublicKey(text string) (*ecdsa.PublicKey, error) {
	if len(text) > maxMaterial {
		return nil, badKey("is %d bytes long, the limit is %d", len(text), maxMaterial)
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, badKey("is not PEM: it needs a line -----BEGIN PUBLIC KEY----- and a line -----END PUBLIC KEY-----")
	case block.Type != "PUBLIC KEY":
		return nil, badKey("is the PEM of %s, expected PUBLIC KEY", shorten(block.Type))
	case len(block.Headers) > 0:
		return nil, badKey("has PEM headers")
	case len(bytes.TrimSpace(rest)) > 0 || !strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN "):
		return nil, badKey("holds more than one key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, badKey("is not a public key in the form SubjectPublicKeyInfo")
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P384() {
			return key, nil
		}
		return nil, badKey("is an EC key on the curve %s, expected P-384", key.Curve.Params().Name)
	case *rsa.PublicKey:
		return nil, badKey("is an RSA key, expected an EC key on the curve P-384")
	case ed25519.PublicKey:
		return nil, badKey("is an Ed25519 key, expected an EC key on the curve P-384")
	}
	return nil, badKey("is of a kind that is not supported, expected an EC key on the curve P-384")
}

func badKey(format string, args ...any) error {
	return live.Errorf(live.Invalid, "publicKeyMaterial "+format, args...)
}

// shorten cuts a foreign text to what a message may hold.
func shorten(text string) string {
	const most = 40
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%q", text)
}

// Fingerprint returns the MD5 of the key's DER form as 16 pairs of hexadecimal digits joined by ":".
func Fingerprint(key *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("write public key: %w", err)
	}
	sum := md5.Sum(der) //nolint:gosec // G401: as above
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(pairs, ":"), nil
}
