package token

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := GenerateKey()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func someClaims() live.Claims {
	arn := live.ARN{Region: "us-west-2", Account: "123456789012", Type: live.TypeStage, ID: "SGZkQ04U7B6h"}
	return live.Claims{
		Participant: "1tFZIqK6yKYz", Stage: arn, Topic: "SGZkQ04U7B6h",
		EventsURL: "wss://media.example/events", WHIPURL: "https://media.example/whip",
		UserID: "u1", Attributes: map[string]string{"k": "v"},
		Capabilities: live.Capabilities{Subscribe: true},
		IssuedAt:     start, ExpiresAt: start.Add(12 * time.Hour),
	}
}

func mint(tb testing.TB, key *ecdsa.PrivateKey, c live.Claims) string {
	tb.Helper()
	s, err := NewMinter(key).Mint(c)
	if err != nil {
		tb.Fatal(err)
	}
	return string(s)
}

func part(tb testing.TB, raw string, i int) string {
	tb.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[i])
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestMint_WritesWhatTheRealServiceWrites(t *testing.T) {
	raw := mint(t, newKey(t), someClaims())
	if got := part(t, raw, 0); got != `{"alg":"KMS","typ":"JWT"}` {
		t.Errorf("header is %s", got)
	}
	want := `{"exp":1772643967,"iat":1772600767,"jti":"1tFZIqK6yKYz",` +
		`"resource":"arn:aws:ivs:us-west-2:123456789012:stage/SGZkQ04U7B6h","topic":"SGZkQ04U7B6h",` +
		`"events_url":"wss://media.example/events","whip_url":"https://media.example/whip",` +
		`"user_id":"u1","attributes":{"k":"v"},"capabilities":{"allow_subscribe":true},"version":"0.0"}`
	if got := part(t, raw, 1); got != want {
		t.Errorf("payload is\n%s, expected\n%s", got, want)
	}
	// A DER signature of P-384: a sequence of two integers, 102 to 104 bytes but for rare short ones.
	if sig := part(t, raw, 2); sig[0] != 0x30 || len(sig) > 104 || len(sig) < 96 {
		t.Errorf("signature of %d bytes begins with %#x", len(sig), sig[0])
	}
}

func TestMint_LeavesOutWhatWasNotGiven(t *testing.T) {
	c := someClaims()
	c.UserID, c.Attributes, c.Capabilities = "", nil, live.Capabilities{}
	got := part(t, mint(t, newKey(t), c), 1)
	if strings.Contains(got, "user_id") || strings.Contains(got, "attributes") ||
		!strings.Contains(got, `"capabilities":{}`) {
		t.Errorf("payload is %s", got)
	}
}

func TestMint_WritesPlainASCII(t *testing.T) {
	key := newKey(t)
	c := someClaims()
	c.UserID = "Zoë 日本 🎭 <&>\u2028"
	c.Attributes = map[string]string{"rôle": "\"\\\t\x7f"}
	raw := mint(t, key, c)
	text := part(t, raw, 1)
	for _, r := range text {
		if r > 0x7e && r != 0x7f {
			t.Fatalf("payload holds %q", r)
		}
	}
	if !strings.Contains(text, `Zo\u00eb \u65e5\u672c \ud83c\udfad`) {
		t.Errorf("payload is %s", text)
	}
	got, err := NewVerifier(&key.PublicKey).Verify(raw, start)
	if err != nil || got.UserID != c.UserID || !maps.Equal(got.Attributes, c.Attributes) {
		t.Errorf("read %q, %v, %v", got.UserID, got.Attributes, err)
	}
}

func TestMint_RefusesWhatNobodyWouldRead(t *testing.T) {
	key := newKey(t)
	c := someClaims()
	c.UserID = strings.Repeat("🎭", 128)
	c.Attributes = map[string]string{"k": strings.Repeat("é", 511)}
	if _, err := NewVerifier(&key.PublicKey).Verify(mint(t, key, c), start); err != nil {
		t.Errorf("the largest sensible token is refused: %v", err)
	}
	c.Attributes = map[string]string{"k": strings.Repeat("\x01", 1023)}
	if _, err := NewMinter(key).Mint(c); live.KindOf(err) != live.Invalid || err == nil {
		t.Errorf("got %v, expected Invalid", err)
	}
}

func TestVerify_ReturnsWhatWasMinted(t *testing.T) {
	key := newKey(t)
	want := someClaims()
	got, err := NewVerifier(&key.PublicKey).Verify(mint(t, key, want), start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := asJSON(t, got), asJSON(t, want); a != b {
		t.Errorf("got\n%s, expected\n%s", a, b)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestKey_SurvivesWritingAndReading(t *testing.T) {
	key := newKey(t)
	text, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeKey(text)
	if err != nil || !key.Equal(back) {
		t.Fatalf("read %v", err)
	}
	for _, bad := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := DecodeKey(bad); err == nil {
			t.Errorf("%q was read as a key", bad)
		}
	}
}
