package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
)

// knownKey was made with `openssl ecparam -name secp384r1 -genkey | openssl ec -pubout`; its fingerprint is that of
// `openssl ec -pubin -outform DER | md5sum`.
const knownKey = `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEhXrH4nxsJEnWP/SKn8amGamXA7D32/o6
ZXBlgLnYBHR5IT9TTVEUofr9B7rM2Yb3NaziIYuTGBjlmtb3ZmKHjsGCvZjGnf9M
nFbJ6I0aE4z2cT7w4Ks7B596b38t/Mi6
-----END PUBLIC KEY-----
`

const knownFingerprint = "ad:c7:ca:e6:dd:e9:f2:b7:1e:64:70:9c:db:b9:60:ef"

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestParsePublicKey_ReadsEitherLineBreak(t *testing.T) {
	for name, text := range map[string]string{
		"LF": knownKey, "CRLF": strings.ReplaceAll(knownKey, "\n", "\r\n"), "no break at the end": strings.TrimSpace(knownKey),
	} {
		key, err := ParsePublicKey(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := Fingerprint(key); err != nil || got != knownFingerprint {
			t.Errorf("%s: fingerprint %s, %v, expected %s", name, got, err, knownFingerprint)
		}
	}
}

func TestParsePublicKey_SaysWhatElseATextIs(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := EncodeKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	offCurve := []byte(publicPEM(t, &newKey(t).PublicKey))
	offCurve[len(offCurve)-30] ^= 1
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "not PEM"},
		{"garbage", "hello", "not PEM"},
		{"RSA", publicPEM(t, &short.PublicKey), "RSA"},
		{"P-256", publicPEM(t, &p256.PublicKey), "P-256"},
		{"Ed25519", publicPEM(t, edwards), "Ed25519"},
		{"private", private, "PRIVATE KEY"},
		{"two keys", knownKey + knownKey, "more than one"},
		{"text before", "x\n" + knownKey, "more than one"},
		{"text after", knownKey + "x", "more than one"},
		{"headers", strings.Replace(knownKey, "KEY-----\n", "KEY-----\nA: b\n\n", 1), "headers"},
		{"no SPKI", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "SubjectPublicKeyInfo"},
		{"not on the curve", string(offCurve), ""},
		{"1 MB", strings.Repeat("A", 1<<20), "limit"},
	} {
		_, err := ParsePublicKey(c.text)
		if err == nil || live.KindOf(err) != live.Invalid || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: got %v, expected %q", c.name, err, c.want)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(knownKey)
	f.Add(strings.ReplaceAll(knownKey, "\n", "\r\n"))
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
	f.Add("-----BEGIN \xff-----")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParsePublicKey(text)
		switch {
		case err == nil && key.Curve != elliptic.P384():
			t.Fatalf("%q is on %v", text, key.Curve)
		case err != nil && live.KindOf(err) != live.Invalid:
			t.Fatalf("%q gave %v", text, err)
		}
	})
}
