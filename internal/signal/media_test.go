package signal

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/rtc"
)

func TestMedia_GoesFromAPublisherToAViewer(t *testing.T) {
	h := open(t, houseOptions{})
	ada := h.published("ada")
	if !strings.HasPrefix(ada.location, "/whip/sessions/") || len(ada.location) < len("/whip/sessions/")+22 || ada.etag == "" {
		t.Errorf("location %q, etag %q", ada.location, ada.etag)
	}
	bob := h.viewing("bob", "ada")
	bob.sees(ada, 'a')
	if got := ada.get(); got != http.StatusNoContent {
		t.Errorf("GET of a live session gives %d", got)
	}
	until(t, "the facts", func() bool { return h.factsOf("bob") == "JOINED SUBSCRIBE_STARTED" })
	// The viewer goes.
	if resp, _ := h.call(http.MethodDelete, bob.location, bob.tok, "", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE gives %d", resp.StatusCode)
	}
	if resp, body := h.call(http.MethodDelete, bob.location, bob.tok, "", ""); resp.StatusCode != http.StatusNotFound || code(t, resp, body) != "SESSION_NOT_FOUND" {
		t.Errorf("a second DELETE gives %d", resp.StatusCode)
	}
	bob.over()
	until(t, "the facts", func() bool { return h.factsOf("bob") == "JOINED SUBSCRIBE_STARTED SUBSCRIBE_STOPPED LEFT" })
	// The publisher goes, and its viewers' sessions with it.
	cyd := h.viewing("cyd", "ada")
	if resp, _ := h.call(http.MethodDelete, ada.location, ada.tok, "", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE gives %d", resp.StatusCode)
	}
	cyd.over()
	if got := cyd.get(); got != http.StatusNotFound {
		t.Errorf("GET of a viewer's session after its publisher has gone gives %d", got)
	}
	until(t, "nobody to be left", func() bool { return h.host.Stats().Participants == 0 })
}

func TestMedia_ASubscriptionMayComeBeforeTheMedia(t *testing.T) {
	h := open(t, houseOptions{})
	ada := h.publisher(h.token("ada"))
	body := ada.offer(nil)
	resp, answer := h.call(http.MethodPost, "/whip", ada.tok, typeSDP, body)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("publishing gives %d", resp.StatusCode)
	}
	bob := h.viewing("bob", "ada") // ada's path is not up yet
	ada.accept(answer)
	ada.connected()
	bob.sees(ada, 'x')
}

func TestMedia_ASecondPublishReplacesTheFirst(t *testing.T) {
	h := open(t, houseOptions{})
	watcher := h.dial(h.token("eve"), "")
	watcher.expect(typeState)
	first := h.published("ada")
	watcher.expect(typeUpdate)
	bob := h.viewing("bob", "ada")
	bob.sees(first, '1')
	second := h.published("ada")
	first.over()
	bob.sees(second, '2')
	if got := bob.get(); got != http.StatusNoContent {
		t.Errorf("the viewer's session: GET gives %d", got)
	}
	if got := first.get(); got != http.StatusNotFound {
		t.Errorf("the replaced session: GET gives %d", got)
	}
	watcher.send(`{"type":"PING"}`)
	watcher.expect(typePong) // and no update before it: nobody needs to know
}

func TestMedia_SurvivesTheSocketInsideTheWindow(t *testing.T) {
	h := open(t, houseOptions{host: func(o *host.Options) { o.ReconnectWindow = 2 * time.Second }})
	socket := h.dial(h.token("ada"), "")
	s := socket.expect(typeState).Payload
	ada := h.published("ada")
	socket.expect(typeUpdate)
	bob := h.viewing("bob", "ada")
	_ = socket.conn.CloseNow()
	until(t, "the loss to be seen", func() bool { return h.host.Stats().Sockets == 0 })
	bob.sees(ada, 'l')
	back := h.dial(h.token("ada"), "?resume="+s.Resume)
	if r := back.expect(typeState).Payload; !r.Resumed || !r.Participants[0].IsPublishing {
		t.Errorf("came back to %+v", r)
	}
	bob.sees(ada, 'r')
	// After the window the media goes too.
	_ = back.conn.CloseNow()
	ada.over()
	bob.over()
}

