package load_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/load"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// A short soak: the long one is make soak. Everybody who leaves, in whatever way, is forgotten; those who are silent
// all at once, when their consent has run out, which is most of this test's time.
func TestRunSoak_NothingIsLeftOfThoseWhoCameAndWent(t *testing.T) {
	n := nodetest.Start(t)
	s, err := load.RunSoak(t.Context(), load.SoakOptions{
		Server: n.URL, ServerPID: os.Getpid(), AccessKey: "test", SecretKey: "test", Region: "us-east-1",
		Churners: 12, Bitrate: 600_000, Duration: 8 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := s.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if len(s.Growth) > 0 {
		t.Errorf("something is left over:\n%s", table.String())
	}
	// A machine with much else to do may be too late now and then; that is not what is tested here.
	if joins := s.Joins["viewers"] + s.Joins["guests"] + s.Joins["publishers"]; s.Failures > joins/10 || s.Missing > s.Expected/20 {
		t.Errorf("much failed:\n%s", table.String())
	}
	for _, what := range []string{"viewers", "guests", "publishers"} {
		if s.Joins[what] == 0 {
			t.Errorf("no %s joined:\n%s", what, table.String())
		}
	}
	if s.Leaves["silently"] == 0 || s.Leaves["politely"] == 0 || s.Calls == 0 || len(s.Samples) == 0 || s.Expected == 0 {
		t.Errorf("implausible:\n%s", table.String())
	}
	if s.Before.RSS == 0 || s.Before.Heap == 0 || s.Before.Goroutines == 0 || s.Before.Files == 0 || s.Before.Present == 0 {
		t.Errorf("figures are missing: %+v", s.Before)
	}
}
