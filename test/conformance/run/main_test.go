package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/node/nodetest"
	"github.com/proscenium-live/proscenium/test/conformance/kit"
)

func TestRun_WritesOneLineACase(t *testing.T) {
	n := nodetest.Start(t)
	var out bytes.Buffer
	err := run(t.Context(), []string{"-endpoint", n.URL, "-clients", "raw,Go SDK v2", "-suites", "token,session"}, &out)
	if err != nil {
		t.Error(err)
	}
	passed, skipped := map[string]int{}, 0
	for line := range strings.Lines(out.String()) {
		var r kit.Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch {
		case r.Pass:
			passed[r.Client]++
		case r.Skipped == "":
			t.Errorf("%+v", r)
		default:
			skipped++
		}
	}
	if passed["raw"] < 30 || passed["Go SDK v2"] < 30 || skipped == 0 { // nobody publishes
		t.Errorf("passed %v, skipped %d", passed, skipped)
	}
	if err := run(t.Context(), []string{"-endpoint", n.URL, "-secret", "wrong", "-suites", "token"}, &out); err == nil {
		t.Error("a wrong secret passed")
	}
	if err := run(t.Context(), []string{"-suites", "nothing"}, &out); err == nil {
		t.Error("an unknown suite was run")
	}
}
