package dir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/proscenium-live/proscenium/internal/blob"
	"github.com/proscenium-live/proscenium/internal/blob/blobtest"
)

func bucket(t *testing.T, root, name string) blob.Store {
	t.Helper()
	s, err := Folders{Root: root, Create: true}.Bucket(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFolders(t *testing.T) {
	n, root := 0, filepath.Join(t.TempDir(), "below", "buckets")
	blobtest.Run(t, func(t *testing.T) blob.Store {
		n++
		return bucket(t, root, fmt.Sprintf("bucket-%d", n))
	})
}

func TestFolders_NothingLeadsOut(t *testing.T) { // security row 40
	root := t.TempDir()
	outside := filepath.Join(root, "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	buckets := filepath.Join(root, "buckets")
	s := bucket(t, buckets, "mine")
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"up": "../..", "file": outside, "other": "../theirs"} {
		if err := os.Symlink(to, filepath.Join(buckets, "mine", name)); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := s.Get(t.Context(), "up/secret"); err == nil {
		o.Body.Close()
		t.Error("a link leads out")
	}
	if o, err := s.Get(t.Context(), "file"); err == nil {
		o.Body.Close()
		t.Error("a link to a file leads out")
	}
	if err := s.Put(t.Context(), "up/new", "", strings.NewReader("x")); err == nil {
		t.Error("written through a link")
	}
	if err := s.List(t.Context(), "", func(i blob.Info) bool { t.Errorf("listed %s", i.Key); return true }); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "..", "a/b", "../secret", "a\\b"} {
		if _, err := (Folders{Root: buckets, Create: true}).Bucket(name); !errors.Is(err, blob.ErrNoBucket) {
			t.Errorf("bucket %q: %v", name, err)
		}
	}
}

func TestFolders_SayWhatIsWrong(t *testing.T) {
	root := t.TempDir()
	s, err := Folders{Root: root}.Bucket("missing")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, blob.ErrNoBucket) || strings.Contains(err.Error(), root) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if os.Getuid() == 0 {
		t.Log("root may write anywhere: a folder that can't be written to is not tested")
	} else {
		if err := os.Mkdir(filepath.Join(root, "shut"), 0o500); err != nil {
			t.Fatal(err)
		}
		if err := bucket(t, root, "shut").Check(t.Context()); !errors.Is(err, blob.ErrDenied) {
			t.Errorf("a folder that can't be written to: %v", err)
		}
	}
	full := fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: "/secret/place", Err: syscall.ENOSPC})
	if err := translate(full); !errors.Is(err, blob.ErrFull) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a full disk: %v", err)
	}
	if err := s.Put(context.Background(), "key", "", strings.NewReader("x")); !errors.Is(err, blob.ErrNoBucket) {
		t.Errorf("put into a bucket that is not there: %v", err)
	}
}
