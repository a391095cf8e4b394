// Package blobtest says what fulfilling blob.Store means, as a suite that every adapter runs.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/proscenium-live/proscenium/internal/blob"
)

// Run tests a store. open returns an empty bucket at each call, of the same store.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	t.Run("what is put is got", func(t *testing.T) { putGet(t, open(t)) })
	t.Run("an object is replaced whole", func(t *testing.T) { replace(t, open(t)) })
	t.Run("a body is read from where it stands", func(t *testing.T) { position(t, open(t)) })
	t.Run("lists are in order, and of the prefix", func(t *testing.T) { list(t, open(t)) })
	t.Run("what is deleted is gone", func(t *testing.T) { remove(t, open(t)) })
	t.Run("keys that lead elsewhere are refused", func(t *testing.T) { keys(t, open(t)) })
	t.Run("many write at once", func(t *testing.T) { atOnce(t, open(t)) })
	t.Run("a check leaves nothing", func(t *testing.T) { check(t, open(t)) })
	t.Run("a body that breaks leaves nothing", func(t *testing.T) { broken(t, open(t)) })
	t.Run("what was given up is not written", func(t *testing.T) { givenUp(t, open(t)) })
}

func put(t *testing.T, s blob.Store, key, text string) {
	t.Helper()
	if err := s.Put(t.Context(), key, "text/plain", strings.NewReader(text)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func get(t *testing.T, s blob.Store, key string) string {
	t.Helper()
	o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if int64(len(data)) != o.Size || o.Key != key || o.Modified.IsZero() {
		t.Errorf("%s is said to be %+v, and has %d bytes", key, o.Info, len(data))
	}
	return string(data)
}

func listed(t *testing.T, s blob.Store, prefix string, most int) []string {
	t.Helper()
	var out []string
	err := s.List(t.Context(), prefix, func(i blob.Info) bool {
		out = append(out, fmt.Sprintf("%s %d", i.Key, i.Size))
		return len(out) < most
	})
	if err != nil {
		t.Fatalf("list %q: %v", prefix, err)
	}
	return out
}

func putGet(t *testing.T, s blob.Store) {
	big := make([]byte, 3<<20)
	_, _ = rand.Read(big)
	for key, text := range map[string]string{"a": "", "b/c d+e&f=ü.txt": "small", "stage/st-1/x/2024-01-01T12-00-55Z/media/0.mp4": string(big)} {
		put(t, s, key, text)
		if got := get(t, s, key); got != text {
			t.Errorf("%s has %d bytes, want %d", key, len(got), len(text))
		}
	}
	if o, err := s.Get(t.Context(), "stage/st-1/x/2024-01-01T12-00-55Z/media/0.mp4"); err != nil {
		t.Error(err)
	} else {
		defer o.Body.Close()
		part := make([]byte, 100)
		if _, err := o.Body.Seek(1<<20, io.SeekStart); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(o.Body, part); err != nil || !bytes.Equal(part, big[1<<20:1<<20+100]) {
			t.Errorf("after a seek: %v", err)
		}
		if end, err := o.Body.Seek(-10, io.SeekEnd); err != nil || end != int64(len(big)-10) {
			t.Errorf("the end is at %d: %v", end, err)
		}
		if rest, err := io.ReadAll(o.Body); err != nil || !bytes.Equal(rest, big[len(big)-10:]) {
			t.Errorf("the last bytes: %v", err)
		}
	}
	if _, err := s.Get(t.Context(), "nothing"); !errors.Is(err, blob.ErrNoObject) {
		t.Errorf("what is not there: %v", err)
	}
	if _, err := s.Get(t.Context(), "b"); !errors.Is(err, blob.ErrNoObject) {
		t.Errorf("a part of a key: %v", err)
	}
}

func replace(t *testing.T, s blob.Store) {
	put(t, s, "playlist", strings.Repeat("long ", 1000))
	put(t, s, "playlist", "short")
	if got := get(t, s, "playlist"); got != "short" {
		t.Errorf("it is %.20q", got)
	}
}

func position(t *testing.T, s blob.Store) {
	body := strings.NewReader("not this, but that")
	_, _ = body.Seek(14, io.SeekStart)
	if err := s.Put(t.Context(), "key", "", body); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "key"); got != "that" {
		t.Errorf("it is %q", got)
	}
}

func list(t *testing.T, s blob.Store) {
	for _, key := range []string{"a/b/2", "a/b/10", "a-b", "a/c", "b", "a/b.c/1", "ab"} {
		put(t, s, key, key)
	}
	for prefix, want := range map[string][]string{
		"":       {"a-b 3", "a/b.c/1 7", "a/b/10 6", "a/b/2 5", "a/c 3", "ab 2", "b 1"},
		"a/b":    {"a/b.c/1 7", "a/b/10 6", "a/b/2 5"},
		"a/b/":   {"a/b/10 6", "a/b/2 5"},
		"a/b/1":  {"a/b/10 6"},
		"a/c":    {"a/c 3"},
		"a/c/":   nil,
		"c":      nil,
		"../":    nil,
		"a/b/10": {"a/b/10 6"},
	} {
		if got := listed(t, s, prefix, 1000); !slices.Equal(got, want) {
			t.Errorf("with %q: %q, want %q", prefix, got, want)
		}
	}
	if got := listed(t, s, "", 2); len(got) != 2 {
		t.Errorf("two were wanted, and came: %q", got)
	}
}

func remove(t *testing.T, s blob.Store) {
	put(t, s, "a/b", "text")
	for range 2 {
		if err := s.Delete(t.Context(), "a/b"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Get(t.Context(), "a/b"); !errors.Is(err, blob.ErrNoObject) {
		t.Errorf("got after all: %v", err)
	}
	if got := listed(t, s, "", 10); len(got) != 0 {
		t.Errorf("listed after all: %q", got)
	}
}

func keys(t *testing.T, s blob.Store) {
	for _, key := range []string{"", "/a", "../a", "a/../../b", "a\x00", "a//b", "a/."} {
		if err := s.Put(t.Context(), key, "", strings.NewReader("x")); !errors.Is(err, blob.ErrKey) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := s.Get(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("get %q: %v", key, err)
		}
		if err := s.Delete(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("delete %q: %v", key, err)
		}
	}
}

func atOnce(t *testing.T, s blob.Store) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 4 {
				text := strings.Repeat(fmt.Sprint(i%10), 10_000)
				if err := s.Put(t.Context(), "one", "", strings.NewReader(text)); err != nil {
					t.Error(err)
				}
				if err := s.Put(t.Context(), fmt.Sprintf("own/%d", i), "", strings.NewReader(text)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := get(t, s, "one"); len(got) != 10_000 || strings.Trim(got, got[:1]) != "" {
		t.Errorf("the object is a mixture of %d bytes", len(got))
	}
	if got := listed(t, s, "own/", 100); len(got) != 16 {
		t.Errorf("there are %d", len(got))
	}
}

func check(t *testing.T, s blob.Store) {
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if got := listed(t, s, "", 10); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

// halfBody breaks after some bytes.
type halfBody struct {
	*bytes.Reader
	at int64
}

func (h *halfBody) Read(p []byte) (int, error) {
	if here, _ := h.Seek(0, io.SeekCurrent); here >= h.at {
		return 0, errors.New("the body broke")
	}
	return h.Reader.Read(p[:min(len(p), 1000)])
}

func broken(t *testing.T, s blob.Store) {
	err := s.Put(t.Context(), "half", "", &halfBody{bytes.NewReader(make([]byte, 1<<20)), 1 << 19})
	if err == nil {
		t.Error("half a body was taken")
	}
	if got := listed(t, s, "", 10); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func givenUp(t *testing.T, s blob.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "key", "", strings.NewReader("text")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if got := listed(t, s, "", 10); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}