func TestMedia_DisconnectDropsAndBars(t *testing.T) {
	h := open(t, houseOptions{})
	socket := h.dial(h.token("ada"), "")
	socket.expect(typeState)
	ada := h.published("ada")
	bob := h.viewing("bob", "ada")
	bob.sees(ada, 'd')
	start := time.Now()
	h.disconnect("ada")
	if got := ada.get(); got != http.StatusNotFound {
		t.Errorf("GET of a disconnected participant's session gives %d", got)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("the disconnect took %v", took)
	}
	ada.over()
	bob.over()
	if status, refusal := h.publisher(ada.tok).post("/whip"); status != http.StatusForbidden || refusal != "PARTICIPANT_REVOKED" {
		t.Errorf("publishing again gives %d %s", status, refusal)
	}
	if _, last := socket.closed(); last.Payload.Reason != string(live.LeaveDisconnected) {
		t.Errorf("told %+v", last)
	}
}

func TestMedia_TokenReuseEndsTheFormerMedia(t *testing.T) {
	h := open(t, houseOptions{})
	h.dial(h.token("ada"), "").expect(typeState)
	ada := h.published("ada")
	h.dial(h.token("ada"), "").expect(typeState)
	ada.over()
	if got := ada.get(); got != http.StatusNotFound {
		t.Errorf("GET gives %d", got)
	}
}

func TestMedia_DeletingTheStageEndsAll(t *testing.T) {
	h := open(t, houseOptions{})
	ada := h.published("ada")
	bob := h.viewing("bob", "ada")
	h.remove(stageOne)
	ada.over()
	bob.over()
	until(t, "the session to be gone", func() bool { return h.host.Stats().Sessions == 0 })
}

func TestMedia_RestartsICE(t *testing.T) {
	h := open(t, houseOptions{})
	ada := h.published("ada")
	bob := h.viewing("bob", "ada")
	bob.sees(ada, 'b')

	patch := func(ifMatch, frag string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, h.url+ada.location, strings.NewReader(frag))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+ada.tok)
		r.Header.Set("Content-Type", typeFrag)
		if ifMatch != "" {
			r.Header.Set("If-Match", ifMatch)
		}
		return h.roundTrip(r)
	}
	offer := ada.offer(&webrtc.OfferOptions{ICERestart: true})
	frag := fragment(offer)
	if resp, body := patch(`"another"`, frag); resp.StatusCode != http.StatusPreconditionFailed || code(t, resp, body) != "PRECONDITION_FAILED" {
		t.Errorf("a wrong If-Match gives %d", resp.StatusCode)
	}
	if resp, body := patch("", frag); resp.StatusCode != http.StatusPreconditionRequired || code(t, resp, body) != "PRECONDITION_REQUIRED" {
		t.Errorf("no If-Match gives %d", resp.StatusCode)
	}
	resp, body := patch("*", frag)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != typeFrag || resp.Header.Get("ETag") == ada.etag {
		t.Fatalf("a restart gives %d, etag %s: %s", resp.StatusCode, resp.Header.Get("ETag"), body)
	}
	ada.accept(restarted(ada.pc.CurrentRemoteDescription().SDP, body))
	bob.sees(ada, 'c')
	// A candidate is taken and changes nothing.
	candidate := fragment(offer) + "a=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host\r\n"
	if resp, body := patch(resp.Header.Get("ETag"), candidate); resp.StatusCode != http.StatusNoContent {
		t.Errorf("a candidate gives %d %s", resp.StatusCode, body)
	}
	// What belongs to the ICE session before is late.
	if resp, body := patch(ada.etag, candidate); resp.StatusCode != http.StatusPreconditionFailed || code(t, resp, body) != "PRECONDITION_FAILED" {
		t.Errorf("a candidate of the session before gives %d", resp.StatusCode)
	}
	if resp, body := patch("*", "nonsense"); resp.StatusCode != http.StatusBadRequest || code(t, resp, body) != "INVALID_OFFER" {
		t.Errorf("nonsense gives %d", resp.StatusCode)
	}
}

// fragment cuts what RFC 8840 sends out of an offer.
func fragment(offer string) string {
	var b strings.Builder
	for line := range strings.Lines(offer) {
		if strings.HasPrefix(line, "m=") || strings.HasPrefix(line, "a=mid:") || strings.HasPrefix(line, "a=ice-ufrag:") || strings.HasPrefix(line, "a=ice-pwd:") {
			b.WriteString(line)
		}
		if strings.HasPrefix(line, "a=mid:") {
			break // the first section speaks for the bundle
		}
	}
	text := b.String()
	if !strings.Contains(text, "a=ice-ufrag:") {
		for line := range strings.Lines(offer) {
			if strings.HasPrefix(line, "a=ice-ufrag:") || strings.HasPrefix(line, "a=ice-pwd:") {
				text += line
				if strings.Count(text, "a=ice-") == 2 {
					break
				}
			}
		}
	}
	return text
}

