package host

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

const (
	mayBoth   = `"capabilities":{"allow_publish":true,"allow_subscribe":true}`
	mayWatch  = `"capabilities":{"allow_subscribe":true}`
	asGuest   = `,"user_id":"Ada","attributes":{"role":"guest"}`
	asHost    = `,"user_id":"Lovelace","attributes":{"role":"host","seat":"2"}`
	stageTwo  = live.StageID("stageTwo0002")
	stageThen = live.StageID("stageThen003")
)

// withOwnKey opens a house whose control plane has the key "mine".
func withOwnKey(t *testing.T) *house {
	t.Helper()
	h := open(t, nil)
	r := &registrar{keys: map[live.ARN]string{keyARN("mine"): material(t, &tokenKey().PublicKey)}}
	r.serve(t, h.bus)
	return h
}

// joinOwn brings a participant in by a token that the customer signed.
func (h *house) joinOwn(stage live.StageID, id live.ParticipantID, saying string) (*Participation, *fakeSocket) {
	h.t.Helper()
	s := newFakeSocket()
	p, err := h.host.Join(h.t.Context(), JoinRequest{
		Token: ownSaying(h.t, tokenKey(), stage, id, saying), Topic: stage, Socket: s,
	})
	if err != nil {
		h.t.Fatalf("join of %s: %v", id, err)
	}
	synctest.Wait()
	return p, s
}

// last returns the last update that a socket was told.
func (s *fakeSocket) last(t *testing.T) roster.Change {
	t.Helper()
	_, updates := s.seen()
	if len(updates) == 0 {
		t.Fatal("no update came")
	}
	changes := updates[len(updates)-1].Update.Changes
	return changes[len(changes)-1]
}

func TestExchange_ChangesWhatOthersSeeAndWhatOneMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := withOwnKey(t)
		ada, s := h.joinOwn(stageOne, "ada", mayBoth+asGuest)
		_, viewer := h.join(stageOne, "bob")
		pub := h.publish(stageOne, "ada")

		time.Sleep(2 * time.Second) // tokens are issued at whole seconds
		if err := ada.Exchange(ownSaying(t, tokenKey(), stageOne, "ada", mayBoth+asHost)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c := viewer.last(t); c.Op != roster.OpUpdate || c.Participant.UserID != "Lovelace" || c.Participant.Attributes["seat"] != "2" {
			t.Errorf("the viewer was told %+v", c)
		}
		if len(s.exchanged) != 1 || s.exchanged[0].Participant.Attributes["role"] != "host" || !s.exchanged[0].Capabilities.Publish {
			t.Errorf("ada was told %+v", s.exchanged)
		}
		select {
		case <-pub.Done():
			t.Error("the publication has ended")
		default:
		}

		time.Sleep(2 * time.Second)
		if err := ada.Exchange(ownSaying(t, tokenKey(), stageOne, "ada", mayWatch+asGuest)); err != nil {
			t.Fatal(err)
		}
		<-pub.Done()
		synctest.Wait()
		if c := viewer.last(t); c.Op != roster.OpLeave {
			t.Errorf("the viewer was told %+v", c)
		}
		var exchanged []live.Fact
		h.mu.Lock()
		for _, f := range h.facts {
			if f.Name == live.TokenExchanged {
				exchanged = append(exchanged, f)
			}
		}
		h.mu.Unlock()
		if len(exchanged) != 2 || exchanged[0].PreviousToken.UserID != "Ada" || exchanged[0].NewToken.Attributes["role"] != "host" ||
			!exchanged[1].PreviousToken.Capabilities.Publish || exchanged[1].NewToken.Capabilities.Publish ||
			!exchanged[1].NewToken.ExpiresAt.After(exchanged[0].NewToken.ExpiresAt) {
			t.Errorf("reported %+v", exchanged)
		}
	})
}

// Security rows 9 and 11: what would not let its holder in does not exchange; nor does another's, an older one, or another
// stage's.
func TestExchange_RefusesWhatItMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := withOwnKey(t)
		old := ownSaying(t, tokenKey(), stageOne, "ada", mayBoth)
		time.Sleep(time.Minute)
		ada, s := h.joinOwn(stageOne, "ada", mayBoth)
		bob, _ := h.join(stageOne, "bob") // with a token of the server's
		fresh := h.token(h.claims(stageOne, "ada"))
		expired := ownSaying(t, tokenKey(), stageOne, "ada", mayBoth)
		for name, c := range map[string]struct {
			who   *Participation
			token string
			want  live.Reason
		}{
			"nothing":              {ada, "", live.TokenMissing},
			"nonsense":             {ada, "a.b.c", live.TokenMalformed},
			"a forged one":         {ada, old[:len(old)-8] + "AAAAAAAA", live.TokenInvalid},
			"one of the server's":  {ada, fresh, live.TokenNotExchangeable},
			"for the server's":     {bob, own(t, tokenKey(), stageOne, "bob"), live.TokenNotExchangeable},
			"another's":            {ada, own(t, tokenKey(), stageOne, "eve"), live.TokenMismatch},
			"another stage's":      {ada, own(t, tokenKey(), stageTwo, "ada"), live.TokenMismatch},
			"an older one":         {ada, old, live.TokenOutdated},
			"without capabilities": {ada, ownSaying(t, tokenKey(), stageOne, "ada", `"nothing":1`), live.TokenMalformed},
		} {
			if err := c.who.Exchange(c.token); live.ReasonOf(err) != c.want {
				t.Errorf("%s gives %v, want %s", name, err, c.want)
			}
		}
		time.Sleep(2 * time.Hour)
		if err := ada.Exchange(expired); live.ReasonOf(err) != live.TokenExpired {
			t.Errorf("an expired one gives %v", err)
		}
		// The one in force has expired too, and goes on: that is what a new one is for.
		if err := ada.Exchange(own(t, tokenKey(), stageOne, "ada")); err != nil {
			t.Errorf("after the end of the one in force: %v", err)
		}
		ada.Reject("no")
		synctest.Wait()
		if s.reason() != live.LeaveFailedExch {
			t.Errorf("ada was told %q", s.reason())
		}
		if err := ada.Exchange(own(t, tokenKey(), stageOne, "ada")); err == nil {
			t.Error("who has left exchanges its token")
		}
	})
}
