package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// issuer is an app's own server: it signs tokens with a key that has been imported.
type issuer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	kid  string
	node *nodetest.Node
}

func newIssuer(t *testing.T, n *nodetest.Node) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ PublicKey struct{ ARN string } }
	n.Call("ImportPublicKey", map[string]string{
		"publicKeyMaterial": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}, &out)
	return &issuer{t: t, key: key, kid: out.PublicKey.ARN, node: n}
}

// sign makes a token as RFC 7518 section 3.4 says.
func (i *issuer) sign(claims map[string]any) string {
	i.t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			i.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]string{"alg": "ES384", "typ": "JWT", "kid": i.kid}) + "." + part(claims)
	digest := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		i.t.Fatal(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	s.FillBytes(signature[48:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// claims are those of a token for a stage.
func (i *issuer) claims(stage, id string) map[string]any {
	i.t.Helper()
	var out struct {
		Stage struct{ Endpoints struct{ Events, WHIP string } }
	}
	i.node.Call("GetStage", map[string]string{"arn": stage}, &out)
	now := time.Now().Unix()
	return map[string]any{
		"exp": now + 3600, "iat": now, "jti": id, "resource": stage, "topic": stage[strings.LastIndex(stage, "/")+1:],
		"events_url": out.Stage.Endpoints.Events, "whip_url": out.Stage.Endpoints.WHIP, "version": "1.0",
		"capabilities": map[string]bool{"allow_publish": true, "allow_subscribe": true},
		"user_id":      "user", "attributes": map[string]string{"role": "host"},
	}
}

// refused fails unless a join with the token is refused with the code.
func (i *issuer) refused(what, token, code string) {
	i.t.Helper()
	p, err := client.Join(i.t.Context(), token, client.Options{})
	if err == nil {
		_ = p.Leave(i.t.Context())
		i.t.Errorf("%s: let in", what)
		return
	}
	var join *client.JoinError
	if !errors.As(err, &join) || join.Code != code {
		i.t.Errorf("%s: got %v, expected %s", what, err, code)
	}
}

// A token that the app has signed lets its participant in until the key, the participant's right or the stage is gone;
// and who is in stays when the key goes. Security row 11.
func TestOwnTokens_LetInUntilTheyAreTakenBack(t *testing.T) {
	n := nodetest.Start(t)
	i := newIssuer(t, n)
	stage, other := n.CreateStage(), n.CreateStage()
	alice := join(t, i.sign(i.claims(stage, "alice_1")), client.Options{})

	n.Call("DisconnectParticipant", map[string]string{"stageArn": stage, "participantId": "bob"}, nil)
	i.refused("a barred id", i.sign(i.claims(stage, "bob")), "PARTICIPANT_DISCONNECTED")
	forged := i.claims(stage, "carol")
	forged["topic"] = other[strings.LastIndex(other, "/")+1:]
	i.refused("another stage's topic", i.sign(forged), "TOKEN_INVALID")
	n.Call("DeleteStage", map[string]string{"arn": other}, nil)
	gone := i.claims(stage, "carol")
	gone["resource"], gone["topic"] = other, other[strings.LastIndex(other, "/")+1:]
	i.refused("a deleted stage", i.sign(gone), "STAGE_DELETED")
	connection := map[string]any{
		"exp": gone["exp"], "iat": gone["iat"], "jti": "c", "account_id": "000000000000", "region": "us-east-1",
		"events_url": gone["events_url"], "whip_url": gone["whip_url"], "version": "1.0", "topic": "x",
	}
	i.refused("a connection token", i.sign(connection), "TOKEN_INVALID")

	n.Call("DeletePublicKey", map[string]string{"arn": i.kid}, nil)
	i.refused("a deleted key", i.sign(i.claims(stage, "dave")), "TOKEN_INVALID")
	select {
	case <-alice.Done():
		t.Errorf("who was in was made to leave: %v", alice.Err())
	default:
	}
}
