package proscenium

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	securityRow  = regexp.MustCompile(`(?m)^\| (\d+) \| [^|]+ \| ([^|]+) \|$`)
	securityPart = regexp.MustCompile("`((?:internal|client)[a-z/]*)`:((?: `(?:Test|Fuzz)[A-Za-z0-9_]+`,?)+)")
	quotedName   = regexp.MustCompile("`([A-Za-z0-9_]+)`")
)

// NB: if this fails, a test that docs/security-tests.md names is gone or renamed: write down what holds the attack off
// now, or bring the test back.
func TestSecurityTests_AreThereAsThePageSays(t *testing.T) {
	page, err := os.ReadFile("docs/security-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, row := range securityRow.FindAllStringSubmatch(string(page), -1) {
		rows[row[1]] = true
		parts := securityPart.FindAllStringSubmatch(row[2], -1)
		if len(parts) == 0 {
			t.Errorf("row %s names no test", row[1])
		}
		for _, part := range parts {
			code := testsOf(t, part[1])
			for _, name := range quotedName.FindAllStringSubmatch(part[2], -1) {
				if !strings.Contains(code, "\nfunc "+name[1]+"(") {
					t.Errorf("row %s: %s has no %s", row[1], part[1], name[1])
				}
			}
		}
	}
	for n := 14; n <= 35; n++ {
		if row := string(rune('0'+n/10)) + string(rune('0'+n%10)); !rows[row] {
			t.Errorf("row %s is missing", row)
		}
	}
}

// testsOf returns the text of a folder's tests.
func testsOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("\n")
		all.Write(text)
	}
	return all.String()
}
