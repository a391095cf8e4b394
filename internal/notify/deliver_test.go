package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	server "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// office is a Service that runs on a database of its own.
type office struct {
	*Service
	t     *testing.T
	o     Options
	added chan struct{}
	stop  func()
}

func open(t *testing.T, change func(*Options)) *office {
	t.Helper()
	master, err := access.ParseMasterKey(access.GenerateMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	f := &office{t: t, added: make(chan struct{}, 1)}
	f.o = Options{
		Store: storetest.Open(t, storetest.SQLite(t)), Master: master, Home: live.Home{Region: "us-east-1", Account: "000000000000"},
		Added: f.added, AllowPrivate: prefixes("127.0.0.0/8"), Log: slog.New(slog.DiscardHandler),
		Poll: 20 * time.Millisecond, Attempt: 5 * time.Second, FirstRetry: 5 * time.Millisecond, LastRetry: 20 * time.Millisecond,
	}
	if change != nil {
		change(&f.o)
	}
	f.start()
	t.Cleanup(func() { f.stop() })
	return f
}

// start opens the service on what there is; stop ends it.
func (f *office) start() {
	f.t.Helper()
	s, err := Open(f.t.Context(), f.o)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Run(ctx)
	}()
	f.Service = s
	f.stop = func() {
		cancel()
		<-ended
	}
}

// put has n things happen, on three stages in turn.
func (f *office) put(from, n int) {
	f.t.Helper()
	err := f.o.Store.Write(f.t.Context(), func(tx *store.Tx) error {
		var out []store.OutEvent
		for i := from; i < from+n; i++ {
			e := live.BridgeEvent{
				ID: newUUID(), DetailType: live.StageUpdate, Account: "000000000000", At: time.Now(), Region: "us-east-1",
				Resource: live.ARN{Region: "us-east-1", Account: "000000000000", Type: live.TypeStage, ID: fmt.Sprint("stage", i%3)},
				Detail:   live.PublishErrorDetail{Name: live.EventPublishError, UserID: strconv.Itoa(i)},
			}
			text, err := e.Text()
			if err != nil {
				return err
			}
			out = append(out, store.OutEvent{ID: e.ID, Stage: live.StageID(e.Resource.ID), At: e.At, Body: text})
		}
		return tx.PutOut(f.t.Context(), out)
	})
	if err != nil {
		f.t.Fatal(err)
	}
	select {
	case f.added <- struct{}{}:
	default:
	}
}

func (f *office) add(it Settings) live.Secret {
	f.t.Helper()
	_, secret, err := f.Add(f.t.Context(), it)
	if err != nil {
		f.t.Fatal(err)
	}
	return secret
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come to be", what)
		}
		<-tick.C
	}
}

// receiver keeps what a webhook gets, by event.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	calls   int
	headers []http.Header
	bodies  [][]byte
}

// receive starts a receiver. Odd may answer in place of it; false has it answer well.
func receive(t *testing.T, odd func(call int, w http.ResponseWriter, r *http.Request) bool) *receiver {
	t.Helper()
	rec := &receiver{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rec.mu.Lock()
		rec.calls++
		call := rec.calls
		rec.mu.Unlock()
		if odd != nil && odd(call, w, r) {
			return
		}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.headers, rec.bodies = append(rec.headers, r.Header.Clone()), append(rec.bodies, body)
	}))
	t.Cleanup(rec.Close)
	return rec
}

// seen returns the numbers of the events that came, by stage, each once.
func (rec *receiver) seen() map[string][]int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	ids := map[string]bool{}
	out := map[string][]int{}
	for i, body := range rec.bodies {
		var e struct {
			Resources []string
			Detail    struct {
				UserID int `json:"user_id,string"`
			}
		}
		id := rec.headers[i].Get("Webhook-Id")
		if ids[id] || json.Unmarshal(body, &e) != nil || len(e.Resources) == 0 {
			continue
		}
		ids[id] = true
		out[e.Resources[0]] = append(out[e.Resources[0]], e.Detail.UserID)
	}
	return out
}

