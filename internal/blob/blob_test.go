package blob

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) { // security row 40
	for key, good := range map[string]bool{
		"a": true, "a/b/c.mp4": true, "AbCd/st-1/x/2024-01-01T12-00-55Z/media/hls/high/0.mp4": true, "ä/ß": true, "...": true, "a..b": true,
		strings.Repeat("x", maxKey): true, strings.Repeat("x", maxKey+1): false,
		"": false, "/a": false, "a/": false, "a//b": false, "..": false, "a/../b": false, "./a": false, "a/.": false,
		"a\\b": false, "a\x00b": false, "a\nb": false, "\x7f": false, "a\xff": false,
	} {
		if err := CheckKey(key); (err == nil) != good || err != nil && !errors.Is(err, ErrKey) {
			t.Errorf("%.40q: %v", key, err)
		}
	}
}

func FuzzCheckKey(f *testing.F) {
	for _, seed := range []string{"a/b", "../a", "a/./b", "a\\..\\b", "\x00", "//", "a/…/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) == nil && !filepath.IsLocal(filepath.FromSlash(key)) {
			t.Errorf("%q leads out of its folder", key)
		}
	})
}
