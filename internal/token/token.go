// Package token mints and verifies participant tokens.
//
// There are two kinds. The server's own carry {"alg":"KMS","typ":"JWT"} and a P-384 signature in DER form, as
// the real service's do. Customers' carry ES384 and the ARN of an imported key, which Keys looks up. The kind
// fixes the algorithm: nothing that a token says of itself has anything fetched but that key, and it must be of
// the account and region of the stage. Connection tokens are recognised and refused.
//
// The package starts no goroutine and reads no clock. Whether the stage still exists and whether the
// participant is barred are not a token's matter: control and host know.
package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

const (
	// MaxSize is the length in bytes up to which a token is looked at at all. The largest that is issued, with
	// 1 KB of attributes, stays below it.
	MaxSize = 8 << 10
	// MaxLife is the longest time between a participant token's issue and its end.
	MaxLife = 14 * 24 * time.Hour
	// MaxConnectionLife is the same for a connection token.
	MaxConnectionLife = 28 * 24 * time.Hour
	// Leeway is how far the issuer's clock may be ahead of ours.
	Leeway = 5 * time.Minute
)

// issuedHeader is the header of every token that the server issues, as the real service writes it.
const issuedHeader = `{"alg":"KMS","typ":"JWT"}`

// issuedVersion is the version claim of tokens that the server issues.
const issuedVersion = "0.0"

// selfSignedVersion is the version claim of tokens that customers sign.
const selfSignedVersion = "1.0"

// GenerateKey makes a key for signing tokens.
func GenerateKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
}

// EncodeKey writes a signing key as PEM (PKCS #8).
func EncodeKey(key *ecdsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("write token key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// DecodeKey reads what EncodeKey wrote. The error says nothing of the text.
func DecodeKey(text string) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("read token key: not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("read token key: not PKCS #8")
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P384() {
		return nil, errors.New("read token key: not a P-384 key")
	}
	return ec, nil
}

var errNotObject = errors.New("not a JSON object")
