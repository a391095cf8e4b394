package token

import (
	"crypto/ecdsa"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// imported are customers' keys, and what was looked up.
type imported struct {
	keys  map[string]*ecdsa.PublicKey
	asked []string
}

func (i *imported) PublicKey(id live.ARN) (*ecdsa.PublicKey, error) {
	i.asked = append(i.asked, id.String())
	if key := i.keys[id.String()]; key != nil {
		return key, nil
	}
	return nil, invalid("no such key")
}

const (
	ownKid   = "arn:aws:ivs:us-west-2:123456789012:public-key/YFHfoNuk1NyV"
	ownStage = "arn:aws:ivs:us-west-2:123456789012:stage/SGZkQ04U7B6h"
)

// customer is someone with an imported key, and the server that knows it.
type customer struct {
	key *ecdsa.PrivateKey
	v   *Verifier
	in  *imported
}

func newCustomer(tb testing.TB) customer {
	tb.Helper()
	key := newKey(tb)
	in := &imported{keys: map[string]*ecdsa.PublicKey{ownKid: &key.PublicKey}}
	return customer{key: key, v: NewVerifier(&newKey(tb).PublicKey).WithKeys(in), in: in}
}

func kidHeader(kid string) string { return `{"alg":"ES384","typ":"JWT","kid":"` + kid + `"}` }

// ownPayload is what a customer's token says, in the order of the guide's sample.
func ownPayload() string {
	return fmt.Sprintf(`{"exp":%d,"iat":%d,"jti":"Mx6clRRHODPy","resource":%q,"topic":"SGZkQ04U7B6h",`+
		`"events_url":"wss://media.example/events","whip_url":"https://media.example/whip","user_id":"u1",`+
		`"attributes":{"k":"v"},"capabilities":{"allow_publish":true,"allow_subscribe":true},"version":"1.0"}`,
		start.Add(time.Hour).Unix(), start.Unix(), ownStage)
}

func connectionPayload() string {
	return fmt.Sprintf(`{"exp":%d,"iat":%d,"jti":"conn-1","account_id":"123456789012","region":"us-west-2",`+
		`"events_url":"wss://media.example/events","version":"1.0"}`, start.Add(28*24*time.Hour).Unix(), start.Unix())
}

func TestVerify_TakesWhatAnImportedKeySigned(t *testing.T) {
	c := newCustomer(t)
	got, err := c.v.Verify(jose(t, c.key, kidHeader(ownKid), ownPayload()), start)
	if err != nil {
		t.Fatal(err)
	}
	want := someClaims()
	want.Participant, want.ExpiresAt, want.SelfSigned = "Mx6clRRHODPy", start.Add(time.Hour), true
	want.Capabilities.Publish = true
	if a, b := asJSON(t, got), asJSON(t, want); a != b {
		t.Errorf("got\n%s, expected\n%s", a, b)
	}
	if len(c.in.asked) != 1 || c.in.asked[0] != ownKid {
		t.Errorf("looked up %v", c.in.asked)
	}
}

func TestVerify_TakesTheShortestAndTheLongestOwnToken(t *testing.T) {
	c := newCustomer(t)
	full := ownPayload()
	for name, payload := range map[string]string{
		"no user_id":       strings.Replace(full, `"user_id":"u1",`, "", 1),
		"user_id null":     strings.Replace(full, `"u1"`, "null", 1),
		"user_id empty":    strings.Replace(full, `"u1"`, `""`, 1),
		"user_id 128":      strings.Replace(full, `"u1"`, `"`+strings.Repeat("é", 128)+`"`, 1),
		"no attributes":    strings.Replace(full, `"attributes":{"k":"v"},`, "", 1),
		"attributes null":  strings.Replace(full, `{"k":"v"}`, "null", 1),
		"attributes 1 KB":  strings.Replace(full, `"v"`, `"`+strings.Repeat("a", 1023)+`"`, 1),
		"no right":         strings.Replace(full, `{"allow_publish":true,"allow_subscribe":true}`, "{}", 1),
		"jti of all kinds": strings.Replace(full, "Mx6clRRHODPy", strings.Repeat("aZ0-_", 12)+"abcd", 1),
		"14 days":          strings.Replace(full, fmt.Sprint(start.Add(time.Hour).Unix()), fmt.Sprint(start.Add(MaxLife).Unix()), 1),
		"another server":   strings.Replace(full, "media.example", "global.events.live-video.net", 1),
		"more claims":      strings.Replace(full, "{", `{"iss":"me","aud":["x"],"custom":{"a":1},`, 1),
	} {
		if payload == full {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := c.v.Verify(jose(t, c.key, kidHeader(ownKid), payload), start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Security row 8: the key is the one that the token names, of the stage's account and region, and of its form.
func TestVerify_Row8_RefusesOwnTokensOfOtherKeys(t *testing.T) {
	c := newCustomer(t)
	other := newKey(t)
	c.in.keys["arn:aws:ivs:us-west-2:999999999999:public-key/YFHfoNuk1NyV"] = &c.key.PublicKey
	c.in.keys["arn:aws:ivs:eu-west-1:123456789012:public-key/YFHfoNuk1NyV"] = &c.key.PublicKey
	second := "arn:aws:ivs:us-west-2:123456789012:public-key/second"
	c.in.keys[second] = &other.PublicKey
	good := jose(t, c.key, kidHeader(ownKid), ownPayload())
	for name, raw := range map[string]string{
		"signed by another":  jose(t, other, kidHeader(ownKid), ownPayload()),
		"kid of another":     jose(t, c.key, kidHeader(second), ownPayload()),
		"kid swapped":        encode([]byte(kidHeader(second))) + good[strings.IndexByte(good, '.'):],
		"kid unknown":        jose(t, c.key, kidHeader(ownKid+"x"), ownPayload()),
		"kid, other account": jose(t, c.key, kidHeader("arn:aws:ivs:us-west-2:999999999999:public-key/YFHfoNuk1NyV"), ownPayload()),
		"kid, other region":  jose(t, c.key, kidHeader("arn:aws:ivs:eu-west-1:123456789012:public-key/YFHfoNuk1NyV"), ownPayload()),
		"kid is a stage":     jose(t, c.key, kidHeader(ownStage), ownPayload()),
		"kid of a service":   jose(t, c.key, kidHeader("arn:aws:s3:us-west-2:123456789012:public-key/YFHfoNuk1NyV"), ownPayload()),
		"kid climbs":         jose(t, c.key, kidHeader(ownKid+"/../../x"), ownPayload()),
		"DER signature":      sign(t, c.key, kidHeader(ownKid), ownPayload()),
		"signature of zeros": signatureOf(good, make([]byte, 96)),
		"signature short":    signatureOf(good, make([]byte, 95)),
		"server's algorithm": jose(t, c.key, `{"alg":"KMS","typ":"JWT","kid":"`+ownKid+`"}`, ownPayload()),
		"HS384":              jose(t, c.key, `{"alg":"HS384","typ":"JWT","kid":"`+ownKid+`"}`, ownPayload()),
		"jku beside kid": jose(t, c.key,
			`{"alg":"ES384","typ":"JWT","kid":"`+ownKid+`","jku":"https://evil.example"}`, ownPayload()),
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.v, raw, start, live.TokenInvalid) })
	}
	t.Run("the server's key signs no own tokens", func(t *testing.T) {
		key := newKey(t)
		v := NewVerifier(&key.PublicKey).WithKeys(c.in)
		refused(t, v, jose(t, key, kidHeader(ownKid), ownPayload()), start, live.TokenInvalid)
	})
}

func signatureOf(raw string, signature []byte) string {
	return raw[:strings.LastIndexByte(raw, '.')+1] + encode(signature)
}

// Security row 9: every claim is checked, and nothing is looked up for what is no token.
func TestVerify_Row9_RefusesBadOwnClaims(t *testing.T) {
	c := newCustomer(t)
	full := ownPayload()
	exp, iat := fmt.Sprint(start.Add(time.Hour).Unix()), fmt.Sprint(start.Unix())
	for _, x := range []struct {
		name, old, new string
		want           live.Reason
	}{
		{"version of issued tokens", `"1.0"`, `"0.0"`, live.TokenInvalid},
		{"version a number", `"1.0"`, `1.0`, live.TokenMalformed},
		{"version missing", `,"version":"1.0"`, ``, live.TokenMalformed},
		{"lasts 14 days and a second", exp, fmt.Sprint(start.Add(MaxLife).Unix() + 1), live.TokenInvalid},
		{"exp before iat", exp, fmt.Sprint(start.Unix() - 1), live.TokenExpired},
		{"exp a float", exp, exp + ".5", live.TokenMalformed},
		{"exp a text", exp, `"` + exp + `"`, live.TokenMalformed},
		{"exp missing", `"exp":` + exp + `,`, ``, live.TokenMalformed},
		{"iat missing", `"iat":` + iat + `,`, ``, live.TokenMalformed},
		{"iat ahead", iat, fmt.Sprint(start.Add(6 * time.Minute).Unix()), live.TokenInvalid},
		{"jti missing", `"jti":"Mx6clRRHODPy",`, ``, live.TokenMalformed},
		{"jti a number", `"Mx6clRRHODPy"`, `12`, live.TokenMalformed},
		{"jti of 65", `Mx6clRRHODPy`, strings.Repeat("a", 65), live.TokenMalformed},
		{"jti with a dot", `Mx6clRRHODPy`, "a.b", live.TokenMalformed},
		{"resource missing", `"resource":"` + ownStage + `",`, ``, live.TokenMalformed},
		{"resource of another kind", `:stage/`, `:channel/`, live.TokenMalformed},
		{"resource of another account", `:123456789012:stage`, `:210987654321:stage`, live.TokenInvalid},
		{"resource of another region", `us-west-2`, `us-west-1`, live.TokenInvalid},
		{"topic of another stage", `"topic":"S`, `"topic":"T`, live.TokenInvalid},
		{"topic missing", `"topic":"SGZkQ04U7B6h",`, ``, live.TokenMalformed},
		{"events_url missing", `"events_url":"wss://media.example/events",`, ``, live.TokenMalformed},
		{"whip_url missing", `"whip_url":"https://media.example/whip",`, ``, live.TokenMalformed},
		{"whip_url a number", `"https://media.example/whip"`, `1`, live.TokenMalformed},
		{"capabilities missing", `"capabilities":{"allow_publish":true,"allow_subscribe":true},`, ``, live.TokenMalformed},
		{"capability a text", `"allow_publish":true`, `"allow_publish":"true"`, live.TokenMalformed},
		{"user_id a number", `"u1"`, `1`, live.TokenMalformed},
		{"user_id of 129", `"u1"`, `"` + strings.Repeat("a", 129) + `"`, live.TokenMalformed},
		{"attributes a list", `{"k":"v"}`, `[]`, live.TokenMalformed},
		{"attribute a number", `{"k":"v"}`, `{"k":1}`, live.TokenMalformed},
		{"attribute null", `{"k":"v"}`, `{"k":null}`, live.TokenMalformed},
		{"attribute twice", `{"k":"v"}`, `{"k":"v","k":"w"}`, live.TokenMalformed},
		{"attributes above 1 KB", `{"k":"v"}`, `{"k":"` + strings.Repeat("a", 1024) + `"}`, live.TokenMalformed},
	} {
		t.Run(x.name, func(t *testing.T) {
			changed := strings.Replace(full, x.old, x.new, 1)
			if changed == full {
				t.Fatal("the case changes nothing")
			}
			c.in.asked = nil
			refused(t, c.v, jose(t, c.key, kidHeader(ownKid), changed), start, x.want)
			if x.want != live.TokenExpired && len(c.in.asked) != 0 {
				t.Error("its key was looked up")
			}
		})
	}
}

func TestVerify_ReturnsTheClaimsOfAnExpiredTokenOnlyIfItIsTrue(t *testing.T) {
	c := newCustomer(t)
	at := start.Add(2 * time.Hour)
	got, err := c.v.Verify(jose(t, c.key, kidHeader(ownKid), ownPayload()), at)
	if live.ReasonOf(err) != live.TokenExpired || got.Participant != "Mx6clRRHODPy" {
		t.Errorf("got %v, %v", got.Participant, err)
	}
	got, err = c.v.Verify(jose(t, newKey(t), kidHeader(ownKid), ownPayload()), at)
	if live.ReasonOf(err) != live.TokenInvalid || got.Participant != "" {
		t.Errorf("a forged one gives %v, %v", got.Participant, err)
	}
}

func TestVerify_TellsConnectionTokensApart(t *testing.T) {
	c := newCustomer(t)
	full := connectionPayload()
	_, err := c.v.Verify(jose(t, c.key, kidHeader(ownKid), full), start)
	if live.ReasonOf(err) != live.TokenInvalid || !strings.Contains(err.Error(), "connection token") {
		t.Errorf("got %v", err)
	}
	exp := fmt.Sprint(start.Add(28 * 24 * time.Hour).Unix())
	for _, x := range []struct {
		name, old, new string
		want           live.Reason
	}{
		{"expired", exp, fmt.Sprint(start.Unix()), live.TokenExpired},
		{"lasts too long", exp, exp + "0", live.TokenInvalid},
		{"another account", "123456789012", "210987654321", live.TokenInvalid},
		{"another region", "us-west-2", "us-west-1", live.TokenInvalid},
		{"no events_url", `"events_url":"wss://media.example/events",`, "", live.TokenMalformed},
		{"bad jti", "conn-1", "conn.1", live.TokenMalformed},
		{"version", `"1.0"`, `"0.0"`, live.TokenInvalid},
	} {
		changed := strings.Replace(full, x.old, x.new, 1)
		_, err := c.v.Verify(jose(t, c.key, kidHeader(ownKid), changed), start)
		if changed == full || live.ReasonOf(err) != x.want || strings.Contains(err.Error(), "connection token") {
			t.Errorf("%s gave %v", x.name, err)
		}
	}
	refused(t, c.v, jose(t, newKey(t), kidHeader(ownKid), full), start, live.TokenInvalid)
}

// Whatever bit of a good token is turned, it is good no more.
func TestVerify_RefusesEveryChangeOfAnOwnToken(t *testing.T) {
	c := newCustomer(t)
	raw := jose(t, c.key, kidHeader(ownKid), ownPayload())
	random := rand.New(rand.NewPCG(3, 2))
	for range 2000 {
		parts := strings.Split(raw, ".")
		i := random.IntN(3)
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		parts[i] = encode(data)
		if _, err := c.v.Verify(strings.Join(parts, "."), start); err == nil {
			t.Fatalf("taken with a change in part %d: %s", i, data)
		}
	}
}

// FuzzSelfSigned gives payloads a customer's good signature: what is taken keeps every rule.
func FuzzSelfSigned(f *testing.F) {
	c := newCustomer(f)
	f.Add(kidHeader(ownKid), ownPayload())
	f.Add(kidHeader(ownKid), connectionPayload())
	f.Add(kidHeader(ownStage), `{"resource":{},"account_id":1}`)
	f.Add(`{"alg":"ES384","kid":null}`, `{"version":"1.0","capabilities":[],"attributes":{"a":{}}}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		got, err := c.v.Verify(jose(t, c.key, header, payload), start)
		if err != nil {
			if live.KindOf(err) != live.Unauthorized {
				t.Fatalf("%s %s gave %v", header, payload, err)
			}
			return
		}
		if !got.SelfSigned || !got.Participant.Valid() || got.Stage.Account != "123456789012" ||
			got.Stage.Region != "us-west-2" || string(got.Topic) != got.Stage.ID ||
			got.ExpiresAt.Sub(got.IssuedAt) > MaxLife || !got.ExpiresAt.After(start) {
			t.Fatalf("%s %s gave %+v", header, payload, got)
		}
	})
}
