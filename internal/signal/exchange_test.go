package signal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// A refusal is told with its reason and ends the participation, unless waiting may help.
func TestExchange_SaysWhyItIsRefused(t *testing.T) {
	h := open(t, houseOptions{})
	ask := func(token string) string {
		return fmt.Sprintf(`{"type":"EXCHANGE_TOKEN","payload":{"token":%q}}`, token)
	}
	c := h.dial(h.token("ada"), "")
	c.expect(typeState)
	c.send(`{"type":"EXCHANGE_TOKEN","payload":{}}`)
	if f := c.expect(typeError); f.Payload.Code != "BAD_FRAME" {
		t.Errorf("without a token: %+v", f)
	}
	// This control plane serves no keys: nobody can tell now whether the token is good.
	own := "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImFybjphd3M6aXZzOnVzLWVhc3QtMTowMDAwMDAwMDAwMDA6cHVibGljLWtleS9taW5lIn0"
	body := fmt.Sprintf(`{"exp":%d,"iat":%d,"jti":"ada","resource":%q,"topic":%q,"events_url":"x","whip_url":"y","capabilities":{},"version":"1.0"}`,
		time.Now().Add(time.Hour).Unix(), time.Now().Unix(), arnOf(stageOne), stageOne)
	c.send(ask(own + "." + encoded(body) + "." + strings.Repeat("A", 128)))
	if f := c.expect(typeExchangeFailed); f.Payload.Code != "INTERNAL" || f.Payload.RetryAfterSeconds == 0 {
		t.Errorf("with a key that can't be looked up: %+v", f)
	}
	c.send(`{"type":"GET_STATE"}`)
	c.expect(typeState)
	c.send(ask(h.token("ada")))
	if f := c.expect(typeExchangeFailed); f.Payload.Code != "TOKEN_NOT_EXCHANGEABLE" || f.Payload.RetryAfterSeconds != 0 || f.Payload.Message == "" {
		t.Errorf("with a token of the server's: %+v", f)
	}
	if code, last := c.closed(); code != closeForced || last.Type != typeForced || last.Payload.Reason != string(live.LeaveFailedExch) {
		t.Errorf("afterwards: %+v, closed with %d", last, code)
	}

	// A flood of exchanges is refused before anything is verified.
	flood := h.dial(h.token("bob"), "")
	flood.expect(typeState)
	for range exchangesAtOnce {
		flood.send(ask(own + "." + encoded(body) + "." + strings.Repeat("A", 128)))
		flood.expect(typeExchangeFailed)
	}
	for {
		flood.send(ask("x"))
		f := flood.expect(typeExchangeFailed)
		if f.Payload.Code == "RATE_LIMITED" && f.Payload.RetryAfterSeconds == 2 {
			break
		}
		if f.Payload.Code == "TOKEN_MALFORMED" {
			return // this machine took 2 s for a few frames, which is not what is tested
		}
		t.Fatalf("got %+v", f)
	}
}

func TestExchangeError_HasACodeForEveryError(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  string
		again bool
	}{
		{live.Refuse(live.Unauthorized, live.TokenExpired, "late"), "TOKEN_EXPIRED", false},
		{live.Refuse(live.Denied, live.TokenMismatch, "another"), "TOKEN_MISMATCH", false},
		{live.Refuse(live.Denied, live.TokenOutdated, "older"), "TOKEN_OUTDATED", false},
		{errTooOften, "RATE_LIMITED", true},
		{live.Errorf(live.Unavailable, "away"), "INTERNAL", true},
		{live.Refuse(live.NotFound, live.StageNotFound, "gone"), "INTERNAL", true},
		{errors.New("secret"), "INTERNAL", true},
	} {
		r := exchangeError(c.err)
		if r.Code != c.code || (r.RetryAfterSeconds > 0) != c.again || strings.Contains(r.Message, "secret") {
			t.Errorf("%v gives %+v", c.err, r)
		}
	}
}

func TestExchanged_TellsWhatIsInForce(t *testing.T) {
	s := newSocket(nil, &Options{Queue: 2})
	s.Exchanged(roster.Exchanged{
		Participant:  roster.Participant{ID: "ada", UserID: "Ada", Attributes: map[string]string{"a": "b"}},
		Capabilities: live.Capabilities{Publish: true, Subscribe: true}, ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	s.Exchanged(roster.Exchanged{Participant: roster.Participant{ID: "bob"}})
	for i, want := range []string{
		`{"type":"TOKEN_EXCHANGED","payload":{"participantId":"ada","userId":"Ada","attributes":{"a":"b"},` +
			`"capabilities":["PUBLISH","SUBSCRIBE"],"expirationTime":"2026-01-02T03:04:05Z"}}`,
		`{"type":"TOKEN_EXCHANGED","payload":{"participantId":"bob","userId":"","attributes":{},"capabilities":[],"expirationTime":"0001-01-01T00:00:00Z"}}`,
	} {
		if got := string(s.queue[i]); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
