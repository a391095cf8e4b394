package signal

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
)

func TestEvents_WelcomesWithTheState(t *testing.T) {
	h := open(t, houseOptions{})
	c := h.dial(h.token("ada"), "")
	s := c.expect(typeState).Payload
	if s.Protocol != 1 || s.StageID != stageOne || s.ParticipantID != "ada" || s.Resume == "" || s.Resumed ||
		s.PingIntervalSeconds != 15 || s.ReconnectWindowSeconds != 10 || !strings.HasPrefix(string(s.SessionID), "st-") {
		t.Errorf("state %+v", s)
	}
	if len(s.Participants) != 1 || s.Participants[0].UserID != "user-ada" || s.Participants[0].Attributes["name"] != "ada" {
		t.Errorf("participants %+v", s.Participants)
	}
	c.send(`{"type":"PING"}`)
	c.expect(typePong)
	c.send(`{"type":"FROM_THE_FUTURE","payload":[]}`)
	c.send(`nonsense`)
	if e := c.expect(typeError).Payload; e.Code != "BAD_FRAME" {
		t.Errorf("error %+v", e)
	}
	c.send(`{"type":"GET_STATE"}`)
	if again := c.expect(typeState).Payload; again.Resume != s.Resume || !again.Resumed {
		t.Errorf("asked again: %+v", again)
	}
	c.send(`{"type":"LEAVE"}`)
	if code, _ := c.closed(); code != websocket.StatusNormalClosure {
		t.Errorf("leaving closes with %d", code)
	}
	until(t, "ada to be gone", func() bool { return h.host.Stats().Participants == 0 })
}

