package node_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

const patience = 20 * time.Second

// until waits for a condition that nothing tells of.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not come", what)
		}
	}
}

// picture is a STAP-A of parameters that say 1280x720 and an IDR slice of 500 bytes.
var picture = func() []byte {
	sps, _ := hex.DecodeString("6764001facd9405005bb016a02020280000003008000001e478c18cb")
	out := append([]byte{0x78, 0, byte(len(sps))}, sps...)
	return append(append(out, 0x01, 0xf4, 0x65, 0x88), make([]byte, 498)...)
}()

// show has one participant of a stage publish and another watch, until the test ends.
func show(t *testing.T, n *nodetest.Node, stage string) (publisher, viewer *client.Participant) {
	t.Helper()
	publisher, viewer = join(t, n.Token(stage, "ada", "PUBLISH")), join(t, n.Token(stage, "bob", "SUBSCRIBE"))
	video, err := client.NewH264Track("camera")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := client.NewOpusTrack("microphone")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publisher.Publish(t.Context(), client.PublishOptions{}, video, audio); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(0); ; seq++ {
			_ = video.WriteRTP(&rtp.Packet{ // before the connection is up it goes nowhere
				Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: seq, Timestamp: uint32(seq) * 1800},
				Payload: picture,
			})
			_ = audio.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960},
				Payload: make([]byte, 80),
			})
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() { cancel(); sending.Wait() })
	until(t, "the publication", func() bool { i, ok := viewer.Lookup(publisher.ID()); return ok && i.Publishing })
	got := make(chan struct{}, 1)
	_, err = viewer.Subscribe(t.Context(), publisher.ID(), client.SubscribeOptions{OnPacket: func(client.Track, *rtp.Packet) {
		select {
		case got <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-got:
	case <-time.After(patience):
		t.Fatal("no packet came")
	}
	return publisher, viewer
}

func join(t *testing.T, token string) *client.Participant {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := client.Join(ctx, token, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = p.Leave(ctx) // the node may be gone
	})
	return p
}

func idOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// scrape returns the metrics by name and labels.
func scrape(t *testing.T, n *nodetest.Node) map[string]string {
	t.Helper()
	res, err := http.Get(n.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := map[string]string{}
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		if line := s.Text(); !strings.HasPrefix(line, "#") {
			i := strings.LastIndex(line, " ")
			out[line[:i]] = line[i+1:]
		}
	}
	return out
}

// figures asks for the participants of a stage.
func figures(t *testing.T, n *nodetest.Node, stage, query, key string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/admin/v1/stages/"+stage+"/participants"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: key, SecretKey: "test"}, Region: "us-east-1", Service: "ivs"}.Sign(r, nil, time.Now())
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

func TestFigures_TellHowEachParticipantFares(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada, bob := show(t, n, stage)
	type track struct {
		MediaType               string
		Bitrate, Framerate      float64
		Packets, Bytes, Frames  uint64
		Width, Height           int
		KeyFrames               uint64
		JitterMs, PacketLoss    float64
		Codec                   string
		PacketsLost, NackCount  uint64
		PliCount, PacketsRepeat *uint64
	}
	type session struct {
		PublisherID, ConnectedAt, SampledAt, Transport string
		Tracks                                         []track
	}
	var out struct {
		StageID, SessionID, NextToken string
		Participants                  []struct {
			ParticipantID, UserID string
			Publishing            bool
			Publication           *session
			Subscriptions         []session
		}
	}
	until(t, "a sample", func() bool {
		status, body := figures(t, n, idOf(stage), "", "test")
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		for _, p := range out.Participants {
			for _, s := range p.Subscriptions {
				if len(s.Tracks) == 2 && s.Tracks[1].Bitrate > 0 {
					return true
				}
			}
		}
		return false
	})
	if out.SessionID != ada.Session() || out.StageID != idOf(stage) || len(out.Participants) != 2 {
		t.Fatalf("told %+v", out)
	}
	for _, p := range out.Participants {
		switch p.ParticipantID {
		case ada.ID():
			if p.UserID != "ada" || !p.Publishing || p.Publication == nil || len(p.Publication.Tracks) != 2 || p.Publication.Transport != "udp" {
				t.Fatalf("the publisher is %+v", p)
			}
			tr := p.Publication.Tracks[1]
			// 50 packets of 533 bytes a second, each a frame and a key frame
			if tr.MediaType != "video" || tr.Codec != "H264" || tr.Packets == 0 || tr.Bytes != uint64(len(picture))*tr.Packets || tr.Width != 1280 || tr.Height != 720 || tr.Frames != tr.Packets || tr.KeyFrames == 0 {
				t.Errorf("its track is %+v", tr)
			}
			if ratio := tr.Bitrate / (8 * float64(len(picture)) * tr.Framerate); tr.Framerate <= 0 || tr.Framerate > 200 || ratio < .99 || ratio > 1.01 {
				t.Errorf("its rates are %+v", tr)
			}
		case bob.ID():
			if p.Publishing || p.Publication != nil || len(p.Subscriptions) != 1 || p.Subscriptions[0].PublisherID != ada.ID() {
				t.Errorf("the viewer is %+v", p)
			}
		default:
			t.Errorf("a stranger: %+v", p)
		}
	}
	one, rest := struct {
		NextToken    string
		Participants []struct{ ParticipantID string }
	}{}, struct {
		NextToken    string
		Participants []struct{ ParticipantID string }
	}{}
	_, body := figures(t, n, idOf(stage), "?maxResults=1", "test")
	if err := json.Unmarshal([]byte(body), &one); err != nil || len(one.Participants) != 1 || one.NextToken == "" {
		t.Fatalf("a page of one is %s", body)
	}
	_, body = figures(t, n, idOf(stage), "?maxResults=1&nextToken="+one.NextToken, "test")
	if err := json.Unmarshal([]byte(body), &rest); err != nil || len(rest.Participants) != 1 || rest.NextToken != "" ||
		rest.Participants[0].ParticipantID == one.Participants[0].ParticipantID {
		t.Errorf("the next page is %s", body)
	}
	if _, body := figures(t, n, idOf(stage), "?participantId="+bob.ID(), "test"); strings.Contains(body, ada.ID()+`","userId`) {
		t.Errorf("asked for one, told %s", body)
	}
}

func TestFigures_AreForOperatorsOnly(t *testing.T) { // rows 1 to 4
	n := nodetest.Start(t)
	for _, c := range []struct {
		stage, query, key string
		status            int
	}{
		{"AAAAAAAAAAAA", "", "", 403},
		{"AAAAAAAAAAAA", "", "stranger", 403},
		{"AAAAAAAAAAAA", "", "test", 200}, // no session is open
		{"AAAAAAAAAAAA", "?maxResults=0", "test", 400},
		{"AAAAAAAAAAAA", "?maxResults=1001", "test", 400},
		{"AAAAAAAAAAAA", "?maxResults=x", "test", 400},
		{"AAAAAAAAAAAA/other", "", "test", 404},
	} {
		if status, body := figures(t, n, c.stage, c.query, c.key); status != c.status {
			t.Errorf("%s%s as %q: %d %s", c.stage, c.query, c.key, status, body)
		}
	}
}

// metricName finds the names in a PromQL expression; functions and labels have other prefixes.
var metricName = regexp.MustCompile(`\b(?:proscenium|go|process)_[a-z0-9_]+`)

func TestDashboard_EveryMetricIsServed(t *testing.T) {
	n := nodetest.Start(t)
	show(t, n, n.CreateStage())
	var served map[string]string
	until(t, "a sample of a viewer with a round trip", func() bool {
		served = scrape(t, n)
		return served[`proscenium_round_trip_seconds{stat="average"}`] != "" && served[`proscenium_join_duration_seconds_count{step="first_media"}`] == "2"
	})
	names := map[string]bool{}
	for series := range served {
		name, _, _ := strings.Cut(series, "{")
		names[name] = true
	}
	data, err := os.ReadFile("../../deploy/grafana/proscenium.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				asked++
				if !names[name] {
					t.Errorf("panel %q asks for %s, which the server does not have", p.Title, name)
				}
			}
		}
	}
	if asked < 50 {
		t.Errorf("the dashboard asks for %d metrics only", asked)
	}
	documented, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range names {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "proscenium_") && !bytes.Contains(documented, []byte("`"+strings.TrimPrefix(base, "proscenium_")+"`")) {
			t.Errorf("docs/metrics.md does not tell of %s", base)
		}
	}
	for _, step := range []string{"state", "connected", "first_media"} {
		if got := served[`proscenium_join_duration_seconds_count{step="`+step+`"}`]; got != "2" {
			t.Errorf("%s joins were timed at step %s, want 2", got, step)
		}
	}
}

