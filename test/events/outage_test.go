package events_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// wire stands between a node and its database, and can be cut.
type wire struct {
	listen net.Listener
	socket string
	wg     sync.WaitGroup

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

// wireTo returns a wire to a PostgreSQL database, and the URL of the database at the wire's other end.
func wireTo(t *testing.T, database string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listen: listen, socket: u.Query().Get("host") + "/.s.PGSQL.5432"}
	w.wg.Go(w.run)
	t.Cleanup(func() {
		_ = listen.Close()
		w.cut(true)
		w.wg.Wait()
	})
	u.User, u.Host, u.RawQuery = url.User(u.Query().Get("user")), listen.Addr().String(), "sslmode=disable"
	return w, u.String()
}

func (w *wire) run() {
	for {
		near, err := w.listen.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", w.socket)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		if w.down {
			_, _ = near.Close(), far.Close()
		}
		w.conns = append(w.conns, near, far)
		w.mu.Unlock()
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			w.wg.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

// cut breaks all connections and refuses others, or lets them through again.
func (w *wire) cut(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	if down {
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.conns = nil
	}
}

// While the database is gone media goes on; what happened meanwhile is recorded and told afterwards, in order.
func TestEvents_ADatabaseThatIsGoneDelaysThemOnly(t *testing.T) {
	database, at := wireTo(t, storetest.Postgres(t).URL)
	hook := receive(t)
	n := nodetest.Start(t, func(c *config.Config) {
		c.Database = at
		c.Events.AllowPrivate = []string{"127.0.0.0/8"}
		c.Events.Targets = config.Secret(`[{"name":"hook","kind":"webhook","url":"` + hook.URL + `","secret":"` + secret + `"}]`)
	})
	stage := n.CreateStage()
	tokens, capabilities := map[string]string{}, map[string]string{"ada": "PUBLISH", "bob": "SUBSCRIBE", "cyd": "SUBSCRIBE"}
	for _, who := range []string{"ada", "bob", "cyd"} {
		tokens[who] = n.Token(stage, who, capabilities[who])
	}
	ada, bob := join(t, tokens["ada"]), join(t, tokens["bob"])
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	stream(t, ada)
	packets := make(chan struct{}, 1)
	_, err := bob.Subscribe(ctx, ada.ID(), client.SubscribeOptions{OnPacket: func(client.Track, *rtp.Packet) {
		select {
		case packets <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the webhook", func() bool { return len(hook.names()) == 1 })

	database.cut(true)
	cyd := join(t, tokens["cyd"]) // the session is open: the node decides
	for range 3 {
		if status := offer(t, n, tokens["cyd"], "v=0\r\n"); status != http.StatusForbidden {
			t.Errorf("a refusal while the database is away is %d", status)
		}
	}
	if err := cyd.Leave(ctx); err != nil {
		t.Error(err)
	}
	n.Logged("facts not written")
	for range 100 { // media goes on
		select {
		case <-packets:
		case <-ctx.Done():
			t.Fatal("media has stopped")
		}
	}
	if got := hook.names(); len(got) != 1 {
		t.Errorf("the webhook was told %q", got)
	}
	database.cut(false)

	failed := "Participant Publish Error cyd INSUFFICIENT_CAPABILITIES"
	want := []string{"Participant Published ada", failed, failed, failed}
	within(t, "the webhook afterwards", func() bool { return len(hook.names()) >= len(want) })
	if got := hook.names(); !slices.Equal(got, want) {
		t.Errorf("the webhook is told %q\nwant %q", got, want)
	}
	var times []string
	for _, d := range hook.deliveries() {
		_, at, _ := strings.Cut(d.Body, `"event_time":"`)
		times = append(times, at[:19])
	}
	if !slices.IsSorted(times) {
		t.Errorf("they came out of order: %v", times)
	}
	const refused = "PUBLISH_ERROR INSUFFICIENT_CAPABILITIES"
	within(t, "the API", func() bool {
		return slices.Equal(history(n, stage, ada.Session(), cyd.ID()), []string{"JOINED", refused, refused, refused, "LEFT"})
	})
}

// stream publishes the demo's picture until the test ends.
func stream(t *testing.T, p *client.Participant) {
	t.Helper()
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := client.NewOpusTrack("audio")
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := p.Publish(ctx, client.PublishOptions{}, video, audio); err != nil {
		t.Fatal(err)
	}
	playing, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / loop.FrameRate)
		defer tick.Stop()
		var seq uint16
		for frame := uint32(0); ; frame++ {
			payloads := l.Frames[int(frame)%len(l.Frames)].Payloads
			for i, payload := range payloads {
				h := rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: frame * 3000, Marker: i == len(payloads)-1}
				_ = video.WriteRTP(&rtp.Packet{Header: h, Payload: payload})
				seq++
			}
			select {
			case <-tick.C:
			case <-playing.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}