// restarted puts the credentials of a fragment into an answer.
func restarted(answer, frag string) string {
	var ufrag, pwd string
	for line := range strings.Lines(frag) {
		if strings.HasPrefix(line, "a=ice-ufrag:") {
			ufrag = line
		}
		if strings.HasPrefix(line, "a=ice-pwd:") {
			pwd = line
		}
	}
	var b strings.Builder
	for line := range strings.Lines(answer) {
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			b.WriteString(ufrag)
		case strings.HasPrefix(line, "a=ice-pwd:"):
			b.WriteString(pwd)
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// security.md row 15: whoever does not own a session gets nowhere with it, on any method.
func TestResource_BelongsToItsParticipant(t *testing.T) {
	h := open(t, houseOptions{})
	ada := h.published("ada")
	elsewhere := h.claims("ada")
	elsewhere.Topic, elsewhere.Stage = "another00001", arnOf("another00001")
	for name, tok := range map[string]string{"another participant": h.token("eve"), "another stage": h.mint(elsewhere)} {
		for _, method := range []string{"GET", "HEAD", "PATCH", "DELETE"} {
			resp, _ := h.call(method, ada.location, tok, typeFrag, "a=ice-ufrag:x\r\n")
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s of %s gives %d", method, name, resp.StatusCode)
			}
		}
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		if resp, _ := h.call(method, ada.location, "", typeFrag, ""); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token gives %d", method, resp.StatusCode)
		}
	}
	if got := ada.get(); got != http.StatusNoContent {
		t.Errorf("the owner's GET gives %d", got)
	}
	// Expiry does not take away what is there.
	old := h.claims("ada")
	old.IssuedAt, old.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	if resp, _ := h.call("DELETE", ada.location, h.mint(old), "", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("the owner's DELETE with an expired token gives %d", resp.StatusCode)
	}
	ids := map[string]bool{}
	for i := range 20 {
		p := h.publisher(h.token(live.ParticipantID(fmt.Sprintf("p%d", i))))
		p.post("/whip")
		if ids[p.location] || len(p.location) != len("/whip/sessions/")+22 { // 22 characters of base64url are 128 bits
			t.Errorf("location %q", p.location)
		}
		ids[p.location] = true
	}
}

