package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// sign makes a token of any header and payload with the key.
func sign(tb testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	tb.Helper()
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	digest := sha512.Sum384([]byte(text))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + encode(signature)
}

// jose makes an ES384 token as RFC 7518 section 3.4 says.
func jose(tb testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	tb.Helper()
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	digest := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	s.FillBytes(signature[48:])
	return text + "." + encode(signature)
}

func refused(t *testing.T, v *Verifier, raw string, at time.Time, want live.Reason) {
	t.Helper()
	c, err := v.Verify(raw, at)
	if err == nil {
		t.Fatalf("taken: %v", c)
	}
	if live.KindOf(err) != live.Unauthorized || live.ReasonOf(err) != want {
		t.Errorf("refused with %q (%v), expected %q", live.ReasonOf(err), err, want)
	}
	// Security row 13: no token in an error text.
	for part := range strings.SplitSeq(raw, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part) {
			t.Errorf("the error holds a part of the token: %v", err)
		}
	}
}

// Security row 8: whatever a token says of its algorithm and its key, the server's key and algorithm decide.
func TestVerify_Row8_RefusesAlgorithmConfusion(t *testing.T) {
	key, other := newKey(t), newKey(t)
	v := NewVerifier(&key.PublicKey)
	payload := part(t, mint(t, key, someClaims()), 1)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	mac := func(header string, key []byte) string {
		text := encode([]byte(header)) + "." + encode([]byte(payload))
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return text + "." + encode(m.Sum(nil))
	}
	const kid = `"kid":"arn:aws:ivs:us-west-2:123456789012:public-key/abcdABCDefgh"`
	for name, raw := range map[string]string{
		"alg none":             encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode([]byte(payload)) + "." + encode([]byte("x")),
		"alg none, signed":     sign(t, key, `{"alg":"none","typ":"JWT"}`, payload),
		"alg NONE":             sign(t, key, `{"alg":"NONE","typ":"JWT"}`, payload),
		"alg kms":              sign(t, key, `{"alg":"kms","typ":"JWT"}`, payload),
		"HS256, PEM as key":    mac(`{"alg":"HS256","typ":"JWT"}`, pemKey),
		"HS256, DER as key":    mac(`{"alg":"HS256","typ":"JWT"}`, public),
		"HS256, empty key":     mac(`{"alg":"HS256","typ":"JWT"}`, nil),
		"KMS, but HMAC":        mac(`{"alg":"KMS","typ":"JWT"}`, pemKey),
		"KMS, foreign key":     sign(t, other, `{"alg":"KMS","typ":"JWT"}`, payload),
		"KMS, fixed-size form": jose(t, key, `{"alg":"KMS","typ":"JWT"}`, payload),
		"KMS with kid":         sign(t, key, `{"alg":"KMS","typ":"JWT",`+kid+`}`, payload),
		"ES384 without kid":    jose(t, key, `{"alg":"ES384","typ":"JWT"}`, payload),
		"ES384, own key":       jose(t, key, `{"alg":"ES384","typ":"JWT",`+kid+`}`, payload),
		"ES384, foreign key":   jose(t, other, `{"alg":"ES384","typ":"JWT",`+kid+`}`, payload),
		"kid is a path":        jose(t, key, `{"alg":"ES384","typ":"JWT","kid":"../../etc/passwd"}`, payload),
		"kid is a URL":         jose(t, key, `{"alg":"ES384","typ":"JWT","kid":"https://evil.example/key"}`, payload),
		"ES256":                sign(t, key, `{"alg":"ES256","typ":"JWT"}`, payload),
		"RS256":                sign(t, key, `{"alg":"RS256","typ":"JWT"}`, payload),
		"typ JWE":              sign(t, key, `{"alg":"KMS","typ":"JWE"}`, payload),
	} {
		t.Run(name, func(t *testing.T) { refused(t, v, raw, start, live.TokenInvalid) })
	}
	for _, member := range []string{"jku", "x5u", "jwk", "x5c", "x5t", "crit", "zip", "enc", "b64", "cty", "ALG"} {
		t.Run("header has "+member, func(t *testing.T) {
			raw := sign(t, key, `{"alg":"KMS","typ":"JWT","`+member+`":"https://evil.example/key"}`, payload)
			refused(t, v, raw, start, live.TokenInvalid)
		})
	}
}

