package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/proscenium-live/proscenium/internal/live"
)

// payload is what an issued token says, in the order in which the real service says it.
type payload struct {
	Exp          int64             `json:"exp"`
	Iat          int64             `json:"iat"`
	Jti          string            `json:"jti"`
	Resource     string            `json:"resource"`
	Topic        string            `json:"topic"`
	EventsURL    string            `json:"events_url"`
	WHIPURL      string            `json:"whip_url"`
	UserID       string            `json:"user_id,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Capabilities capabilities      `json:"capabilities"`
	Version      string            `json:"version"`
}

type capabilities struct {
	AllowPublish   bool `json:"allow_publish,omitempty"`
	AllowSubscribe bool `json:"allow_subscribe,omitempty"`
}

// Minter issues tokens with the server's key. Its methods may be called at once.
type Minter struct {
	key  *ecdsa.PrivateKey
	told *proven // nil: nobody
}

// NewMinter returns a Minter that signs with key.
func NewMinter(key *ecdsa.PrivateKey) *Minter { return &Minter{key: key} }

// NewPair returns a Minter and a Verifier of its tokens, which knows the Minter's own without checking.
func NewPair(key *ecdsa.PrivateKey) (*Minter, *Verifier) {
	m, v := NewMinter(key), NewVerifier(&key.PublicKey)
	m.told = v.proven
	return m, v
}

// Mint writes a token that says c. Times are cut to seconds. It returns Invalid if the token would be larger
// than MaxSize, which only attributes made of control characters can bring about.
func (m *Minter) Mint(c live.Claims) (live.Secret, error) {
	text, err := json.Marshal(payload{
		Exp:          c.ExpiresAt.Unix(),
		Iat:          c.IssuedAt.Unix(),
		Jti:          string(c.Participant),
		Resource:     c.Stage.String(),
		Topic:        string(c.Topic),
		EventsURL:    c.EventsURL,
		WHIPURL:      c.WHIPURL,
		UserID:       c.UserID,
		Attributes:   c.Attributes,
		Capabilities: capabilities{AllowPublish: c.Capabilities.Publish, AllowSubscribe: c.Capabilities.Subscribe},
		Version:      issuedVersion,
	})
	if err != nil {
		return "", fmt.Errorf("write token: %w", err)
	}
	signed := encode([]byte(issuedHeader)) + "." + encode(ascii(text))
	digest := sha512.Sum384([]byte(signed))
	signature, err := ecdsa.SignASN1(rand.Reader, m.key, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	whole := signed + "." + encode(signature)
	if len(whole) > MaxSize {
		return "", live.Errorf(live.Invalid,
			"the token would be %d bytes long, the limit is %d: use shorter attributes", len(whole), MaxSize)
	}
	if m.told != nil {
		m.told.put(whole)
	}
	return live.Secret(whole), nil
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// ascii writes characters outside ASCII as \u escapes, so that clients which decode the payload byte by byte
// read them right too. The input is JSON, where such characters only occur in strings.
func ascii(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return text
	}
	out := make([]byte, 0, len(text)*2)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xFFFF: // RFC 8259 section 7: as a pair of surrogates
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3FF)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}