func (rec *receiver) count() (n int) {
	for _, numbers := range rec.seen() {
		n += len(numbers)
	}
	return n
}

func (rec *receiver) inOrder(t *testing.T, what string) {
	t.Helper()
	for stage, numbers := range rec.seen() {
		if !slices.IsSorted(numbers) {
			t.Errorf("%s: events of %s came as %v", what, stage, numbers)
		}
	}
}

// Row 43: whatever receivers do, each other one is told everything in order, and they too once they are well.
func TestTargets_Row43_AreToldInOrderWhateverReceiversDo(t *testing.T) {
	f := open(t, nil)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	big := bytes.Repeat([]byte("x"), 1<<20)
	kinds := map[string]*receiver{
		"good": receive(t, nil),
		"failing": receive(t, func(call int, w http.ResponseWriter, _ *http.Request) bool {
			if call%3 != 0 {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return call%3 != 0
		}),
		"slow": receive(t, func(call int, _ http.ResponseWriter, r *http.Request) bool {
			if call == 2 {
				select { // longer than an attempt may take
				case <-hang:
				case <-r.Context().Done():
				}
				return true
			}
			return false
		}),
		"breaking": receive(t, func(call int, w http.ResponseWriter, _ *http.Request) bool {
			if call%4 == 1 {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_, _ = io.WriteString(conn, "HTTP/1.1 20")
					_ = conn.Close()
				}
				return true
			}
			return false
		}),
		"huge": receive(t, func(call int, w http.ResponseWriter, _ *http.Request) bool {
			if call != 1 {
				return false
			}
			w.WriteHeader(http.StatusInternalServerError)
			for range 1024 { // a gigabyte, if anyone reads it
				if _, err := w.Write(big); err != nil {
					break
				}
			}
			return true
		}),
		"endless": receive(t, func(call int, w http.ResponseWriter, r *http.Request) bool {
			if call == 1 {
				w.WriteHeader(http.StatusInternalServerError)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-hang:
				case <-r.Context().Done():
				}
			}
			return call == 1
		}),
	}
	gone := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusGone)
		return true
	})
	for name, rec := range kinds {
		f.add(Settings{Name: name, Kind: Webhook, URL: rec.URL})
	}
	f.add(Settings{Name: "gone", Kind: Webhook, URL: gone.URL})
	f.add(Settings{Name: "dead", Kind: Webhook, URL: "http://127.0.0.1:1/"})
	f.put(0, 150)
	for name, rec := range kinds {
		eventually(t, name, func() bool { return rec.count() == 150 })
		rec.inOrder(t, name)
	}
	views := map[string]View{}
	eventually(t, "gone is off", func() bool {
		all, err := f.List(t.Context())
		for _, v := range all {
			views[v.Name] = v
		}
		return err == nil && views["gone"].State == "off" && views["good"].Behind == 0
	})
	if v := views["gone"]; !strings.Contains(v.Why, "410") || v.Delivered != 0 {
		t.Errorf("gone is %+v", v)
	}
	if v := views["dead"]; v.State != "retrying" || v.Failed == 0 || v.LastError == "" || v.Behind != 150 {
		t.Errorf("dead is %+v", v)
	}
	if v := views["good"]; v.Delivered != 150 || v.Failed != 0 || v.State != "on" {
		t.Errorf("good is %+v", v)
	}
}

