package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/config"
)

func openDir(t *testing.T, path string) *dataDir {
	t.Helper()
	d, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDataDir_IsForOneServerAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "data")
	first := openDir(t, path)
	if _, err := openDataDir(path); err == nil || !strings.Contains(err.Error(), "in use by another server, process ") {
		t.Errorf("the second gets %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := openDir(t, path)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDataDir_TellsWhetherItIsLocked(t *testing.T) {
	path := t.TempDir()
	if isLocked(path) {
		t.Error("an empty folder is locked")
	}
	d, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if !isLocked(path) {
		t.Error("a folder with a server is not locked")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if isLocked(path) {
		t.Error("it is locked after its server has gone")
	}
}

func TestDataDir_IsForItsOwnerOnly(t *testing.T) {
	d := openDir(t, filepath.Join(t.TempDir(), "data"))
	defer d.Close()
	if _, err := d.nodeID(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, "lock": 0o600, "node-id": 0o600} {
		info, err := os.Stat(d.file(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestDataDir_NodeKeepsItsName(t *testing.T) {
	path := t.TempDir()
	var ids []string
	for range 2 {
		d := openDir(t, path)
		id, err := d.nodeID()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, string(id))
		d.Close()
	}
	if ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("names are %q", ids)
	}
}

func TestDataDir_SaysWhatIsInTheWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(file); err == nil || !strings.Contains(err.Error(), "data_dir "+file) {
		t.Errorf("got %v", err)
	}
}

func TestCredentials_FollowTheRule(t *testing.T) {
	dir := openDir(t, t.TempDir())
	defer dir.Close()

	loopback, err := rootCredentials(settings(t), dir)
	if err != nil || loopback.AccessKeyID != "test" || loopback.SecretAccessKey != "test" || !loopback.Default {
		t.Errorf("on loopback: %+v, %v", loopback, err)
	}
	if _, err := os.Stat(dir.file(credentialsFile)); err == nil {
		t.Error("on loopback a file was made")
	}

	// Row 42: no default credential on a bind that others reach, whichever listener it is.
	var made Credentials
	for _, listener := range []string{"--http", "--media", "--rtmp"} {
		made, err = rootCredentials(settings(t, listener, "0.0.0.0:0"), dir)
		if err != nil || made.Default || made.AccessKeyID == "test" || len(made.SecretAccessKey) < 40 || made.File != dir.file(credentialsFile) {
			t.Errorf("%s 0.0.0.0: %+v, %v", listener, made, err)
		}
	}
	again, err := rootCredentials(settings(t, "--http", "[::]:0"), dir)
	if err != nil || again != made {
		t.Errorf("a second start has others: %+v and %+v, %v", again, made, err)
	}
	info, err := os.Stat(made.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}

	c := config.New()
	env := map[string]string{"PROSCENIUM_ACCESS_KEY_ID": "mine", "PROSCENIUM_SECRET_ACCESS_KEY": "own"}
	if err := c.Load(config.Sources{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}); err != nil {
		t.Fatal(err)
	}
	given, err := rootCredentials(c, dir)
	if err != nil || given.AccessKeyID != "mine" || given.SecretAccessKey != "own" || given.Source != "PROSCENIUM_ACCESS_KEY_ID" {
		t.Errorf("given: %+v, %v", given, err)
	}
}

func TestCredentials_ThatOthersCanReadAreRefused(t *testing.T) {
	dir := openDir(t, t.TempDir())
	defer dir.Close()
	made, err := keptCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(made.File, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keptCredentials(dir); err == nil || !strings.Contains(err.Error(), "chmod 600 "+made.File) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(made.File, []byte("[default]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(made.File, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keptCredentials(dir); err == nil || !strings.Contains(err.Error(), "does not hold them") {
		t.Errorf("an empty file gives %v", err)
	}
}
