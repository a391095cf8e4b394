package api_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

var update = flag.Bool("update", false, "write the tables of docs/api.md")

// letters stand for exceptions in the tables.
var letters = map[string]string{
	"ValidationException": "V", "ServiceQuotaExceededException": "Q", "AccessDeniedException": "A", "PendingVerification": "P",
	"ResourceNotFoundException": "N", "ChannelNotBroadcasting": "B", "ConflictException": "C", "ThrottlingException": "T",
	"InternalServerException": "I", "StreamUnavailable": "S", "ServiceUnavailable": "U",
}

// If this fails, run go test ./internal/api -run TestDocs -update and look at the difference.
func TestDocs_TellOfEveryOperation(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "api.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const marker = "-run TestDocs -update -->\n"
	text, _, found := strings.Cut(string(page), marker)
	if !found {
		t.Fatalf("%s has no %q", file, marker)
	}
	want := text + marker + operationsTable("Real-Time", realtime.Table()) + operationsTable("Low-latency: channels", channel.Table())
	switch {
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case want != string(page):
		t.Errorf("%s is not what the contracts say", file)
	}
}

func operationsTable[S any](title string, operations []wire.Operation[S]) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n| Operation | Request | Answer | Errors | Calls/s |\n| --- | --- | ---: | --- | ---: |\n", title)
	slices.SortFunc(operations, func(a, b wire.Operation[S]) int { return strings.Compare(a.Name, b.Name) })
	for _, o := range operations {
		path := o.Path
		if strings.HasSuffix(path, "/") {
			path += "{resourceArn}"
		}
		var errors []string
		for _, e := range o.Errors {
			errors = append(errors, letters[e.Name])
		}
		slices.Sort(errors)
		fmt.Fprintf(&b, "| %s | `%s %s` | %d | %s | %v |\n", o.Name, o.Method, path, o.Status, strings.Join(errors, " "), o.Rate)
	}
	return b.String()
}