func TestMetrics_AreAsManyForManyStagesAsForOne(t *testing.T) { // row 45
	n := nodetest.Start(t)
	fill := func() {
		stage := n.CreateStage()
		for i := range 3 {
			join(t, n.Token(stage, fmt.Sprintf("user-%d-%s", i, idOf(stage))))
		}
	}
	sampled := func(stages string) map[string]string {
		var series map[string]string
		until(t, "a sample of "+stages+" participants", func() bool {
			series = scrape(t, n)
			return series["proscenium_participants"] == stages && series[`proscenium_stage_publishers{stat="average"}`] != "" &&
				series[`proscenium_join_duration_seconds_count{step="state"}`] == stages
		})
		return series
	}
	fill()
	before := slices.Sorted(maps.Keys(sampled("3")))
	for range 20 {
		fill()
	}
	after := slices.Sorted(maps.Keys(sampled("63")))
	added := slices.DeleteFunc(after, func(s string) bool {
		_, known := slices.BinarySearch(before, s)
		return known
	})
	for _, series := range added {
		if !strings.HasPrefix(series, "go_") && !strings.HasPrefix(series, "process_") {
			t.Errorf("%s is new with more stages", series)
		}
	}
}

// collect serves what a collector of OTLP over HTTP does.
func collect(t *testing.T) (endpoint string, all func() (spans []*traces.Span, raw []byte)) {
	t.Helper()
	var mu sync.Mutex
	var spans []*traces.Span
	var raw []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		data, err := io.ReadAll(zipped)
		if err != nil {
			t.Error(err)
		}
		var in collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &in); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		raw = append(raw, data...)
		for _, r := range in.ResourceSpans {
			for _, scope := range r.ScopeSpans {
				spans = append(spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, func() ([]*traces.Span, []byte) {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(spans), bytes.Clone(raw)
	}
}

func TestTraces_TellTheStepsOfCallsAndJoins(t *testing.T) {
	endpoint, all := collect(t)
	n := nodetest.Start(t, func(c *config.Config) { c.Tracing.Endpoint, c.Tracing.Ratio = endpoint, 1 })
	stage := n.CreateStage()
	ada, bob := show(t, n, stage)
	tokens := []string{n.Token(stage, "eve")}
	steps := map[string][]string{
		"CreateStage": nil, "CreateParticipantToken": nil,
		"join":      {"verify token", "grant"},
		"publish":   {"verify token", "offer", "ice", "dtls", "first packet"},
		"subscribe": {"verify token", "offer", "ice", "dtls", "first packet"},
	}
	var spans []*traces.Span
	var raw []byte
	until(t, "every span", func() bool {
		spans, raw = all()
		for name, children := range steps {
			if i := slices.IndexFunc(spans, func(s *traces.Span) bool { return s.Name == name && len(s.ParentSpanId) == 0 }); i < 0 {
				return false
			} else if len(children) > 0 && !has(spans, spans[i], children) {
				return false
			}
		}
		return true
	})
	for _, s := range spans {
		if s.EndTimeUnixNano < s.StartTimeUnixNano || s.EndTimeUnixNano-s.StartTimeUnixNano > uint64(time.Minute) {
			t.Errorf("%s goes from %d to %d", s.Name, s.StartTimeUnixNano, s.EndTimeUnixNano)
		}
		if s.Name != "CreateStage" {
			continue
		}
		attributes := map[string]string{}
		for _, a := range s.Attributes {
			attributes[a.Key] = a.Value.String()
		}
		if attributes["aws.request_id"] == "" || !strings.Contains(attributes["http.response.status_code"], "200") {
			t.Errorf("the call's attributes are %v", attributes)
		}
	}
	for _, id := range []string{ada.ID(), bob.ID(), idOf(stage)} {
		if !bytes.Contains(raw, []byte(id)) {
			t.Errorf("no span tells of %s", id)
		}
	}
	for _, secret := range append(tokens, "eyJ", "Bearer", "AWS4-HMAC", "resume", "ice-pwd", "a=fingerprint") {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("spans hold %.12s", secret)
		}
	}
}

// has says whether a span has all these children.
func has(spans []*traces.Span, parent *traces.Span, names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(spans, func(s *traces.Span) bool {
			return s.Name == name && bytes.Equal(s.ParentSpanId, parent.SpanId)
		}) {
			return false
		}
	}
	return true
}

func TestTraces_ACollectorThatIsGoneHoldsNobodyUp(t *testing.T) {
	n := nodetest.Start(t, func(c *config.Config) { c.Tracing.Endpoint, c.Tracing.Ratio = "http://127.0.0.1:1", 1 })
	began := time.Now()
	join(t, n.Token(n.CreateStage(), "ada"))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a stage, a token and a join took %v", took)
	}
}
