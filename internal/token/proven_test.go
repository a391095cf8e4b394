package token

import (
	"fmt"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
)

func TestPair_KnowsItsOwnTokensWithoutChecking(t *testing.T) {
	m, v := NewPair(newKey(t))
	raw, err := m.Mint(someClaims())
	if err != nil {
		t.Fatal(err)
	}
	v.key = &newKey(t).PublicKey // whoever checked would refuse now
	got, err := v.Verify(string(raw), start)
	if err != nil || got.Participant != someClaims().Participant {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := v.Verify(string(raw), someClaims().ExpiresAt.Add(1)); live.ReasonOf(err) != live.TokenExpired {
		t.Errorf("a known token that has expired: %v", err)
	}
}

func TestVerifier_ChecksATokenOnce(t *testing.T) {
	key := newKey(t)
	v := NewVerifier(&key.PublicKey)
	raw := mint(t, key, someClaims())
	if _, err := v.Verify(raw, start); err != nil {
		t.Fatal(err)
	}
	v.key = &newKey(t).PublicKey
	if _, err := v.Verify(raw, start); err != nil {
		t.Errorf("checked again: %v", err)
	}
}

// A change of a known token, in whatever part, is checked and refused, and not remembered.
func TestVerifier_RefusesAChangeOfATokenItKnows_Row8(t *testing.T) {
	m, v := NewPair(newKey(t))
	minted, err := m.Mint(someClaims())
	if err != nil {
		t.Fatal(err)
	}
	raw := string(minted)
	for i := 0; i < len(raw); i += 11 {
		changed := raw[:i] + string(rune('A'+(raw[i]+1)%26)) + raw[i+1:]
		if changed == raw {
			continue
		}
		for range 2 {
			if _, err := v.Verify(changed, start); err == nil {
				t.Fatalf("byte %d changed: taken", i)
			}
		}
	}
	if other := strings.TrimRight(raw, "=") + "A"; v.proven.has(other) {
		t.Error("knows a longer one")
	}
}

func TestProven_ForgetsTheOldestFirst(t *testing.T) {
	p := new(proven)
	const many = 3 * provenSets * provenWays
	for i := range many {
		p.put(fmt.Sprint(i))
	}
	for i := many - 100; i < many; i++ {
		if !p.has(fmt.Sprint(i)) {
			t.Errorf("has forgotten %d of %d", i, many)
		}
	}
	old := 0
	for i := range 1000 {
		if p.has(fmt.Sprint(i)) {
			old++
		}
	}
	if old > 100 {
		t.Errorf("still knows %d of the 1000 oldest", old)
	}
}
