package client

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func tokenOf(claims string) string {
	return "eyJhbGciOiJLTVMifQ." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestParseToken_SaysWhatIsWrongWithoutRepeatingIt(t *testing.T) {
	c, err := ParseToken(tokenOf(`{"jti":"p","topic":"s","user_id":"\u00fc","whip_url":"http://h/whip","capabilities":{"allow_publish":true}}`))
	if err != nil || c.Participant != "p" || c.Stage != "s" || c.UserID != "ü" || !c.Capabilities.Publish || c.Capabilities.Subscribe {
		t.Errorf("got %+v, %v", c, err)
	}
	for name, token := range map[string]string{
		"empty": "", "two parts": "sesame.sesame", "no base64": "a.sesame!.c", "no json": tokenOf("sesame"),
		"no names": tokenOf("{}"), "too long": strings.Repeat("sesame", maxToken),
	} {
		_, err := ParseToken(token)
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(tokenOf(`{"jti":"p","topic":"s","attributes":{"a":"b"}}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := ParseToken(token); err == nil && (c.Participant == "" || c.Stage == "") {
			t.Error("token without names was read")
		}
	})
}

func FuzzParseFrame(f *testing.F) {
	f.Add([]byte(`{"type":"STAGE_STATE","payload":{"version":3,"participants":[{"id":"a","tracks":["audio"]}]}}`))
	f.Add([]byte(`{"type":"STAGE_UPDATE","payload":{"version":4,"changes":[{"op":"leave","participant":{"id":"a"}}]}}`))
	f.Add([]byte(`{"type":"JOIN_ERROR","payload":{"code":"X","retryAfterSeconds":1e300}}`))
	f.Add([]byte(`{"type":"LAYERS_WANTED","payload":{"layers":[{"rid":"h","wanted":false},{"rid":"l","wanted":true}]}}`))
	f.Add([]byte(`{"type":"TOKEN_EXCHANGED","payload":{"userId":"a","attributes":{"a":"b"},"capabilities":["PUBLISH"]}}`))
	f.Add([]byte(`{"type":"EXCHANGE_FAILED","payload":{"code":"X","retryAfterSeconds":-1}}`))
	f.Add([]byte(`{"type":"PING"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, payload, err := parseFrame(data)
		if err != nil {
			return
		}
		r := roster{self: "a"}
		switch v := payload.(type) {
		case *statePayload:
			r.replace(v.Version, v.Participants)
			r.list()
		case *updatePayload:
			r.apply(v.Version, nil)
		case *refusalPayload:
			if after := v.err().RetryAfter; after < 0 {
				t.Errorf("retry after %v", after)
			}
		}
	})
}

func FuzzWithFragment(f *testing.F) {
	f.Add("v=0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=candidate:1\r\n", "a=ice-ufrag:c\r\na=ice-pwd:d\r\na=candidate:2\r\n")
	f.Add("", "a=ice-ufrag:\na=ice-pwd:")
	f.Fuzz(func(_ *testing.T, answer, fragment string) {
		_, _ = withFragment(answer, fragment)
		fragmentOf(answer)
	})
}

func TestRoster_AsksForTheStateWhenAVersionIsMissing(t *testing.T) {
	r := roster{self: "me"}
	if got := r.replace(7, []Info{{ID: "me"}, {ID: "ada", Publishing: true}}); len(got) != 1 || got[0].Op != Joined {
		t.Errorf("first state told %v", got)
	}
	if _, ok := r.apply(9, nil); ok || r.version != 7 {
		t.Error("took version 9 after 7")
	}
	if told, ok := r.apply(7, []Change{{Left, Info{ID: "ada"}}}); !ok || told != nil {
		t.Error("took an old version")
	}
	told, ok := r.apply(8, []Change{{Left, Info{ID: "ada"}}, {Joined, Info{ID: "me", Publishing: true}}})
	if !ok || len(told) != 2 || told[0].Op != Left || !told[0].Participant.Publishing || told[1].Op != Updated {
		t.Errorf("told %v", told)
	}
	told, _ = r.apply(9, []Change{{Left, Info{ID: "me"}}})
	if len(told) != 1 || told[0].Op != Updated || told[0].Participant.Publishing {
		t.Errorf("of our own unpublishing, told %v", told)
	}
	told = r.replace(12, []Info{{ID: "me"}, {ID: "bob"}})
	if len(told) != 1 || told[0].Op != Joined || told[0].Participant.ID != "bob" {
		t.Errorf("second state told %v", told)
	}
}

// media-features.md 6.1: the POST is repeated at the Location with body and token.
func TestOffer_FollowsARedirectWithTheToken(t *testing.T) {
	var got []string
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := readAll(r.Body, 100)
		got = append(got, r.Method, r.Header.Get("Authorization"), body)
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/whip/sessions/1")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("answer"))
	}))
	defer there.Close()
	here := httptest.NewServer(http.RedirectHandler(there.URL+"/whip", http.StatusTemporaryRedirect))
	defer here.Close()
	c, err := offerTo(t.Context(), exchangeClient(here.Client()), "tok", here.URL, "offer")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0] != "POST" || got[1] != "Bearer tok" || got[2] != "offer" {
		t.Errorf("the other end got %q", got)
	}
	if c.location.String() != there.URL+"/whip/sessions/1" || c.answer != "answer" {
		t.Errorf("got %+v", c)
	}
}

func TestOffer_GivesUpOnBadAnswers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"redirects without end": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		},
		"redirect to a file": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"no location": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/sdp")
			w.WriteHeader(http.StatusCreated)
		},
		"not sdp": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/x")
			w.WriteHeader(http.StatusCreated)
		},
		"a huge answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/sdp")
			w.Header().Set("Location", "/x")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(make([]byte, maxAnswer+1))
		},
		"a huge refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write(make([]byte, maxProblem+1))
		},
	} {
		s := httptest.NewServer(h)
		if _, err := offerTo(t.Context(), exchangeClient(s.Client()), "tok", s.URL, "offer"); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "tok") {
			t.Errorf("%s: the token is in %q", name, err)
		}
		s.Close()
	}
}
