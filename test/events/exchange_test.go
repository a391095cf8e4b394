package events_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// signer makes tokens as an app does, with a key that has been imported.
type signer struct {
	t   *testing.T
	key *ecdsa.PrivateKey
	kid string
}

func newSigner(t *testing.T, n *nodetest.Node) *signer {
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
	return &signer{t, key, out.PublicKey.ARN}
}

// token signs a token of "ada" that lets it do both.
func (s *signer) token(n *nodetest.Node, stage, user, role string) string {
	s.t.Helper()
	var out struct {
		Stage struct{ Endpoints struct{ Events, WHIP string } }
	}
	n.Call("GetStage", map[string]string{"arn": stage}, &out)
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now().Unix()
	text := part(map[string]string{"alg": "ES384", "typ": "JWT", "kid": s.kid}) + "." + part(map[string]any{
		"exp": now + 3600, "iat": now, "jti": "ada", "resource": stage, "topic": stage[strings.LastIndex(stage, "/")+1:],
		"events_url": out.Stage.Endpoints.Events, "whip_url": out.Stage.Endpoints.WHIP, "version": "1.0",
		"capabilities": map[string]bool{"allow_publish": true, "allow_subscribe": true},
		"user_id":      user, "attributes": map[string]string{"role": role},
	})
	digest := sha512.Sum384([]byte(text))
	r, sig, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		s.t.Fatal(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	sig.FillBytes(signature[48:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// The events of token exchanges and replications: what the API lists of each side, and what the webhook was told.
func TestEvents_OfExchangesAndReplications(t *testing.T) {
	hook := receive(t)
	n := nodetest.Start(t, func(c *config.Config) {
		c.Events.AllowPrivate = []string{"127.0.0.0/8"}
		c.Events.Targets = config.Secret(`[{"name":"hook","kind":"webhook","url":"` + hook.URL + `","secret":"` + secret + `"}]`)
	})
	s := newSigner(t, n)
	here, there := n.CreateStage(), n.CreateStage()
	ada := join(t, s.token(n, here, "Ada", "guest"))
	if err := publish(t, ada); err != nil {
		t.Fatal(err)
	}
	within(t, "the publication", func() bool { return slices.Contains(history(n, here, ada.Session(), "ada"), "PUBLISH_STARTED") })
	n.Call("StartParticipantReplication", map[string]string{
		"sourceStageArn": here, "destinationStageArn": there, "participantId": "ada",
	}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := ada.Exchange(ctx, s.token(n, here, "Lovelace", "host")); err != nil {
		t.Fatal(err)
	}
	session := ada.Session()
	within(t, "the exchange", func() bool { return slices.Contains(history(n, here, session, "ada"), "TOKEN_EXCHANGED") })
	n.Call("StopParticipantReplication", map[string]string{
		"sourceStageArn": here, "destinationStageArn": there, "participantId": "ada",
	}, nil)
	n.Call("StartParticipantReplication", map[string]string{
		"sourceStageArn": here, "destinationStageArn": there, "participantId": "ada",
	}, nil)
	if err := ada.Leave(ctx); err != nil { // which ends the second one
		t.Fatal(err)
	}
	var out struct {
		Replicas []struct{ DestinationSessionID string }
	}
	n.Call("ListParticipantReplicas", map[string]string{"sourceStageArn": here, "participantId": "ada"}, &out)
	if len(out.Replicas) != 2 {
		t.Fatalf("listed %+v", out)
	}
	for stage, side := range map[string]struct{ session, want string }{
		here: {session, "JOINED, PUBLISH_STARTED, REPLICATION_STARTED, TOKEN_EXCHANGED, REPLICATION_STOPPED, REPLICATION_STARTED, " +
			"PUBLISH_STOPPED, REPLICATION_STOPPED, LEFT"},
		there: {out.Replicas[0].DestinationSessionID, "JOINED, PUBLISH_STARTED, PUBLISH_STOPPED, LEFT, JOINED, PUBLISH_STARTED, PUBLISH_STOPPED, LEFT"},
	} {
		got := ""
		within(t, "the events of "+stage, func() bool {
			got = strings.Join(history(n, stage, side.session, "ada"), ", ")
			return strings.Count(got, ",") >= strings.Count(side.want, ",")
		})
		if got != side.want {
			t.Errorf("the API tells %s\nwant %s", got, side.want)
		}
	}

	want := map[string][]string{
		here: {
			"Participant Published Ada", "Participant Replication Start Ada", "Token Exchanged Lovelace", "Participant Replication End Lovelace",
			"Participant Replication Start Lovelace", "Participant Unpublished Lovelace", "Participant Replication End Lovelace",
		},
		there: {
			"Participant Published Ada replica", "Participant Unpublished Lovelace replica",
			"Participant Published Lovelace replica", "Participant Unpublished Lovelace replica",
		},
	}
	within(t, "the webhook", func() bool { return len(hook.deliveries()) >= len(want[here])+len(want[there]) })
	told := map[string][]string{}
	for _, d := range hook.deliveries() {
		var e struct {
			DetailType string `json:"detail-type"`
			Resources  []string
			Detail     struct {
				Name        string `json:"event_name"`
				User        string `json:"user_id"`
				Replica     bool
				Source      string `json:"source_stage_arn"`
				Destination string `json:"destination_stage_arn"`
				Previous    struct {
					User       string `json:"user_id"`
					Attributes map[string]string
				} `json:"previous_token"`
				New struct {
					Capabilities []string
					Expires      time.Time `json:"expiration_time"`
				} `json:"new_token"`
			}
		}
		if err := json.Unmarshal([]byte(d.Body), &e); err != nil || e.DetailType != "IVS Stage Update" || len(e.Resources) != 1 {
			t.Fatalf("%s: %v", d.Body, err)
		}
		name := e.Detail.Name + " " + e.Detail.User
		if e.Detail.Replica {
			name += " replica"
		}
		told[e.Resources[0]] = append(told[e.Resources[0]], name)
		switch {
		case e.Detail.Replica && e.Detail.Source != here, strings.Contains(name, "Replication") && e.Detail.Destination != there:
			t.Errorf("%s names another stage", d.Body)
		case e.Detail.Name == "Token Exchanged" && (e.Detail.Previous.User != "Ada" || e.Detail.Previous.Attributes["role"] != "guest" ||
			!slices.Equal(e.Detail.New.Capabilities, []string{"SUBSCRIBE", "PUBLISH"}) || e.Detail.New.Expires.Before(time.Now())):
			t.Errorf("the exchange is told as %s", d.Body)
		}
	}
	for stage, names := range want {
		if !slices.Equal(told[stage], names) {
			t.Errorf("the webhook is told %q\nwant %q", told[stage], names)
		}
	}
	verify(t, hook.deliveries())
}
