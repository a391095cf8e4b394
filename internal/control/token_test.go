package control_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestTokens_SayWhatWasAskedFor(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	stage := h.stage(t)
	issued, err := h.Tokens.Create(t.Context(), stage.ARN, control.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c := issued.Claims
	if issued.Duration != 12*time.Hour || c.ExpiresAt.Sub(c.IssuedAt) != 12*time.Hour ||
		c.Capabilities != (live.Capabilities{Publish: true, Subscribe: true}) ||
		c.EventsURL != stage.Endpoints.Events || c.WHIPURL != stage.Endpoints.WHIP || len(c.Participant) != 12 {
		t.Errorf("by default %+v", issued)
	}
	issued, err = h.Tokens.Create(t.Context(), stage.ARN, control.TokenRequest{
		Duration: 14 * 24 * time.Hour, UserID: "Zoë", Attributes: map[string]string{"a": "1"},
		Capabilities: []live.Capability{live.CanSubscribe},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err = h.Verifier().Verify(string(issued.Token), h.clock.now().Add(14*24*time.Hour-2*time.Second))
	if err != nil || c.UserID != "Zoë" || c.Attributes["a"] != "1" || c.Capabilities.Publish || !c.Capabilities.Subscribe ||
		c.Participant != issued.Claims.Participant || !c.ExpiresAt.Equal(issued.Claims.ExpiresAt) {
		t.Errorf("the token says %+v, %v", c, err)
	}
	h.restart(t, nil)
	if _, err := h.Verifier().Verify(string(issued.Token), h.clock.now()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestTokens_RefuseWhatTheRulesForbid(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	stage := h.stage(t).ARN
	for name, r := range map[string]control.TokenRequest{
		"negative":             {Duration: -time.Minute},
		"half a minute":        {Duration: 30 * time.Second},
		"no whole minutes":     {Duration: 90 * time.Second},
		"longer than 14 days":  {Duration: 20161 * time.Minute},
		"long user id":         {UserID: strings.Repeat("é", 129)},
		"user id is not UTF-8": {UserID: "\xff"},
		"attributes too large": {Attributes: map[string]string{"k": strings.Repeat("é", 512)}},
		"attribute not UTF-8":  {Attributes: map[string]string{"k": "\xff"}},
		"no such capability":   {Capabilities: []live.Capability{"RULE"}},
		"grows beyond reading": {Attributes: map[string]string{"k": strings.Repeat("\x01", 1023)}, UserID: strings.Repeat("🎭", 128)},
	} {
		_, err := h.Tokens.Create(t.Context(), stage, r)
		wantKind(t, name, err, live.Invalid)
	}
}

func TestTokens_AreForStagesThatExist(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	for text, want := range map[string]live.Kind{
		"arn:aws:ivs:us-east-1:000000000000:stage/nothere00000":   live.NotFound,
		"arn:aws:ivs:us-east-1:000000000001:stage/nothere00000":   live.Denied,
		"arn:aws:ivs:eu-west-1:000000000000:stage/nothere00000":   live.NotFound,
		"arn:aws:ivs:us-east-1:000000000000:channel/nothere00000": live.Invalid,
	} {
		_, err := h.Tokens.Create(t.Context(), arn(text), control.TokenRequest{})
		wantKind(t, text, err, want)
	}
}

// Security row 13: tokens and keys are in no log line.
func TestTokens_Row13_AreNotLogged(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	var log bytes.Buffer
	h.restart(t, func(o *control.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	stage, tokens, err := h.Stages.Create(t.Context(), control.CreateStage{Tokens: []control.TokenRequest{{}}})
	if err != nil {
		t.Fatal(err)
	}
	h.openSession(t, stage.ID, "node00000002")
	h.openSession(t, stage.ID, "node00000003") // logs a warning
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if log.Len() == 0 {
		t.Fatal("nothing was logged, so nothing is shown")
	}
	for part := range strings.SplitSeq(string(tokens[0].Token), ".") {
		if strings.Contains(log.String(), part) {
			t.Error("a part of the token is in the log")
		}
	}
}

// A token needs no place in the records: none is taken while somebody else writes, and none waits for that.
func TestTokens_AreIssuedWithoutWriting(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		err := h.store.Write(t.Context(), func(tx *store.Tx) error { // nobody else writes meanwhile
			if _, err := tx.LockStage(t.Context(), stage.ARN); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := h.Tokens.Create(ctx, stage.ARN, control.TokenRequest{})
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
