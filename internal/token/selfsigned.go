package token

import (
	"crypto/ecdsa"
	"crypto/sha512"
	"math/big"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// joseSize is the length of an ES384 signature in bytes: r and s, 48 each (RFC 7518 section 3.4).
const joseSize = 2 * 48

// selfSigned verifies a token that a customer has signed (control-plane.md 3.2). All that can be said without the
// key is checked before it is looked up, so that nonsense has nothing fetched.
func (v *Verifier) selfSigned(kid, signed string, body, signature []byte, now time.Time) (live.Claims, error) {
	none := live.Claims{}
	id, err := live.ParseARN(kid)
	if err != nil || id.Type != live.TypePublicKey {
		return none, invalid("the token's kid is not the ARN of a public key")
	}
	if len(signature) != joseSize {
		return none, invalid("the token's signature has %d bytes, one of ES384 has %d", len(signature), joseSize)
	}
	m, err := readMembers(body)
	if err != nil {
		return none, malformed("the token's payload is not a JSON object")
	}
	if m.isConnection() {
		return none, v.refuseConnection(m, id, signed, signature, now)
	}
	c, expired := m.claims(selfSignedVersion, now)
	if expired != nil && live.ReasonOf(expired) != live.TokenExpired {
		return none, expired
	}
	if id.Account != c.Stage.Account || id.Region != c.Stage.Region {
		return none, invalid("the token's key is of another account or region than its stage")
	}
	if err := v.signedBy(id, signed, signature); err != nil {
		return none, err
	}
	c.SelfSigned = true
	return c, expired
}

// signedBy returns nil if the holder of the key's private half signed the text.
func (v *Verifier) signedBy(id live.ARN, text string, signature []byte) error {
	if v.keys == nil {
		return invalid("the token is signed with a key of your own (ES384), which is not looked up here")
	}
	key, err := v.keys.PublicKey(id)
	if err != nil {
		return err
	}
	digest := sha512.Sum384([]byte(text))
	r, s := new(big.Int).SetBytes(signature[:joseSize/2]), new(big.Int).SetBytes(signature[joseSize/2:])
	defer v.turn.take().Unlock()
	if !ecdsa.Verify(key, digest[:], r, s) {
		return invalid("the token's signature is not that of the key it names")
	}
	return nil
}

// isConnection tells whether the claims are those of a connection token, which names no stage but an account.
func (m members) isConnection() bool {
	_, stage := m["resource"]
	_, account := m["account_id"]
	return account && !stage
}

// refuseConnection says what is wrong with a connection token, or, if nothing is, what it is not for
// (control-plane.md 3.3).
func (v *Verifier) refuseConnection(m members, id live.ARN, signed string, signature []byte, now time.Time) error {
	if err := m.version(selfSignedVersion); err != nil {
		return err
	}
	var texts [4]string
	for i, name := range []string{"jti", "account_id", "region", "events_url"} {
		var err error
		if texts[i], err = m.text(name); err != nil {
			return err
		}
	}
	if !live.ParticipantID(texts[0]).Valid() {
		return malformed("the token's claim jti is not 1 to 64 letters, digits, - and _")
	}
	if texts[1] != id.Account || texts[2] != id.Region {
		return invalid("the token's key is of another account or region than it says")
	}
	if _, _, err := m.life(MaxConnectionLife, now); err != nil {
		return err
	}
	if err := v.signedBy(id, signed, signature); err != nil {
		return err
	}
	return invalid("this is a connection token: it opens no stage, each stage needs a participant token of its own; " +
		"connections over several stages are not served yet")
}
