package channel_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
)

// boundary is a generated case: a request just inside or just outside of one constraint.
type boundary struct {
	Operation string
	Label     string
	Query     string
	Body      json.RawMessage
	Member    string
	Breaks    string
}

func TestContract_HoldsAtEachBoundary(t *testing.T) {
	operations := map[string]wire.Operation[channel.Operations]{}
	for _, o := range channel.Table() {
		operations[o.Name] = o
	}
	cases := readBoundaries(t)
	if len(cases) < 350 {
		t.Fatalf("only %d cases were generated", len(cases))
	}
	for _, c := range cases {
		err := decodeAndValidate(t, operations[c.Operation], c)
		if c.Breaks == "" {
			if err != nil {
				t.Errorf("%s %s: %.200s: refused: %v", c.Operation, c.Member, c.Body, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s %s: %.200s: accepted, but breaks %q", c.Operation, c.Member, c.Body, c.Breaks)
			continue
		}
		if message := err.Error(); !strings.Contains(message, "'"+c.Member+"'") || !strings.Contains(message, c.Breaks) {
			t.Errorf("%s %s: %.200s: want %q, got %q", c.Operation, c.Member, c.Body, c.Breaks, message)
		}
	}
}

func decodeAndValidate(t *testing.T, o wire.Operation[channel.Operations], c boundary) error {
	t.Helper()
	query, err := wire.ParseQuery(c.Query)
	if err != nil {
		t.Fatalf("query %q: %v", c.Query, err)
	}
	in := o.New()
	if err := in.Decode(&wire.Request{Label: c.Label, Query: query, Body: c.Body}); err != nil {
		return err
	}
	return in.Validate()
}

func readBoundaries(t *testing.T) []boundary {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "boundaries.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []boundary
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c boundary
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

func TestContract_SaysWhichAnswersAreEmpty(t *testing.T) {
	table := channel.Table()
	if len(table) != 20 {
		t.Fatalf("%d operations", len(table))
	}
	empty := map[string]bool{"DeleteChannel": true, "DeleteStreamKey": true, "PutMetadata": true}
	rates := map[string]float64{"CreateChannel": 5, "PutMetadata": 155, "UntagResource": 10}
	for _, o := range table {
		want := 200
		if empty[o.Name] {
			want = 204
		}
		if len(o.Errors) == 0 || o.Status != want {
			t.Errorf("%s: %d errors, status %d", o.Name, len(o.Errors), o.Status)
		}
		if want, named := rates[o.Name]; named && o.Rate != want {
			t.Errorf("%s may be called %v times a second, want %v", o.Name, o.Rate, want)
		}
	}
}

func TestNotServed_NamesTheOperation(t *testing.T) {
	for _, o := range channel.Table() {
		_, err := o.Serve(t.Context(), channel.NotServed{}, o.New())
		if err == nil || !strings.Contains(err.Error(), o.Name) || !strings.Contains(err.Error(), "UnsupportedOperationException") {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
}

func TestSecrets_PrintRedacted(t *testing.T) {
	for _, secret := range []fmt.Stringer{channel.StreamKeyValue("secret"), channel.SRTPassphrase("secret"), channel.StreamMetadata("secret")} {
		encoded, err := json.Marshal(secret)
		if err != nil || secret.String() != "REDACTED" || bytes.Contains(encoded, []byte("secret")) {
			t.Errorf("%v, %s, %v", secret, encoded, err)
		}
	}
}
