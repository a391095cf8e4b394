package signal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
)

// failures returns the codes of a participant's failures so far.
func (h *house) failures(id live.ParticipantID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var codes []string
	for _, f := range h.facts {
		if f.Participant == id && f.ErrorCode != "" {
			codes = append(codes, string(f.Name)+" "+string(f.ErrorCode))
		}
	}
	return strings.Join(codes, ", ")
}

func TestMedia_APublicationLastsAsLongAsItMay(t *testing.T) {
	h := open(t, houseOptions{host: func(o *host.Options) {
		o.Publishing, o.SampleEvery = 1500*time.Millisecond, 50*time.Millisecond
	}})
	socket := h.dial(h.token("ada"), "")
	socket.expect(typeState)
	ada := h.publisher(h.token("ada"))
	if status, refusal := ada.post("/whip"); status != http.StatusCreated {
		t.Fatalf("publishing gives %d %s", status, refusal)
	}
	socket.expect(typeUpdate)
	if told := socket.expect(typeError).Payload; told.Code != "STREAM_DURATION_EXCEEDED" || !strings.Contains(told.Message, "limits.publish_duration") {
		t.Errorf("told %+v", told)
	}
	until(t, "its session to be gone", func() bool { return ada.get() == http.StatusNotFound })
	until(t, "the failure to be reported", func() bool {
		return h.failures("ada") == string(live.PublishFailed)+" STREAM_DURATION_EXCEEDED"
	})
	ada.over()
	// Its participant is there still, and begins another.
	socket.expect(typeUpdate)
	if status, refusal := h.publisher(ada.tok).post("/whip"); status != http.StatusCreated {
		t.Fatalf("publishing again gives %d %s", status, refusal)
	}
	socket.expect(typeUpdate)
}

func TestMedia_ASubscriptionLastsAsLongAsItMay(t *testing.T) {
	h := open(t, houseOptions{host: func(o *host.Options) {
		o.Subscribing, o.SampleEvery = 1500*time.Millisecond, 50*time.Millisecond
	}})
	ada := h.published("ada")
	bob := h.viewer(h.token("bob"))
	if status, refusal := bob.post("/whip/subscribe/ada"); status != http.StatusCreated {
		t.Fatalf("subscribing gives %d %s", status, refusal)
	}
	until(t, "the failure to be reported", func() bool {
		return h.failures("bob") == string(live.SubscribeFailed)+" STREAM_DURATION_EXCEEDED"
	})
	bob.over()
	if got := ada.get(); got != http.StatusNoContent {
		t.Errorf("GET of the publisher's session gives %d", got)
	}
}