func TestTargets_GoOnWhereTheyWereAndHearAgainOnRequest(t *testing.T) {
	f := open(t, nil)
	down := true
	var mu sync.Mutex
	rec := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return down
	})
	f.add(Settings{Name: "a", Kind: Webhook, URL: rec.URL, Pattern: json.RawMessage(`{"resources":[{"suffix":"stage1"}]}`)})
	f.put(0, 30)
	eventually(t, "an attempt", func() bool {
		v, err := f.Get(t.Context(), "a")
		return err == nil && v.Failed > 0
	})
	f.stop()
	mu.Lock()
	down = false
	mu.Unlock()
	f.put(30, 300)
	f.start() // with the secrets that were kept
	eventually(t, "all of stage1", func() bool { return rec.count() == 110 })
	rec.inOrder(t, "after a restart")
	if len(rec.seen()) != 1 {
		t.Errorf("stages %v came", rec.seen())
	}
	rec.mu.Lock()
	rec.headers, rec.bodies = nil, nil
	rec.mu.Unlock()
	if _, err := f.Replay(t.Context(), "a", 200, time.Time{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replay", func() bool { return rec.count() == 43 })
	if _, err := f.Replay(t.Context(), "a", 0, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replay of an hour", func() bool { return rec.count() == 110 })
	for _, after := range []int64{-1, 331} {
		if _, err := f.Replay(t.Context(), "a", after, time.Time{}); live.KindOf(err) != live.Invalid {
			t.Errorf("after %d: %v", after, err)
		}
	}
}

func TestTargets_EventsThatAreTooOldAreDroppedAndCounted(t *testing.T) {
	f := open(t, func(o *Options) { o.Keep = 300 * time.Millisecond })
	f.add(Settings{Name: "dead", Kind: Webhook, URL: "http://127.0.0.1:1/"})
	f.put(0, 6)
	eventually(t, "that they are dropped", func() bool {
		v, err := f.Get(t.Context(), "dead")
		return err == nil && v.Dropped == 6 && v.Behind == 0
	})
}

func TestTargets_SecretsRotateAndAreKeptEncrypted(t *testing.T) {
	f := open(t, nil)
	rec := receive(t, nil)
	first := f.add(Settings{Name: "a", Kind: Webhook, URL: rec.URL})
	second, err := f.Rotate(t.Context(), "a")
	if err != nil || first == second {
		t.Fatalf("%v", err)
	}
	f.put(0, 1)
	eventually(t, "the event", func() bool { return rec.count() == 1 })
	rec.mu.Lock()
	h, body := rec.headers[0], rec.bodies[0]
	rec.mu.Unlock()
	at := h.Get("Webhook-Timestamp")
	for _, secret := range []live.Secret{first, second} {
		want := sign([]signing{{Secret: string(secret)}}, h.Get("Webhook-Id"), at, body, time.Now())
		if got := h.Get("Webhook-Signature"); !slices.Contains(strings.Fields(got), want) {
			t.Errorf("signatures %q lack %q", got, want)
		}
	}
	if h.Get("Proscenium-Sequence") != "1" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	var row store.Target
	if err := f.o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.Target(t.Context(), "a")
		return err
	}); err != nil || strings.Contains(row.Settings+row.Secrets, "whsec_") {
		t.Errorf("the secret can be read in %+v, %v", row, err)
	}
	if v, _ := json.Marshal(f.view(row, 0)); strings.Contains(string(v), "whsec") || strings.Contains(fmt.Sprintf("%+v %#v %v", f.find("a").settings, f.find("a").settings, row), "whsec") {
		t.Errorf("the secret is shown")
	}
}

