package conformance_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
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
	storetest.Each(t, func(t *testing.T, o store.Options) {
		target, vars := stageWithPublisher(t, o)
		report := &kit.Report{}
		reports[filepath.Base(t.Name())] = report
		clients := kit.Columns
		if o.Path == "" {
			clients = []string{"raw", "Go SDK v2"} // the database makes no difference to the rest
		}
		runKit(t, target, contracts, suites, vars, clients, report)
	})
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

func checkPage(t *testing.T, report *kit.Report, contracts map[string]*kit.Contract, suites []kit.Suite) {
	t.Helper()
	before, err := os.ReadFile(page)
	if err != nil && !*update {
		t.Fatal(err)
	}
	now := report.Page(string(before), contracts, suites)
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
	names []string, report *kit.Report,
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
				report.Add(r)
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
