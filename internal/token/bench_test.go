package token

import "testing"

// What a join costs before anything else happens.
func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	v := NewVerifier(&key.PublicKey)
	raw := mint(b, key, someClaims())
	for b.Loop() {
		if _, err := v.Verify(raw, start); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMint(b *testing.B) {
	m := NewMinter(newKey(b))
	for b.Loop() {
		if _, err := m.Mint(someClaims()); err != nil {
			b.Fatal(err)
		}
	}
}
