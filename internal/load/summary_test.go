package load

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSummarise_WritesRunsAndTheirMedians(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, r Report) {
		t.Helper()
		data, err := json.Marshal(&r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("1x100-1.json", Report{Ratio: 1.5, Machine: "a machine"})
	write("1x100-2.json", Report{Ratio: 0.9})
	write("1x100-3.json", Report{Ratio: 1.1})
	write("grow1000-1.json", Report{PerMillion: 1.55, BytesPerViewer: 57 << 10})
	write("grow10-1.json", Report{PerMillion: 2.5})
	write("bad-networks.json", Report{}) // of somebody else
	write("burst-1.json", Report{Burst: &Burst{Joins: 2000, Recorded: 2000, TailRatio: 1.25, DelayRatio: 1.5}})
	var out strings.Builder
	if err := Summarise(dir, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"On a machine;", "| 1.50, 0.90, 1.10 | **1.10** | 1.3 | 1.0 |", "| 1 × 200 | not run |",
		"| 1000 | 0 | 0.000 | 1.55 |", "| records | 2000 of 2000 |", "| ratio, p50 / p99 | 1.50 / 1.25 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Index(out.String(), "| 10 |") > strings.Index(out.String(), "| 1000 |") {
		t.Error("rows are not in the order of their size")
	}
}

func TestSummarise_RefusesAFolderWithoutReports(t *testing.T) {
	if err := Summarise(t.TempDir(), new(strings.Builder)); err == nil {
		t.Error("no error")
	}
}
