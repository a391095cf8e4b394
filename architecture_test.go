// Package proscenium holds the test that reads ARCHITECTURE.md. The code is below cmd, client and internal.
package proscenium

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/proscenium-live/proscenium/"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	CgoFiles   []string
	Dir        string
	GoFiles    []string
	Standard   bool
}

// list asks `go list` as the server is built: without cgo.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Deps,CgoFiles,Dir,GoFiles,Standard"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	return all
}

var (
	floorRow = regexp.MustCompile("(?m)^\\| (\\d) \\| `([^`]+)` \\| \\S.* \\|$")
	plainRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S.* \\|$")
)

// isSuite says whether a package is there for the tests of others.
func isSuite(name string) bool { return strings.HasSuffix(name, "test") }

// floors reads the table: floor by package. Packages beside the floors have -1.
func floors(t *testing.T) map[string]int {
	t.Helper()
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	add := func(name string, floor int) {
		if _, twice := out[name]; twice {
			t.Errorf("%s has two rows", name)
		}
		out[name] = floor
	}
	for _, m := range floorRow.FindAllStringSubmatch(string(page), -1) {
		add(m[2], int(m[1][0]-'0'))
	}
	for _, m := range plainRow.FindAllStringSubmatch(string(page), -1) {
		add(m[1], -1)
	}
	return out
}

func TestArchitecture_EveryPackageHasItsRow(t *testing.T) {
	rows := floors(t)
	for _, p := range list(t, "./...") {
		name, ok := strings.CutPrefix(p.ImportPath, module)
		if !ok {
			continue // this one
		}
		if _, has := rows[name]; !has {
			t.Errorf("%s has no row in ARCHITECTURE.md", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("ARCHITECTURE.md has a row for %s, which is not there", name)
	}
}

func TestArchitecture_ImportsPointDown(t *testing.T) {
	rows := floors(t)
	for _, p := range list(t, "./internal/...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if floor, has := rows[below]; has && floor >= rows[name] {
				t.Errorf("%s (floor %d) imports %s (floor %d)", name, rows[name], below, floor)
			}
			if strings.HasPrefix(below, "cmd/") || strings.HasPrefix(below, "test/") || isSuite(below) {
				t.Errorf("%s imports %s outside of its tests", name, below)
			}
		}
	}
}

func TestArchitecture_WhatIsAbsentOnPurpose(t *testing.T) {
	for _, rule := range []struct {
		from  string
		never []string // import paths, or beginnings that end in "/"
	}{
		{"internal/host", []string{module + "internal/store", "database/sql", "modernc.org/sqlite", "github.com/jackc/"}},
		{"internal/sfu", []string{"net/http", "database/sql", "github.com/nats-io/"}},
		{"internal/live", []string{module + "internal/wire"}},
		{"cmd/proscenium", []string{"runtime/cgo", "C", "github.com/pion/webrtc/"}},
	} {
		for _, p := range list(t, "./"+rule.from) {
			for _, never := range rule.never {
				reached := func(path string) bool {
					return path == never || strings.HasSuffix(never, "/") && strings.HasPrefix(path, never)
				}
				if i := slices.IndexFunc(p.Deps, reached); i >= 0 {
					t.Errorf("%s reaches %s", rule.from, p.Deps[i])
				}
			}
		}
	}
}

func TestArchitecture_ServerHasNoCgo(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/proscenium") {
		if len(p.CgoFiles) > 0 && !p.Standard {
			t.Errorf("%s needs cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
}

var environment = regexp.MustCompile(`\b(os|syscall)\.(Getenv|LookupEnv|Environ|ExpandEnv)\b`)

func TestArchitecture_OnlyTheTopReadsTheEnvironment(t *testing.T) {
	rows := floors(t)
	for _, p := range list(t, "./internal/...") {
		if rows[strings.TrimPrefix(p.ImportPath, module)] == 6 || isSuite(p.ImportPath) {
			continue
		}
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			code, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if found := environment.Find(code); found != nil {
				t.Errorf("%s: %s: only floor 6 reads the environment", p.ImportPath, found)
			}
		}
	}
}