// Security row 9: a good signature does not make a bad claim good.
func TestVerify_Row9_RefusesBadClaims(t *testing.T) {
	key := newKey(t)
	v := NewVerifier(&key.PublicKey)
	payload := part(t, mint(t, key, someClaims()), 1)
	exp, iat := fmt.Sprint(start.Add(12*time.Hour).Unix()), fmt.Sprint(start.Unix())
	for _, c := range []struct {
		name, old, new string
		want           live.Reason
	}{
		{"expired", exp, iat, live.TokenExpired},
		{"exp in the year 9999", exp, "253402300799", live.TokenInvalid},
		{"exp beyond all years", exp, "9223372036854775807", live.TokenMalformed},
		{"exp beyond 64 bits", exp, "1e400", live.TokenMalformed},
		{"exp negative", exp, "-1", live.TokenMalformed},
		{"exp a fraction", exp, exp + ".5", live.TokenMalformed},
		{"exp a text", exp, `"` + exp + `"`, live.TokenMalformed},
		{"exp null", exp, "null", live.TokenMalformed},
		{"exp missing", `"exp":` + exp + ",", "", live.TokenMalformed},
		{"exp twice", `{"exp"`, `{"exp":1,"exp"`, live.TokenMalformed},
		{"iat missing", `"iat":` + iat + ",", "", live.TokenMalformed},
		{"iat ahead", iat, fmt.Sprint(start.Add(time.Hour).Unix()), live.TokenInvalid},
		{"nbf ahead", `{"exp"`, `{"nbf":` + exp + `,"exp"`, live.TokenInvalid},
		{"nbf no number", `{"exp"`, `{"nbf":true,"exp"`, live.TokenMalformed},
		{"lasts 15 days", exp, fmt.Sprint(start.Add(15 * 24 * time.Hour).Unix()), live.TokenInvalid},
		{"jti missing", `"jti":"1tFZIqK6yKYz",`, "", live.TokenMalformed},
		{"jti empty", "1tFZIqK6yKYz", "", live.TokenMalformed},
		{"jti a path", "1tFZIqK6yKYz", "../../x", live.TokenMalformed},
		{"jti too long", "1tFZIqK6yKYz", strings.Repeat("a", 65), live.TokenMalformed},
		{"stage missing", `"resource":"arn:aws:ivs:us-west-2:123456789012:stage/SGZkQ04U7B6h",`, "", live.TokenMalformed},
		{"resource a channel", ":stage/", ":channel/", live.TokenMalformed},
		{"resource no ARN", "arn:aws:ivs:", "arn:aws:s3:", live.TokenMalformed},
		{"topic missing", `"topic":"SGZkQ04U7B6h",`, "", live.TokenMalformed},
		{"topic of another stage", `"topic":"SGZkQ04U7B6h"`, `"topic":"SGZkQ04U7B6i"`, live.TokenInvalid},
		{"capabilities missing", `"capabilities":{"allow_subscribe":true},`, "", live.TokenMalformed},
		{"capability a text", `"allow_subscribe":true`, `"allow_subscribe":"true"`, live.TokenMalformed},
		{"capability a number", `"allow_subscribe":true`, `"allow_publish":1`, live.TokenMalformed},
		{"capabilities a list", `{"allow_subscribe":true}`, `["allow_publish"]`, live.TokenMalformed},
		{"capability twice", `{"allow_subscribe":true}`, `{"allow_publish":false,"allow_publish":true}`, live.TokenMalformed},
		{"attributes a list", `{"k":"v"}`, `["k"]`, live.TokenMalformed},
		{"attribute a number", `{"k":"v"}`, `{"k":1}`, live.TokenMalformed},
		{"user_id a number", `"u1"`, `1`, live.TokenMalformed},
		{"version of another kind", `"version":"0.0"`, `"version":"1.0"`, live.TokenInvalid},
		{"version missing", `,"version":"0.0"`, ``, live.TokenMalformed},
		{"more after the object", `"version":"0.0"}`, `"version":"0.0"}{}`, live.TokenMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(payload, c.old, c.new, 1)
			if changed == payload {
				t.Fatal("the case changes nothing")
			}
			refused(t, v, sign(t, key, issuedHeader, changed), start, c.want)
		})
	}
	for _, name := range []string{`"null"`, "null", "[]", "true", "", "{", `{"a"`, `{"a":1,}`, strings.Repeat("[", 3000)} {
		t.Run("payload is "+name[:min(len(name), 8)], func(t *testing.T) {
			refused(t, v, sign(t, key, issuedHeader, name+" "), start, live.TokenMalformed)
		})
	}
}

// Security row 9: rights cannot be added to a token.
func TestVerify_Row9_RefusesEscalation(t *testing.T) {
	key := newKey(t)
	v := NewVerifier(&key.PublicKey)
	raw := mint(t, key, someClaims())
	payload := strings.Replace(part(t, raw, 1), `"allow_subscribe":true`, `"allow_publish":true,"allow_subscribe":true`, 1)
	parts := strings.Split(raw, ".")
	refused(t, v, parts[0]+"."+encode([]byte(payload))+"."+parts[2], start, live.TokenInvalid)

	c, err := v.Verify(raw, start)
	if err != nil || c.Capabilities.Publish {
		t.Fatalf("got %v, %v", c.Capabilities, err)
	}
	// Names in other letters mean nothing: a right that is not there is not given.
	other := strings.Replace(part(t, raw, 1), "allow_subscribe", "ALLOW_PUBLISH", 1)
	if c, err = v.Verify(sign(t, key, issuedHeader, other), start); err != nil || c.Capabilities != (live.Capabilities{}) {
		t.Fatalf("got %v, %v", c.Capabilities, err)
	}
}