// security.md row 16: offers whose ICE never starts are capped per token and per address, and expire. After 10,000 of them
// nothing is left.
func TestWhip_CapsAndExpiresSessionsThatNeverStart(t *testing.T) {
	const posts, tokens, perToken, perAddress = 10_000, 10, 5, 32
	h := open(t, houseOptions{
		host: func(o *host.Options) { o.PendingPerToken, o.PendingPerAddress = perToken, perAddress },
		rtc:  func(o *rtc.Options) { o.PendingTimeout = time.Second },
	})
	ada := h.published("ada")
	claims := make([]live.Claims, tokens)
	for i := range claims {
		claims[i] = h.claims(live.ParticipantID(fmt.Sprintf("viewer%d", i)))
	}
	var mu sync.Mutex
	answered, capped := 0, 0
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < posts; i += 4 {
				// Past the token, whose signature would be most of the test's time.
				_, err := h.host.Subscribe(t.Context(), claims[i%tokens], "ada", host.Offer{SDP: []byte(videoOffer("recvonly")), From: loopback})
				mu.Lock()
				switch {
				case err == nil:
					answered++
				case live.ReasonOf(err) == live.QuotaExceeded:
					capped++
				default:
					t.Errorf("offer %d: %v", i, err)
				}
				if n := h.host.Stats().Pending; n > perAddress {
					t.Errorf("%d are pending, the cap is %d", n, perAddress)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if answered < perAddress || answered+capped != posts {
		t.Errorf("%d answered, %d capped", answered, capped)
	}
	resp, body := h.call(http.MethodPost, "/whip/subscribe/ada", h.token("viewer0"), typeSDP, videoOffer("recvonly"))
	if resp.StatusCode == http.StatusTooManyRequests {
		if code(t, resp, body) != "QUOTA_EXCEEDED" || resp.Header.Get("Retry-After") == "" {
			t.Errorf("a capped offer gives %s", body)
		}
	}
	until(t, "all of them to expire", func() bool {
		st := h.host.Stats()
		return st.Pending == 0 && st.Subscriptions == 0 && st.Participants == 1
	})
	// Nobody else was disturbed, and the places are free again.
	h.viewing("bob", "ada").sees(ada, 'z')
}

// security.md row 13: no token, whole or in part, in any log line or answer, whatever happens.
func TestTokens_AppearNowhere(t *testing.T) {
	h := open(t, houseOptions{})
	var said strings.Builder
	forged := h.token("ada")
	forged = forged[:len(forged)-8] + "AAAAAAAA"
	expired := h.claims("ada")
	expired.IssuedAt, expired.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	good := h.token("ada")
	tokens := []string{good, forged, h.mint(expired), "a.b.c", strings.Repeat("z", 9<<10)}
	for _, tok := range tokens {
		for _, path := range []string{"/whip", "/whip/subscribe/bob", "/whip/sessions/x", "/whip/else"} {
			for _, method := range []string{"POST", "GET", "PATCH", "DELETE", "OPTIONS"} {
				resp, body := h.call(method, path, tok, typeSDP, "not an offer")
				said.WriteString(body)
				_ = resp.Header.Write(&said)
			}
		}
		if len(tok) < 8<<10 {
			_, last := h.dial(tok, "").closedSoon()
			fmt.Fprintf(&said, "%+v", last)
		}
	}
	ada := h.published("ada")
	_ = ada.resp.Header.Write(&said)
	h.disconnect("ada")
	said.WriteString(h.log.String())
	if !strings.Contains(h.log.String(), "TOKEN_EXPIRED") {
		t.Error("nothing was logged: the test sees nothing")
	}
	h.mu.Lock()
	fmt.Fprintf(&said, "%+v", h.facts)
	h.mu.Unlock()
	for _, tok := range tokens {
		for _, part := range strings.Split(tok, ".") {
			if len(part) > 20 && part != strings.Split(good, ".")[0] && strings.Contains(said.String(), part) {
				t.Errorf("a part of a token was said: %.10s…", part)
			}
		}
	}
	if strings.Contains(said.String(), strings.Split(good, ".")[0]) {
		t.Error("a token's header was said")
	}
}

// docs/signalling.md 1.4: whose publication breaks a rule is told which on its socket, and stays.
func TestMedia_ABrokenRuleIsTold(t *testing.T) {
	h := open(t, houseOptions{host: func(o *host.Options) { o.Rules = host.Rules{AudioBitrate: 8} }})
	socket := h.dial(h.token("ada"), "")
	socket.expect(typeState)
	ada := h.published("ada")
	socket.expect(typeUpdate)
	over, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		ada.show('a', over)
	}()
	told := socket.expect(typeError).Payload
	if told.Code != string(live.BitrateExceeded) || !strings.Contains(told.Message, "limits.publish_audio_bitrate") {
		t.Errorf("told %+v", told)
	}
	close(over)
	<-shown
	if u := socket.expect(typeUpdate).Payload; u.Changes[0].Op != roster.OpLeave {
		t.Errorf("told %+v", u)
	}
	ada.over()
	until(t, "the facts", func() bool { return h.factsOf("ada") == "JOINED PUBLISH_STARTED PUBLISH_ERROR PUBLISH_STOPPED" })
	socket.send(`{"type":"PING"}`)
	socket.expect(typePong)
}

// media-features.md 7.4: a publication in another codec is refused, and the event says which of both was wrong.
func TestMedia_ARefusedCodecIsTold(t *testing.T) {
	h := open(t, houseOptions{})
	h.dial(h.token("eve"), "").expect(typeState) // somebody is there: the stage has a session
	pcmu := "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n"
	for id, c := range map[live.ParticipantID]struct {
		offer string
		want  live.Reason
	}{
		"ada": {strings.ReplaceAll(videoOffer("sendonly"), "H264", "VP8"), live.InvalidVideoCodec},
		"bob": {videoOffer("sendonly") + pcmu, live.InvalidAudioCodec},
	} {
		resp, body := h.call(http.MethodPost, "/whip", h.token(id), typeSDP, c.offer)
		if got := code(t, resp, body); resp.StatusCode != http.StatusNotAcceptable || got != "UNSUPPORTED_CODEC" {
			t.Errorf("%s gets %d %s", id, resp.StatusCode, got)
		}
		until(t, "the fact", func() bool { return h.factsOf(id) == "PUBLISH_ERROR" })
		h.mu.Lock()
		for _, f := range h.facts {
			if f.Participant == id && f.ErrorCode != c.want {
				t.Errorf("%s: the fact says %s, not %s", id, f.ErrorCode, c.want)
			}
		}
		h.mu.Unlock()
	}
}
