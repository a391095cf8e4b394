//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"encoding/base64"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestList_ShowsEachStageThatStaysOnce(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		ctx := t.Context()
		random := rand.New(rand.NewPCG(3, 14))
		var stay, leave []live.Stage
		for i := range 90 {
			if random.IntN(3) == 0 { // many have the same time
				h.clock.move(time.Microsecond)
			}
			if s := h.stage(t); i%4 == 0 {
				leave = append(leave, s)
			} else {
				stay = append(stay, s)
			}
		}
		seen := map[live.StageID]int{}
		var last live.Stage
		page := control.Page{Max: 8}
		for pages := 0; ; pages++ {
			items, next, err := h.Stages.List(ctx, page)
			if err != nil || len(items) > page.Max {
				t.Fatalf("page %d: %d items, %v", pages, len(items), err)
			}
			for _, s := range items {
				seen[s.ID]++
				if last.ID != "" && s.CreatedAt.After(last.CreatedAt) {
					t.Errorf("%s is newer than the one before it", s.ID)
				}
				last = s
			}
			if next == "" {
				break
			}
			page.Token = next
			if len(leave) > 0 {
				i := random.IntN(len(leave))
				if err := h.Stages.Delete(ctx, leave[i].ARN); err != nil {
					t.Fatal(err)
				}
				leave = append(leave[:i], leave[i+1:]...)
			}
			h.clock.move(time.Millisecond)
			h.stage(t)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was listed %d times", id, n)
			}
		}
		for _, s := range stay {
			if seen[s.ID] != 1 {
				t.Errorf("%s stayed and was listed %d times", s.ID, seen[s.ID])
			}
		}
	})
}

func TestList_HasPagesOfFiftyAndEndsWithoutAToken(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	for range 50 {
		h.stage(t)
	}
	items, next, err := h.Stages.List(t.Context(), control.Page{})
	if err != nil || len(items) != 50 || next != "" {
		t.Errorf("%d items, next %q, %v", len(items), next, err)
	}
	h.stage(t)
	items, next, err = h.Stages.List(t.Context(), control.Page{})
	if err != nil || len(items) != 50 || next == "" {
		t.Errorf("%d items, next %q, %v", len(items), next, err)
	}
	for _, n := range []int{-1, 101} {
		_, _, err := h.Stages.List(t.Context(), control.Page{Max: n})
		wantKind(t, "a page of another size", err, live.Invalid)
	}
}

// Security row 6: a place in a list that this server did not write for this list is refused.
func TestList_Row6_RefusesForeignTokens(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	for range 3 {
		h.stage(t)
	}
	first, next, err := h.Stages.List(t.Context(), control.Page{Max: 1})
	if err != nil || !regexp.MustCompile(`^[a-zA-Z0-9+/=_-]+$`).MatchString(next) || len(next) > 1024 {
		t.Fatalf("next is %q, %v", next, err)
	}
	if strings.Contains(next, string(first[0].ID)) || strings.Contains(decode(t, next), string(first[0].ID)) {
		t.Error("the token can be read")
	}
	flipped := []byte(next)
	flipped[len(flipped)/2] ^= 1
	for name, token := range map[string]string{
		"flipped":       string(flipped),
		"cut":           next[:len(next)-1],
		"cut by a half": next[:len(next)/2],
		"longer":        next + "A",
		"padded":        next + "=",
		"one letter":    "A",
		"plain":         base64.RawURLEncoding.EncodeToString([]byte("12345678" + string(first[0].ID))),
		"zeros":         strings.Repeat("A", 64),
		"too long":      strings.Repeat("A", 1025),
		"1 MB":          strings.Repeat("A", 1<<20),
		"not base64":    "a.b",
		"NUL":           next + "\x00",
		"twice":         next + next,
	} {
		_, _, err := h.Stages.List(t.Context(), control.Page{Token: token})
		wantKind(t, name, err, live.Invalid)
	}
	use := func(name string, s *control.Service, good bool) {
		t.Helper()
		_, _, err := s.Stages.List(t.Context(), control.Page{Token: next})
		if !good {
			wantKind(t, name, err, live.Invalid)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	use("its own list", h.Service, true)
	h.restart(t, nil)
	use("after a restart", h.Service, true)
	h.restart(t, func(o *control.Options) { o.Account = "000000000001" })
	use("the list of another account", h.Service, false)
	h.restart(t, func(o *control.Options) { o.Region = "eu-west-1" })
	use("the list of another region", h.Service, false)
	use("another server's list", build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{}).Service, false)
}

func decode(t *testing.T, token string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
