package conformance_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
	"github.com/proscenium-live/proscenium/test/conformance/kit"
)

var update = flag.Bool("update", false, "write docs/conformance.md as the kit finds it now")

const page = "../../docs/conformance.md"

// If the page is not fresh, run go test ./test/conformance -run Kit -update and look at the difference.
func TestKit_IsGreenOnBothDatabasesAndThePageSaysSo(t *testing.T) {
	contracts, err := kit.Contracts()
	if err != nil {
		t.Fatal(err)
	}
	suites, err := kit.Suites()
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]*kit.Report{"sqlite": {}}
	sides := bothSides{}
	storetest.Each(t, func(t *testing.T, o store.Options) {
		target, vars := stageWithPublisher(t, o)
		report := &kit.Report{}
		reports[filepath.Base(t.Name())] = report
		clients := kit.Columns
		if o.Path == "" {
			clients = []string{"raw", "Go SDK v2"} // the database makes no difference to the rest
		}
		runKit(t, target, contracts, suites, vars, clients, func(r kit.Result) {
			report.Add(r)
			sides.add(r)
		})
	})
	sides.check(t, contracts)
	if reports["sqlite"].Passed("JS SDK v2") > 0 {
		sides.checkMethods(t)
	}
	lite := reports["sqlite"]
	t.Logf("%d cases passed on SQLite, %d of them raw", lite.Passed(""), lite.Passed("raw"))
	if other := reports["postgres"]; other != nil && other.Passed("raw") > 0 {
		t.Logf("%d cases passed on PostgreSQL", other.Passed(""))
		if other.Passed("raw") != lite.Passed("raw") {
			t.Errorf("%d raw cases passed on PostgreSQL, %d on SQLite", other.Passed("raw"), lite.Passed("raw"))
		}
	}
	checkPage(t, lite, contracts, suites)
}

// bothSides counts for each client and operation the calls that passed: those that succeeded and those that got an
// error.
type bothSides map[[3]string]*[2]int

func (b bothSides) add(r kit.Result) {
	if !r.Pass {
		return
	}
	at := [3]string{r.Client, r.API, r.Operation}
	if b[at] == nil {
		b[at] = &[2]int{}
	}
	if r.Error == "" {
		b[at][0]++
	} else {
		b[at][1]++
	}
}

// cannotSucceed are operations whose success needs media that no part of the server has yet; the media side's own
// test calls them with success. Those of the channel contract that are not served are here, too.
var cannotSucceed = []string{
	"GetStream", "StopStream", "PutMetadata", "GetStreamSession", "ListStreamSessions",
}

// check wants each operation of each client called with success and with an error. ListStreams is the one whose
// only error is a bad token.
func (b bothSides) check(t *testing.T, contracts map[string]*kit.Contract) {
	t.Helper()
	for api, c := range contracts {
		for operation := range c.Operations {
			if b[[3]string{"raw", api, operation}] == nil {
				t.Errorf("no case of %s %s", api, operation)
			}
		}
	}
	for at, n := range b {
		operation := at[2]
		if contracts[at[1]].Operations[operation] == nil {
			continue // a path that is none
		}
		if n[0] == 0 && !slices.Contains(cannotSucceed, operation) {
			t.Errorf("%s: %s was not called with success", at[0], operation)
		}
		if n[1] == 0 {
			t.Errorf("%s: %s was not called with an error", at[0], operation)
		}
	}
}

// Every method that AWS.IVSRealTime has was called: with success and with an error, as check says.
func (b bothSides) checkMethods(t *testing.T) {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", "js/driver.js", "methods")
	out, err := node.Output()
	if err != nil {
		t.Fatalf("list the methods of the JavaScript SDK: %v", err)
	}
	methods := strings.Fields(string(out))
	for _, operation := range methods {
		if b[[3]string{"JS SDK v2", kit.Realtime, operation}] == nil {
			t.Errorf("AWS.IVSRealTime: %s was not called", operation)
		}
	}
	t.Logf("each of the %d methods of AWS.IVSRealTime was called with success and with an error", len(methods))
}

