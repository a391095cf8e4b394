package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A backup that is made in the midst of writing holds, restored, all that was acknowledged before it began.
func TestBackup_OfAServingServerIsRestored(t *testing.T) {
	dir := t.TempDir()
	s := serveBinary(t, dir, nil)
	before, during := &acknowledged{stages: map[string]map[string]string{}, deleted: map[string]bool{}}, &acknowledged{stages: map[string]map[string]string{}, deleted: map[string]bool{}}
	for range 30 {
		if !before.writeOne(t, s.caller()) {
			t.Fatal("the server does not serve")
		}
	}
	copied, started := make(chan struct{}), make(chan struct{}, 4)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for first := true; ; first = false {
				select {
				case <-copied:
					return
				default:
				}
				if !during.writeOne(t, s.caller()) {
					t.Error("a call failed during the backup")
					return
				}
				if first {
					started <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	out, errOut, err := runBinary(t, "backup", "--data-dir", dir, file)
	close(copied)
	wg.Wait()
	if err != nil || !strings.Contains(out, file) {
		t.Fatalf("backup: %v %s %s", err, out, errOut)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v", info, err)
	}
	if _, errOut, err := runBinary(t, "backup", "--data-dir", dir, file); err == nil || !strings.Contains(errOut, "already exists") {
		t.Errorf("a copy was overwritten: %v %s", err, errOut)
	}
	during.check(t, s.caller())
	s.signal(t, unix.SIGTERM)
	s.end(t)
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 1 {
		t.Errorf("beside the copy there is %v", left)
	}

	// As docs/backup.md says: a new data dir with the copy as its database, and the files that go with it.
	restored := t.TempDir()
	for from, to := range map[string]string{file: "proscenium.db", filepath.Join(dir, "access-master-key"): "access-master-key"} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(restored, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := serveBinary(t, restored, nil)
	before.check(t, again.caller())
	if !before.writeOne(t, again.caller()) {
		t.Error("the restored server takes no writes")
	}
}

func TestBackup_RefusesWhatItCannotCopy(t *testing.T) {
	if _, errOut, err := runBinary(t, "backup", "--data-dir", t.TempDir(), filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(errOut, "there is no database") {
		t.Errorf("%v %s", err, errOut)
	}
	if _, errOut, err := runBinary(t, "backup", "--data-dir", t.TempDir(), "--database", "postgres://nobody@127.0.0.1:1/none", "x"); err == nil || !strings.Contains(errOut, "pg_dump") {
		t.Errorf("%v %s", err, errOut)
	}
}
