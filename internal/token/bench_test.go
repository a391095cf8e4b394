package token

import (
	"crypto/sha256"
	"testing"
)

// What a join costs before anything else happens.
func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	v := NewVerifier(&key.PublicKey)
	raw := mint(b, key, someClaims())
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Verify(raw, start); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			v.proven.sets[setOf(sha256.Sum256([]byte(raw)))].hashes = [provenWays][sha256.Size]byte{}
			if _, err := v.Verify(raw, start); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMint(b *testing.B) {
	m := NewMinter(newKey(b))
	for b.Loop() {
		if _, err := m.Mint(someClaims()); err != nil {
			b.Fatal(err)
		}
	}
}