// The example of the specification, https://github.com/standard-webhooks/standard-webhooks.
func TestSign_IsStandardWebhooks(t *testing.T) {
	got := sign([]signing{{Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`), time.Now())
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("got %s", got)
	}
}

func TestEnvelope_IsACloudEvent(t *testing.T) {
	f := open(t, nil)
	rec := receive(t, nil)
	f.add(Settings{Name: "a", Kind: Webhook, URL: rec.URL, Envelope: CloudEvents})
	f.put(7, 1)
	eventually(t, "the event", func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return len(rec.bodies) == 1
	})
	var e struct {
		SpecVersion, ID, Source, Type, Subject, DataContentType, Sequence string
		Data                                                              struct{ ID string }
	}
	if err := json.Unmarshal(rec.bodies[0], &e); err != nil {
		t.Fatal(err)
	}
	if e.SpecVersion != "1.0" || e.ID != e.Data.ID || e.Type != "IVS Stage Update" || e.Source != "aws.ivs" || e.Sequence != "00000000000000000001" ||
		!strings.HasSuffix(e.Subject, "stage/stage1") || rec.headers[0].Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("got %s", rec.bodies[0])
	}
}

func TestClouds_GetWhatTheyAskFor(t *testing.T) {
	f := open(t, nil)
	type request struct {
		target string
		body   map[string]any
	}
	got := make(chan request, 10)
	refuse := true
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		target := r.Header.Get("X-Amz-Target")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if refuse && strings.Contains(target, "PutEvents") {
			refuse = false
			_, _ = io.WriteString(w, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"slower"}]}`)
			return
		}
		got <- request{target, body}
		_, _ = io.WriteString(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"x"}],"MessageId":"m"}`)
	}))
	defer cloud.Close()
	keys := Settings{Region: "us-east-1", AccessKeyID: "AKID", SecretAccessKey: "shh"}
	bus, queue := keys, keys
	bus.Name, bus.Kind, bus.URL, bus.Bus, bus.Source = "bus", EventBridge, cloud.URL, "stage-events", "proscenium.ivs"
	queue.Name, queue.Kind, queue.URL = "queue", SQS, cloud.URL+"/000000000000/events.fifo"
	f.add(bus)
	f.put(0, 1)
	put := <-got
	entry, _ := put.body["Entries"].([]any)[0].(map[string]any)
	if put.target != "AWSEvents.PutEvents" || entry["DetailType"] != "IVS Stage Update" || entry["Source"] != "proscenium.ivs" ||
		entry["EventBusName"] != "stage-events" || !strings.HasPrefix(fmt.Sprint(entry["Detail"]), `{"session_id":"","event_name":"Participant Publish Error"`) {
		t.Errorf("EventBridge gets %+v", put)
	}
	eventually(t, "that the refusal counts", func() bool {
		v, err := f.Get(t.Context(), "bus")
		return err == nil && v.Failed == 1 && v.Delivered == 1
	})
	if err := f.Remove(t.Context(), "bus"); err != nil {
		t.Fatal(err)
	}
	f.add(queue)
	f.put(1, 1)
	sent := <-got
	var e struct{ ID string }
	_ = json.Unmarshal([]byte(fmt.Sprint(sent.body["MessageBody"])), &e)
	if sent.target != "AmazonSQS.SendMessage" || e.ID == "" || sent.body["MessageDeduplicationId"] != e.ID || sent.body["MessageGroupId"] != "stage1" {
		t.Errorf("SQS gets %+v", sent)
	}
}

func TestNATS_GetsEventsWithTheirIDs(t *testing.T) {
	broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, Authorization: "letmein"})
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	defer func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	}()
	if !broker.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	listener, err := nats.Connect(broker.ClientURL(), nats.Token("letmein"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	heard, err := listener.SubscribeSync("stage.events")
	if err != nil || listener.Flush() != nil {
		t.Fatal(err)
	}
	f := open(t, nil)
	f.add(Settings{Name: "a", Kind: NATS, URL: broker.ClientURL(), Subject: "stage.events", Token: "letmein"})
	for i := range 3 { // of one stage
		f.put(3*i, 1)
	}
	for i := range 3 {
		m, err := heard.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(m.Data), m.Header.Get(nats.MsgIdHdr)) || m.Header.Get("Proscenium-Sequence") != strconv.Itoa(i+1) {
			t.Errorf("got %s with %v", m.Data, m.Header)
		}
	}
	f.stop()
	f.stop = func() {}
}

func TestStdout_GetsALineForEach(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	f := open(t, func(o *Options) {
		o.Stdout, o.Declared = writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return out.Write(p)
		}), []Settings{{Name: "lines", Kind: Stdout}}
	})
	f.put(0, 4)
	eventually(t, "four lines", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Count(out.String(), "\n") == 4
	})
	if err := f.Remove(t.Context(), "lines"); live.KindOf(err) != live.Conflict {
		t.Errorf("a declared target: %v", err)
	}
	f.stop()
	f.o.Declared = nil
	f.start()
	if all, err := f.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("declared no more: %v, %v", all, err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
