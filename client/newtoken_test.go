package client_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// tryPublish offers a picture of which nothing comes.
func tryPublish(t *testing.T, p *client.Participant) error {
	t.Helper()
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = p.Publish(ctx, client.PublishOptions{}, video)
	return err
}

// A viewer becomes a publisher and a viewer again, by tokens that its app signs; others see what it is called.
func TestExchange_ChangesRightsAndNames(t *testing.T) {
	n := nodetest.Start(t)
	i := newIssuer(t, n)
	stage := n.CreateStage()
	issued := int64(0)
	sign := func(publish bool, user, role string) string {
		c := i.claims(stage, "ada")
		issued++ // they may be made within one second
		c["iat"], c["exp"] = c["iat"].(int64)-100+issued, c["exp"].(int64)+issued
		c["capabilities"] = map[string]bool{"allow_publish": publish, "allow_subscribe": !publish}
		c["user_id"], c["attributes"] = user, map[string]string{"role": role}
		return i.sign(c)
	}
	first := sign(false, "Ada", "guest")
	ada := join(t, first, client.Options{})
	bob := join(t, n.Token(stage, "bob"), client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := tryPublish(t, ada); err == nil {
		t.Fatal("a viewer publishes")
	}
	if err := ada.Exchange(ctx, sign(true, "Lovelace", "host")); err != nil {
		t.Fatal(err)
	}
	if c := ada.Claims(); c.UserID != "Lovelace" || !c.Capabilities.Publish {
		t.Errorf("the claims are %+v", c)
	}
	if self, ok := ada.Lookup("ada"); !ok || self.UserID != "Lovelace" || self.Attributes["role"] != "host" {
		t.Errorf("ada sees itself as %+v", self)
	}
	if err := tryPublish(t, ada); err != nil {
		t.Fatalf("right after the exchange: %v", err)
	}
	sees(t, bob, "ada", "the new name", func(p client.Info, there bool) bool {
		return there && p.Publishing && p.UserID == "Lovelace" && maps.Equal(p.Attributes, map[string]string{"role": "host"})
	})
	if err := ada.Exchange(ctx, sign(true, "Countess", "judge")); err != nil {
		t.Fatal(err)
	}
	sees(t, bob, "ada", "the next name", func(p client.Info, _ bool) bool { return p.UserID == "Countess" && p.Attributes["role"] == "judge" })
	if err := ada.Exchange(ctx, sign(false, "Ada", "guest")); err != nil {
		t.Fatal(err)
	}
	sees(t, bob, "ada", "the end of the publication", gone)
	if err := tryPublish(t, ada); err == nil {
		t.Error("a right that was taken away is still there")
	}

	// An older one is refused, and ends the participation; afterwards it is as good as ever.
	err := ada.Exchange(ctx, first)
	var refused *client.ExchangeError
	if !errors.As(err, &refused) || refused.Code != "TOKEN_OUTDATED" || refused.RetryAfter != 0 {
		t.Errorf("an older token gives %v", err)
	}
	ended(t, ada.Done())
	var left *client.LeftError
	if !errors.As(ada.Err(), &left) || left.Reason != client.FailedExchange {
		t.Errorf("the participation ended with %v", ada.Err())
	}
	join(t, first, client.Options{})

	var got []string
	eventually(t, "the events", func() bool {
		var out struct {
			Events []struct {
				Name                    string
				PreviousToken, NewToken *struct {
					UserID       string
					Capabilities []string
					Attributes   map[string]string
				}
			}
		}
		n.Call("ListParticipantEvents", map[string]string{"stageArn": stage, "sessionId": ada.Session(), "participantId": "ada"}, &out)
		got = nil
		for _, e := range slices.Backward(out.Events) {
			s := e.Name
			if e.NewToken != nil {
				s += " " + e.PreviousToken.UserID + " " + strings.Join(e.PreviousToken.Capabilities, "+") + " to " + e.NewToken.UserID +
					" " + e.NewToken.Attributes["role"]
			}
			got = append(got, s)
		}
		return len(got) >= 10
	})
	want := []string{
		"JOINED", "PUBLISH_ERROR", "TOKEN_EXCHANGED Ada SUBSCRIBE to Lovelace host", "PUBLISH_STARTED",
		"TOKEN_EXCHANGED Lovelace PUBLISH to Countess judge", "TOKEN_EXCHANGED Countess PUBLISH to Ada guest", "PUBLISH_STOPPED",
		"PUBLISH_ERROR", "LEFT", "JOINED",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the API tells %q\nwant %q", got, want)
	}
}

// Too many exchanges are put off, and end nothing. Tokens of the server's are not exchanged.
func TestExchange_IsLimited(t *testing.T) {
	n := nodetest.Start(t)
	i := newIssuer(t, n)
	stage := n.CreateStage()
	token := i.sign(i.claims(stage, "ada"))
	ada := join(t, token, client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	for k := 0; err == nil; k++ {
		if k > 1000 {
			t.Fatal("there is no limit")
		}
		err = ada.Exchange(ctx, token) // the same: answered, and changes nothing
	}
	var refused *client.ExchangeError
	if !errors.As(err, &refused) || refused.Code != "RATE_LIMITED" || refused.RetryAfter < time.Second {
		t.Errorf("refused with %v", err)
	}
	select {
	case <-ada.Done():
		t.Errorf("ended with %v", ada.Err())
	default:
	}
	if err := ada.Exchange(ctx, i.sign(i.claims(stage, "eve"))); err == nil {
		t.Error("another's token is exchanged")
	}

	bob := join(t, n.Token(stage, "bob"), client.Options{})
	if err := bob.Exchange(ctx, n.Token(stage, "bob")); err == nil { // another participant: every token of the server's is
		t.Error("another participant's token is exchanged")
	}
	claims := bob.Claims()
	own := i.claims(stage, claims.Participant)
	err = bob.Exchange(ctx, i.sign(own))
	if !errors.As(err, &refused) || refused.Code != "TOKEN_NOT_EXCHANGEABLE" {
		t.Errorf("a token of the server's gives %v", err)
	}
	ended(t, bob.Done())
}
