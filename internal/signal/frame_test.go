package signal

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

func TestReadRequest(t *testing.T) {
	for _, c := range []struct {
		frame string
		kind  string // "" is refused
	}{
		{`{"type":"PING"}`, "PING"},
		{`{"type":"PING","payload":{}}`, "PING"},
		{`{"type":"WHATEVER","payload":[1,2]}`, "WHATEVER"},
		{`{"type":"SET_MEDIA_STATE","payload":{"audioMuted":true}}`, "SET_MEDIA_STATE"},
		{`{"type":"SET_MEDIA_STATE","payload":{"audioMuted":true,"later":1}}`, "SET_MEDIA_STATE"},
		{`{"type":"SET_MEDIA_STATE","payload":{"audioMuted":"yes"}}`, ""},
		{`{"type":"SET_MEDIA_STATE","payload":null}`, ""},
		{`{"type":"SET_MEDIA_STATE"}`, ""},
		{`{"type":"STATS","payload":{"subscriptions":[{"participantId":"ada","framesDecoded":9,"framesDropped":1}],"later":1}}`, "STATS"},
		{`{"type":"STATS","payload":{"subscriptions":[{"participantId":"ada","framesDecoded":-1}]}}`, ""},
		{`{"type":"STATS","payload":{"subscriptions":[{"participantId":"ada","framesDecoded":1.5}]}}`, ""},
		{`{"type":"STATS","payload":{"subscriptions":[` + strings.Repeat(`{},`, 100) + `{}]}}`, ""},
		{`{"type":"STATS"}`, ""},
		{`{"type":"EXCHANGE_TOKEN","payload":{"token":"a.b.c","later":1}}`, "EXCHANGE_TOKEN"},
		{`{"type":"EXCHANGE_TOKEN","payload":{"token":1}}`, ""},
		{`{"type":"EXCHANGE_TOKEN","payload":{}}`, ""},
		{`{"type":"EXCHANGE_TOKEN"}`, ""},
		{`{"type":1}`, ""},
		{`{"payload":{}}`, ""},
		{`[]`, ""},
		{`PING`, ""},
		{``, ""},
		{`{"type":"PING"}{"type":"PING"}`, ""},
		{"{\"type\":\"\xff\"}", ""},
		{strings.Repeat("[", 16<<10), ""},
	} {
		r, err := readRequest([]byte(c.frame))
		if (err != nil) != (c.kind == "") || r.kind != c.kind {
			t.Errorf("%.60q gives %q, %v", c.frame, r.kind, err)
		}
		if err != nil && live.KindOf(err) != live.Invalid {
			t.Errorf("%.60q gives kind %v", c.frame, live.KindOf(err))
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{
		`{"type":"PING"}`, `{"type":"GET_STATE","payload":{}}`, `{"type":"LEAVE"}`,
		`{"type":"SET_MEDIA_STATE","payload":{"audioMuted":true,"videoStopped":false}}`,
		`{"type":"STATS","payload":{"subscriptions":[{"participantId":"ada","framesDecoded":9,"framesDropped":1}]}}`,
		`{"type":"EXCHANGE_TOKEN","payload":{"token":"a.b.c"}}`,
		`{"type":"SET_SUBSCRIPTION","payload":{"participantId":"ada","layer":"auto","maxWidth":640,"audio":false}}`,
		`{"type":"SET_MEDIA_STATE","payload":[]}`, `{"type":null}`, `{"type":"\ud800"}`, "\xef\xbb\xbf{}", `{"a":{"a":{"a":[[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := readRequest(data)
		if err != nil && !reflect.DeepEqual(r, request{}) {
			t.Errorf("refused and read at once: %+v", r)
		}
		if err == nil && r.kind != typeMediaState && (r.audioMuted != nil || r.videoStopped != nil) {
			t.Errorf("%q carries a media state", r.kind)
		}
	})
}

// The members of docs/signalling.md 1.3 and 1.4, none more and none less.
func TestEncode_WritesWhatTheProtocolSays(t *testing.T) {
	w := host.Welcome{
		Stage: "stage", Session: "st-1", ReconnectWindow: 10 * time.Second,
		State: roster.State{
			Version: 3, Participant: "bob", Resume: "key",
			Participants: []roster.Participant{
				{ID: "ada", UserID: "u", Attributes: map[string]string{"k": "<v>"}, IsPublishing: true, AudioMuted: true, Tracks: []string{"audio"}, Protocol: "WHIP"},
				{ID: "bob"},
			},
		},
	}
	o := Options{}.withDefaults()
	same(t, encodeState(typeState, w, &o), `{"type":"STAGE_STATE","payload":{"protocol":1,"stageId":"stage","sessionId":"st-1",
		"version":3,"participantId":"bob","resume":"key","resumed":false,"pingIntervalSeconds":15,"reconnectWindowSeconds":10,"participants":[
		{"id":"ada","userId":"u","attributes":{"k":"<v>"},"isPublishing":true,"audioMuted":true,"videoStopped":false,"tracks":["audio"],"protocol":"WHIP"},
		{"id":"bob","userId":"","attributes":{},"isPublishing":false,"audioMuted":false,"videoStopped":false,"tracks":[]}]}}`)
	o.ICEServers = func(live.StageID, live.ParticipantID) []ICEServer {
		return []ICEServer{{URLs: []string{"turn:relay:3478?transport=udp"}, Username: "u", Credential: "c", TTLSeconds: 300}}
	}
	w.State.Participants = nil
	same(t, encodeState(typeResumed, w, &o), `{"type":"STAGE_RESUMED","payload":{"protocol":1,"stageId":"stage","sessionId":"st-1",
		"version":3,"participantId":"bob","resume":"key","resumed":false,"pingIntervalSeconds":15,"reconnectWindowSeconds":10,"iceServers":[
		{"urls":["turn:relay:3478?transport=udp"],"username":"u","credential":"c","ttlSeconds":300}]}}`)
	a := &host.Announcement{Stage: "stage", Update: &roster.Update{
		Version: 4, Changes: []roster.Change{{Op: roster.OpLeave, Participant: roster.Participant{ID: "ada"}}},
	}}
	same(t, encodeUpdate(a), `{"type":"STAGE_UPDATE","payload":{"stageId":"stage","version":4,"changes":[{"op":"leave","participant":
		{"id":"ada","userId":"","attributes":{},"isPublishing":false,"audioMuted":false,"videoStopped":false,"tracks":[]}}]}}`)
	same(t, encode(typePong, nil), `{"type":"PONG"}`)
}

func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	gg, _ := json.Marshal(g)
	ww, _ := json.Marshal(w)
	if string(gg) != string(ww) {
		t.Errorf("got  %s\nwant %s", gg, ww)
	}
}