// Security row 9: a short key cannot be used for signing.
func TestDecodeKey_Row9_RefusesOtherCurves(t *testing.T) {
	short, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := EncodeKey(short)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeKey(text); err == nil {
		t.Fatal("a P-256 key was taken")
	}
}

// Security row 10: size is looked at before anything is parsed.
func TestVerify_Row10_RefusesBombsUnparsed(t *testing.T) {
	key := newKey(t)
	v := NewVerifier(&key.PublicKey)
	jwe := encode([]byte(`{"alg":"ECDH-ES","enc":"A256GCM","zip":"DEF"}`)) + ".." + "AAAA.AAAA.AAAA"
	for name, raw := range map[string]string{
		"1 MB":            strings.Repeat("A", 1<<20),
		"1 MB, 3 parts":   "A." + strings.Repeat("A", 1<<20) + ".A",
		"a million dots":  strings.Repeat(".", 1_000_000),
		"8,000 dots":      strings.Repeat(".", 8000),
		"one byte beyond": strings.Repeat("A", MaxSize-1) + "..",
		"a JWE":           jwe,
		"no dots":         "AAAA",
		"empty parts":     "..",
		"line break":      mint(t, key, someClaims()) + "\n",
		"other alphabet":  strings.ReplaceAll(mint(t, key, someClaims()), ".", "+.") + "/",
		"padding":         mint(t, key, someClaims()) + "=",
		"NUL":             mint(t, key, someClaims()) + "\x00",
	} {
		t.Run(name, func(t *testing.T) { refused(t, v, raw, start, live.TokenMalformed) })
	}
	refused(t, v, "", start, live.TokenMissing)
	huge := strings.Repeat(".", 1_000_000)
	if n := testing.AllocsPerRun(10, func() { _, _ = v.Verify(huge, start) }); n > 10 {
		t.Errorf("refusing a million dots allocates %.0f times", n)
	}
}

func TestVerify_TakesATokenUntilItExpires(t *testing.T) {
	key := newKey(t)
	v := NewVerifier(&key.PublicKey)
	raw := mint(t, key, someClaims())
	end := someClaims().ExpiresAt
	if _, err := v.Verify(raw, end.Add(-time.Nanosecond)); err != nil {
		t.Errorf("refused just before its end: %v", err)
	}
	refused(t, v, raw, end, live.TokenExpired)
	if _, err := v.Verify(raw, start.Add(-Leeway)); err != nil {
		t.Errorf("refused though the issuer's clock is only %v ahead: %v", Leeway, err)
	}
	refused(t, v, raw, start.Add(-Leeway-time.Second), live.TokenInvalid)
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	v := NewVerifier(&key.PublicKey)
	good := mint(f, key, someClaims())
	payload := part(f, good, 1)
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add(strings.Repeat(".", 100))
	f.Add(sign(f, key, `{"alg":"none","typ":"JWT"}`, payload))
	f.Add(jose(f, key, `{"alg":"ES384","typ":"JWT","kid":"arn:aws:ivs:us-west-2:1:public-key/a"}`, payload))
	f.Add(sign(f, key, issuedHeader, `{"exp":1e9}`))
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := v.Verify(raw, start)
		if err == nil && raw != good {
			// ECDSA allows only what the key has signed: the seeds.
			if !strings.HasPrefix(raw, good[:strings.LastIndexByte(good, '.')]) {
				t.Fatalf("taken: %q", raw)
			}
		}
		if err != nil && live.KindOf(err) != live.Unauthorized {
			t.Fatalf("%q gave %v", raw, err)
		}
	})
}

// FuzzClaims gives payloads a good signature: their reader must cope with anything.
func FuzzClaims(f *testing.F) {
	key := newKey(f)
	f.Add([]byte(part(f, mint(f, key, someClaims()), 1)))
	f.Add([]byte(`{"capabilities":{"allow_publish":true}}`))
	f.Add([]byte(`{"exp":-9223372036854775808,"iat":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readClaims(text, issuedVersion, start)
		if err != nil {
			return
		}
		if !c.Participant.Valid() || string(c.Topic) != c.Stage.ID || c.ExpiresAt.Sub(c.IssuedAt) > MaxLife ||
			!c.ExpiresAt.After(start) {
			t.Fatalf("%s gave %+v", text, c)
		}
	})
}
