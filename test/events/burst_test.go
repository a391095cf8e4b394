package events_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// crowd and rush are the burst: how many join, within which time.
const (
	crowd = 2000
	rush  = 10 * time.Second
)

// knock joins by a state socket and returns how long that took.
func knock(ctx context.Context, n *nodetest.Node, token, topic string) (*websocket.Conn, time.Duration, error) {
	began := time.Now()
	conn, answer, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(n.URL, "http")+"/events/"+topic,
		&websocket.DialOptions{Subprotocols: []string{token}})
	if err != nil {
		return nil, 0, err
	}
	if answer.Body != nil {
		answer.Body.Close()
	}
	_, _, err = conn.Read(ctx) // the state
	return conn, time.Since(began), err
}

func idOf(t *testing.T, token string) string {
	t.Helper()
	claims, err := client.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	return claims.Participant
}

// A burst of joins loses no record.
func TestEvents_TwoThousandJoinsInTenSecondsAreAllRecorded(t *testing.T) {
	n := nodetest.Start(t, func(c *config.Config) { c.LogAccess = false })
	stage := n.CreateStage()
	topic := stage[strings.LastIndex(stage, "/")+1:]
	tokens := make([]string, crowd)
	for i := range tokens {
		tokens[i] = n.Token(stage, "u", "SUBSCRIBE")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conns, took := make([]*websocket.Conn, crowd), make([]time.Duration, crowd)
	tick := time.NewTicker(rush / crowd)
	defer tick.Stop()
	began := time.Now()
	var wg sync.WaitGroup
	for i, token := range tokens {
		<-tick.C
		wg.Go(func() {
			var err error
			if conns[i], took[i], err = knock(ctx, n, token, topic); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all := time.Since(began)
	for _, c := range conns {
		wg.Go(func() {
			if c != nil {
				_ = c.Close(websocket.StatusNormalClosure, "")
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	t.Logf("%d joins in %s; p50 %s, p99 %s", crowd, all.Round(time.Millisecond), took[crowd/2].Round(time.Millisecond), took[crowd*99/100].Round(time.Millisecond))

	var sessions struct{ StageSessions []struct{ SessionID string } }
	n.Call("ListStageSessions", map[string]string{"stageArn": stage}, &sessions)
	session := sessions.StageSessions[0].SessionID
	recorded := 0
	within(t, "that all have left", func() bool {
		recorded = 0
		for next := ""; ; {
			var page struct {
				NextToken    string
				Participants []struct{ ParticipantID, State string }
			}
			in := map[string]any{"stageArn": stage, "sessionId": session, "maxResults": 100, "filterByState": "DISCONNECTED"}
			if next != "" {
				in["nextToken"] = next
			}
			n.Call("ListParticipants", in, &page)
			recorded += len(page.Participants)
			if next = page.NextToken; next == "" {
				return recorded == crowd
			}
		}
	})
	for _, token := range tokens[:100] { // the rest say the same
		id := idOf(t, token)
		if got := strings.Join(history(n, stage, session, id), " "); got != "JOINED LEFT" {
			t.Errorf("%s: %s", id, got)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