func checkPage(t *testing.T, report *kit.Report, contracts map[string]*kit.Contract, suites []kit.Suite) {
	t.Helper()
	before, err := os.ReadFile(page)
	if err != nil && !*update {
		t.Fatal(err)
	}
	now := report.Page(string(before), contracts, suites, *update)
	if *update {
		if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if now != string(before) {
		t.Errorf("%s is not what the kit finds", page)
	}
}

// runKit runs the raw client, and then the others side by side.
func runKit(
	t *testing.T, target kit.Target, contracts map[string]*kit.Contract, suites []kit.Suite, vars map[string]string,
	names []string, add func(kit.Result),
) {
	t.Helper()
	var mu sync.Mutex
	run := func(client kit.Client) {
		started := time.Now()
		raw := kit.NewRaw(target, contracts)
		defer raw.Close()
		err := kit.Run(t.Context(), kit.Options{
			Client: client, Cleaner: raw, Suites: kit.For(client.Name(), suites), Contracts: contracts, Vars: vars,
			Result: func(r kit.Result) {
				mu.Lock()
				defer mu.Unlock()
				add(r)
				if !r.Pass && r.Skipped == "" {
					t.Errorf("%s: %s: %s", r.Client, r.Case, r.Why)
				}
			},
		})
		if err != nil {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%s took %v", client.Name(), time.Since(started))
	}
	var others sync.WaitGroup
	for _, name := range names {
		client, err := kit.Open(t.Context(), target, contracts, ".", name)
		switch {
		case err != nil:
			if os.Getenv("PROSCENIUM_TEST_REQUIRE") == "all" && strings.HasPrefix(name, "JS") {
				t.Error(err)
			}
			t.Logf("without %s: %v", name, err)
		case name == "raw":
			run(client)
		default:
			others.Go(func() { run(client) })
		}
	}
	others.Wait()
}

// stageWithPublisher starts a node with a stage on which somebody publishes.
func stageWithPublisher(t *testing.T, o store.Options) (kit.Target, map[string]string) {
	t.Helper()
	n := nodetest.Start(t, func(c *config.Config) {
		if o.URL != "" {
			c.Database = o.URL
		}
	})
	var made struct {
		Stage             struct{ ARN string }
		ParticipantTokens []struct{ Token, ParticipantID string }
	}
	n.Call("CreateStage", map[string]any{
		"participantTokenConfigurations": []any{map[string]any{"userId": "publisher", "attributes": map[string]string{"role": "kit"}}},
	}, &made)
	p := publish(t, made.ParticipantTokens[0].Token)
	awaitEvent(t, n, made.Stage.ARN, p)
	target := kit.Target{
		Endpoints: map[string]string{kit.Realtime: n.URL, kit.Channel: n.URL},
		Region:    region, Key: key, Secret: secret,
	}
	return target, map[string]string{
		"account": account, "region": region, "bucket": "conformance",
		"pubStage": made.Stage.ARN, "session": p.Session(), "participant": p.ID(),
	}
}

func publish(t *testing.T, token string) *client.Participant {
	t.Helper()
	transport := &http.Transport{}
	p, err := client.Join(t.Context(), token, client.Options{HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Leave(context.Background()); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	audio, err := client.NewOpusTrack("audio")
	if err != nil {
		t.Fatal(err)
	}
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context(), client.PublishOptions{}, audio, video); err != nil {
		t.Fatal(err)
	}
	return p
}

// awaitEvent waits until the records say that the participant publishes.
func awaitEvent(t *testing.T, n *nodetest.Node, stage string, p *client.Participant) {
	t.Helper()
	deadline, again := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for {
		var out struct{ Participant struct{ Published bool } }
		n.Call("GetParticipant", map[string]string{"stageArn": stage, "sessionId": p.Session(), "participantId": p.ID()}, &out)
		if out.Participant.Published {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the publication is not in the records")
		case <-again.C:
		}
	}
}