func TestEvents_TakesTheTokenFromTheHeader(t *testing.T) {
	h := open(t, houseOptions{})
	conn, _, err := websocket.Dial(t.Context(), h.url+"/events/"+string(stageOne), &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + h.token("ada")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	(&client{t, conn}).expect(typeState)
}

func TestEvents_SaysWhyAJoinIsRefused(t *testing.T) {
	h := open(t, houseOptions{host: func(o *host.Options) { o.MaxParticipants = 1 }})
	expired := h.claims("ada")
	expired.IssuedAt, expired.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	elsewhere := h.claims("ada")
	elsewhere.Topic, elsewhere.Stage = "another00001", arnOf("another00001")
	good := h.token("ada")

	refused := func(name, tok, code string, closes websocket.StatusCode) {
		t.Helper()
		got, last := h.dial(tok, "").closed()
		if last.Type != typeJoinError || last.Payload.Code != code || last.Payload.Message == "" || got != closes {
			t.Errorf("%s: %+v, closed with %d", name, last, got)
		}
	}
	refused("no token", "", "TOKEN_MISSING", 4401)
	refused("no token at all", "chat", "TOKEN_MALFORMED", 4401)
	refused("expired", h.mint(expired), "TOKEN_EXPIRED", 4401)
	refused("another stage", h.mint(elsewhere), "TOKEN_INVALID", 4401)
	forged := strings.Split(good, ".")
	forged[1] = strings.Split(h.token("eve"), ".")[1] // another's claims under this signature
	refused("forged", strings.Join(forged, "."), "TOKEN_INVALID", 4401)
	h.dial(good, "").expect(typeState)
	refused("full", h.token("bob"), "STAGE_AT_CAPACITY", 4429)
	h.disconnect("ada")
	refused("barred", good, "PARTICIPANT_DISCONNECTED", 4403)
	h.remove(stageOne)
	refused("deleted", h.token("bob"), "STAGE_DELETED", 4404)
	_ = h.bus.Close()
	refused("no control plane", h.token("bob"), "INTERNAL", 4503)
}

func TestEvents_ForcedLeave(t *testing.T) {
	h := open(t, houseOptions{})
	left := func(c *client, reason live.LeaveReason) {
		t.Helper()
		code, last := c.closed()
		if code != closeForced || last.Type != typeForced || last.Payload.Reason != string(reason) {
			t.Errorf("%s: %+v, closed with %d", reason, last, code)
		}
	}
	first := h.dial(h.token("ada"), "")
	first.expect(typeState)
	second := h.dial(h.token("ada"), "")
	second.expect(typeState)
	left(first, live.LeaveTokenReused)

	start := time.Now()
	h.disconnect("ada")
	if took := time.Since(start); took > time.Second {
		t.Errorf("the disconnect took %v", took)
	}
	left(second, live.LeaveDisconnected)

	third := h.dial(h.token("bob"), "")
	third.expect(typeState)
	h.remove(stageOne)
	left(third, live.LeaveStageDeleted)
}

func TestEvents_ResumesAndReplays(t *testing.T) {
	h := open(t, houseOptions{})
	c := h.dial(h.token("ada"), "")
	s := c.expect(typeState).Payload
	_ = c.conn.CloseNow() // a loss, not a leave
	until(t, "the loss to be seen", func() bool { return h.host.Stats().Sockets == 0 })
	pub, err := h.host.PublishLocal(t.Context(), stageOne, host.LocalParticipant{ID: "obs"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	back := h.dial(h.token("ada"), "?resume="+s.Resume+"&version=0")
	if r := back.expect(typeResumed).Payload; !r.Resumed || r.Version != 0 || r.Participants != nil {
		t.Errorf("resumed with %+v", r)
	}
	if u := back.expect(typeUpdate).Payload; u.Version != 1 || len(u.Changes) != 1 || u.Changes[0].Op != "join" {
		t.Errorf("replayed %+v", u)
	}
	// Again before the server has seen a loss: the older socket goes quietly.
	again := h.dial(h.token("ada"), "?resume="+s.Resume)
	if r := again.expect(typeState).Payload; !r.Resumed || len(r.Participants) != 2 {
		t.Errorf("resumed with %+v", r)
	}
	if code, last := back.closed(); code != websocket.StatusGoingAway || last.Type == typeForced {
		t.Errorf("the older socket was closed with %d after %+v", code, last)
	}
	// 1000 is a leave: nothing to go on with.
	_ = again.conn.Close(websocket.StatusNormalClosure, "")
	until(t, "ada to be gone", func() bool { return h.host.Stats().Participants == 1 })
	fresh := h.dial(h.token("ada"), "?resume="+s.Resume)
	if r := fresh.expect(typeState).Payload; r.Resumed || r.Resume == s.Resume {
		t.Errorf("joined afresh with %+v", r)
	}
}

// security.md row 35: what breaks a limit closes the socket with the code that says so.
func TestEvents_BoundsWhatAClientSends(t *testing.T) {
	h := open(t, houseOptions{})
	t.Run("frame too large", func(t *testing.T) {
		c := h.dial(h.token("ada"), "")
		c.expect(typeState)
		c.send(`{"type":"` + strings.Repeat("x", 17<<10) + `"}`)
		if code, _ := c.closed(); code != websocket.StatusMessageTooBig {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("frames too many", func(t *testing.T) {
		c := h.dial(h.token("bob"), "")
		c.expect(typeState)
		for range 60 {
			if c.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"NOTHING"}`)) != nil {
				break
			}
		}
		code, last := c.closed()
		if code != websocket.StatusPolicyViolation || last.Payload.Code != "RATE_LIMITED" {
			t.Errorf("closed with %d after %+v", code, last)
		}
	})
	t.Run("binary", func(t *testing.T) {
		c := h.dial(h.token("cyd"), "")
		c.expect(typeState)
		if err := c.conn.Write(t.Context(), websocket.MessageBinary, []byte{1}); err != nil {
			t.Fatal(err)
		}
		if code, _ := c.closed(); code != websocket.StatusUnsupportedData {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("length lies", func(t *testing.T) {
		for name, head := range map[string][]byte{
			"2 GB":                    append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 2<<30), make([]byte, 17<<10)...),
			"negative":                binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63),
			"fragmented control":      {0x09, 0x80},
			"long control":            {0x89, 0xfe, 0, 200},
			"compressed, not agreed":  {0xc1, 0x80},
			"not masked":              {0x81, 0x01, 'x'},
			"continuation of nothing": {0x80, 0x80},
		} {
			conn := rawSocket(t, h, h.token("dan"))
			_, _ = conn.Write(append(head, 0, 0, 0, 0))
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if !readsClose(conn) {
				t.Errorf("%s: the connection stayed open", name)
			}
			_ = conn.Close()
		}
	})
	until(t, "everyone to be lost", func() bool { return h.host.Stats().Sockets == 0 })
}

// rawSocket upgrades by hand.
func rawSocket(t *testing.T, h *house, tok string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Write([]byte("GET /events/" + string(stageOne) + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: " + tok + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// readsClose reads to the end of the connection.
func readsClose(conn net.Conn) bool {
	buf := make([]byte, 4096)
	for {
		if _, err := conn.Read(buf); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

func TestEvents_CutsOffASlowReaderWhoMayComeBack(t *testing.T) {
	h := open(t, houseOptions{signal: func(o *Options) { o.Queue, o.WriteTimeout = 8, time.Second }})
	slow := rawSocket(t, h, h.token("slow"))
	defer func() { _ = slow.Close() }()
	_ = slow.(*net.TCPConn).SetReadBuffer(4 << 10)
	until(t, "the socket", func() bool { return h.host.Stats().Sockets == 1 })
	big := map[string]string{"k": strings.Repeat("x", 64<<10)}
	for i := 0; i < 2000 && h.host.Stats().Sockets > 0; i++ {
		pub, err := h.host.PublishLocal(t.Context(), stageOne, host.LocalParticipant{ID: "obs", Attributes: big}, nil)
		if err != nil {
			t.Fatal(err)
		}
		pub.Close()
	}
	until(t, "the slow socket to be cut off", func() bool { return h.host.Stats().Sockets == 0 })
	if n := h.host.Stats().Participants; n != 1 {
		t.Errorf("%d participants: the slow one has its window to come back", n)
	}
}

func TestEvents_GivesUpOnASilentClient(t *testing.T) {
	const interval = 300 * time.Millisecond
	h := open(t, houseOptions{signal: func(o *Options) { o.PingInterval = interval }})
	silent := rawSocket(t, h, h.token("silent"))
	defer func() { _ = silent.Close() }()
	until(t, "the join", func() bool { return h.factsOf("silent") == "JOINED" })
	until(t, "the silent socket to be given up", func() bool { return h.host.Stats().Sockets == 0 })
	// One that answers pings stays.
	c := h.dial(h.token("ada"), "")
	c.expect(typeState)
	ctx, cancel := context.WithTimeout(t.Context(), 4*interval)
	defer cancel()
	if _, _, err := c.conn.Read(ctx); ctx.Err() == nil {
		t.Errorf("a client that answers pings was cut off: %v", err)
	}
}

// security.md row 12, through real sockets.
func TestEvents_ManyJoinsWithOneTokenLeaveOne(t *testing.T) {
	h := open(t, houseOptions{})
	tok := h.token("ada")
	const n = 100
	var wg sync.WaitGroup
	var mu sync.Mutex
	reasons := map[string]int{}
	stay := make(chan struct{})
	for range n {
		c := h.dial(tok, "")
		wg.Go(func() {
			if _, last := c.closed(); last.Type == typeForced {
				mu.Lock()
				defer mu.Unlock()
				reasons[last.Payload.Reason]++
				if last.Payload.Reason == string(live.LeaveTokenReused) && reasons[last.Payload.Reason] == n-1 {
					close(stay)
				}
			}
		})
	}
	select {
	case <-stay:
	case <-time.After(patience):
		t.Fatalf("told: %v", reasons)
	}
	if st := h.host.Stats(); st.Participants != 1 || st.Sockets != 1 {
		t.Errorf("stats %+v", st)
	}
	h.remove(stageOne)
	wg.Wait()
}

// The shape of what others see when a publisher mutes.
func TestEvents_MuteIsOneDelta(t *testing.T) {
	h := open(t, houseOptions{})
	ada := h.dial(h.token("ada"), "")
	ada.expect(typeState)
	bob := h.dial(h.token("bob"), "")
	bob.expect(typeState)
	pub, err := h.host.PublishLocal(t.Context(), stageOne, host.LocalParticipant{ID: "ada"}, []media.Source{quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	if u := bob.expect(typeUpdate).Payload; u.Changes[0].Op != "join" || u.Changes[0].Participant.UserID != "user-ada" {
		t.Errorf("joined: %+v", u)
	}
	ada.send(`{"type":"SET_MEDIA_STATE","payload":{"audioMuted":true}}`)
	u := bob.expect(typeUpdate).Payload
	if p := u.Changes[0].Participant; u.Version != 2 || u.Changes[0].Op != "update" || !p.AudioMuted || p.VideoStopped || !p.IsPublishing || len(p.Tracks) != 1 {
		t.Errorf("muted: %+v", u)
	}
}

type quiet struct{}

func (quiet) Track() media.Track      { return media.Track{ID: "a", Kind: media.Audio} }
func (quiet) RequestKeyFrame()        {}
func (quiet) RequestPackets([]uint16) {}
