package signal

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/host"
)

func TestReadWish_NamesWhatIsWrong(t *testing.T) {
	for payload, want := range map[string]string{
		``:                                      "not an object",
		`null`:                                  "not an object",
		`[]`:                                    "not an object",
		`{}`:                                    "participantId",
		`{"participantId":7}`:                   "participantId",
		`{"participantId":""}`:                  "participantId",
		`{"participantId":"a","layer":1}`:       "layer",
		`{"participantId":"a","layer":""}`:      "layer",
		`{"participantId":"a","maxWidth":1.5}`:  "maxWidth",
		`{"participantId":"a","maxWidth":-1}`:   "maxWidth",
		`{"participantId":"a","maxHeight":1e9}`: "maxHeight",
		`{"participantId":"a","audio":"yes"}`:   "audio",
		`{"participantId":"a","video":0}`:       "video",
		`{"participantId":"a","layer":{"rid":"hi"}}`: "layer",
	} {
		_, err := readRequest([]byte(`{"type":"SET_SUBSCRIPTION","payload":` + string(orNull(payload)) + `}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, which does not name %s", payload, err, want)
		}
	}
	if _, err := readWish([]byte(`{"participantId":"` + strings.Repeat("a", 129) + `"}`)); err == nil {
		t.Error("a participantId of 129 characters is taken")
	}
}

func orNull(payload string) json.RawMessage {
	if payload == "" {
		return json.RawMessage("7")
	}
	return json.RawMessage(payload)
}

func TestReadWish_LeavesWhatIsAbsent(t *testing.T) {
	r, err := readRequest([]byte(`{"type":"SET_SUBSCRIPTION","payload":{"participantId":"ada","layer":"auto","maxWidth":640,"video":false,"audio":null,"later":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w := r.wish
	if w.Publisher != "ada" || w.Layer == nil || *w.Layer != "" || w.MaxWidth == nil || *w.MaxWidth != 640 ||
		w.MaxHeight != nil || w.Audio != nil || w.Video == nil || *w.Video {
		t.Errorf("%+v", w)
	}
}

func TestEncodeSubscription(t *testing.T) {
	got := string(encodeSubscription(host.SubscriptionState{Publisher: "ada", Layer: "low", Reason: host.ByBandwidth}))
	want := `{"type":"SUBSCRIPTION_STATE","payload":{"participantId":"ada","layer":"low","paused":false,"reason":"bandwidth"}}`
	if got != want {
		t.Errorf("%s", got)
	}
}
