package realtime_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
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
	operations := map[string]wire.Operation[realtime.Operations]{}
	for _, o := range realtime.Table() {
		operations[o.Name] = o
	}
	cases := readBoundaries(t)
	if len(cases) < 900 {
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

func decodeAndValidate(t *testing.T, o wire.Operation[realtime.Operations], c boundary) error {
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

func TestContract_Has39Operations(t *testing.T) {
	table := realtime.Table()
	if len(table) != 39 {
		t.Fatalf("%d operations", len(table))
	}
	rates := map[string]float64{"CreateStage": 5, "CreateParticipantToken": 50, "ListPublicKeys": 3, "UntagResource": 10}
	for _, o := range table {
		if want, named := rates[o.Name]; named && o.Rate != want {
			t.Errorf("%s may be called %v times a second, want %v", o.Name, o.Rate, want)
		}
		if len(o.Errors) == 0 || o.Status != 200 {
			t.Errorf("%s: %d errors, status %d", o.Name, len(o.Errors), o.Status)
		}
	}
}

func TestNotServed_NamesTheOperation(t *testing.T) {
	for _, o := range realtime.Table() {
		_, err := o.Serve(t.Context(), realtime.NotServed{}, o.New())
		if err == nil || !strings.Contains(err.Error(), o.Name) || !strings.Contains(err.Error(), "UnsupportedOperationException") {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
}

func TestParticipantTokenString_PrintsRedacted(t *testing.T) {
	token := realtime.ParticipantTokenString("secret")
	encoded, err := json.Marshal(token)
	if err != nil || token.String() != "REDACTED" || token.GoString() != "REDACTED" || bytes.Contains(encoded, []byte("secret")) {
		t.Errorf("%v, %s", token, encoded)
	}
}
