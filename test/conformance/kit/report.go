package kit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Columns are the clients of the page, in its order.
var Columns = []string{"raw", "Go SDK v2", "JS SDK v2", "JS SDK v3", "boto3", "AWS CLI"}

// Report counts results.
type Report struct {
	cells map[cell]*count
}

type cell struct{ api, operation, client string }

type count struct{ passed, failed int }

// Add counts a result.
func (r *Report) Add(result Result) {
	if result.Skipped != "" {
		return
	}
	if r.cells == nil {
		r.cells = map[cell]*count{}
	}
	at := cell{result.API, result.Operation, result.Client}
	if r.cells[at] == nil {
		r.cells[at] = &count{}
	}
	if result.Pass {
		r.cells[at].passed++
	} else {
		r.cells[at].failed++
	}
}

// Passed returns how many cases passed with a client; "" is all clients.
func (r *Report) Passed(client string) int {
	n := 0
	for at, c := range r.cells {
		if client == "" || at.client == client {
			n += c.passed
		}
	}
	return n
}

// text is what a cell says: green only because a case passed and none did not.
func (r *Report) text(at cell) string {
	c := r.cells[at]
	switch {
	case c == nil:
		return "–"
	case c.failed > 0:
		return fmt.Sprintf("❌ %d of %d", c.passed, c.passed+c.failed)
	default:
		return fmt.Sprintf("✅ %d", c.passed)
	}
}

// ran says whether anything was run with a client.
func (r *Report) ran(client string) bool {
	for at := range r.cells {
		if at.client == client {
			return true
		}
	}
	return false
}

// unpinned are clients whose version the checkout does not fix: newer ones make calls that older ones cannot.
var unpinned = []string{"boto3", "AWS CLI"}

// keep says whether a cell stays as it was on the page: that of a client that did not run, and, but for a rewrite,
// that of an unpinned client that is as green as it was with another number of cases.
func (r *Report) keep(client, before, now string, rewrite bool) bool {
	if !r.ran(client) {
		return true
	}
	was, _, _ := strings.Cut(before, " ")
	is, _, _ := strings.Cut(now, " ")
	return !rewrite && slices.Contains(unpinned, client) && was == is
}

// Page writes the page. Some cells may stay as they were on the page before.
func (r *Report) Page(before string, contracts map[string]*Contract, suites []Suite, rewrite bool) string {
	var b strings.Builder
	b.WriteString(intro)
	old := readCells(before)
	for _, api := range []struct{ name, title string }{
		{Realtime, "Real-Time"}, {Channel, "Low-latency: channels"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| Operation | %s |\n| --- |%s\n", api.title, strings.Join(Columns, " | "), strings.Repeat(" ---: |", len(Columns)))
		for _, operation := range slices.Sorted(maps.Keys(contracts[api.name].Operations)) {
			fmt.Fprintf(&b, "| %s |", operation)
			for i, client := range Columns {
				text := r.text(cell{api.name, operation, client})
				if row := old[api.title+operation]; i < len(row) && r.keep(client, row[i], text, rewrite) {
					text = row[i]
				}
				fmt.Fprintf(&b, " %s |", text)
			}
			b.WriteString("\n")
		}
	}
	b.WriteString(differences(suites))
	return b.String()
}

const intro = `# Conformance

What the conformance kit (` + "`test/conformance/kit`" + `) found: for each operation and client, the number of cases that
passed. A cell is green only because cases passed and none did not; a dash means that no case was run. The test
` + "`go test ./test/conformance`" + ` runs the kit on SQLite and on PostgreSQL and fails when this page is not what it found;
` + "`go test ./test/conformance -run Kit -update`" + ` writes it.

Most cases of *raw* are derived from the contract: every minimum, maximum, length, pattern, enum and required member of
every input, both sides of each. The SDKs and the CLI run the cases about behaviour. To point the kit at any endpoint:

    go run ./test/conformance/run -endpoint http://127.0.0.1:7400 -key test -secret test

It writes one JSON object a case; ` + "`-help`" + ` lists what else it takes.
`

func differences(suites []Suite) string {
	var rows []string
	for _, s := range suites {
		for _, c := range s.Cases {
			if c.Differs != nil {
				rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", c.ID, c.Differs.Date, c.Differs.What))
			}
		}
	}
	text := "\n## Where AWS was seen to differ\n\n"
	if len(rows) == 0 {
		return text + "No case is marked: the kit has not been run against AWS yet. A case is marked with `differs`, a date and what AWS did.\n"
	}
	return text + "| Case | Seen | AWS |\n| --- | --- | --- |\n" + strings.Join(rows, "")
}

// readCells reads the cells of a page by table and operation.
func readCells(page string) map[string][]string {
	cells := map[string][]string{}
	title := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			title = heading
		}
		parts := strings.Split(strings.Trim(line, "|"), "|")
		if len(parts) != len(Columns)+1 {
			continue
		}
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		cells[title+parts[0]] = parts[1:]
	}
	return cells
}
