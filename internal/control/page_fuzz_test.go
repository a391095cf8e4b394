package control

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Security row 6.
func FuzzPageToken(f *testing.F) {
	key, err := newPageKey()
	if err != nil {
		f.Fatal(err)
	}
	p, err := newPages(key)
	if err != nil {
		f.Fatal(err)
	}
	at := store.Cursor{At: time.UnixMicro(1_772_600_767_000_089), ID: "abcdABCDefgh"}
	good := p.token("stages", at)
	f.Add(good)
	f.Add(p.token("participants", at))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := p.place("stages", token)
		switch {
		case token == good:
			if err != nil || got.ID != at.ID || !got.At.Equal(at.At) {
				t.Fatalf("own token gave %+v, %v", got, err)
			}
		case token == "":
			if err != nil || got != (store.Cursor{}) {
				t.Fatalf("no token gave %+v, %v", got, err)
			}
		case err == nil || live.KindOf(err) != live.Invalid:
			t.Fatalf("%q gave %+v, %v", token, got, err)
		}
	})
}
