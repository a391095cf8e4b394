//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"crypto/elliptic"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

// thing is one type of resource, made, read, listed and deleted by the calls of its own.
type thing struct {
	kind   live.ResourceType
	usual  int // items on a page
	most   int
	create func(t *testing.T, tags live.Tags) (live.Resource, error)
	get    func(t *testing.T, a live.ARN) (live.Resource, error)
	list   func(t *testing.T, p control.Page) ([]live.Resource, string, error)
	remove func(t *testing.T, a live.ARN) error // nil: it goes by itself
}

// base is what all resources have, of a slice of them.
func base[T any, P interface {
	*T
	Common() *live.Resource
}](items []T) (all []live.Resource) {
	for i := range items {
		all = append(all, *P(&items[i]).Common())
	}
	return all
}

// things are all types of resources that are no stage. Compositions need somebody who makes them.
func (h *house) things(t *testing.T) []thing {
	t.Helper()
	s := h.studio(t)
	of := func(r live.Resource, err error) (live.Resource, error) { return r, err }
	return []thing{
		{
			kind: live.TypePublicKey, usual: 50, most: 100, remove: func(t *testing.T, a live.ARN) error { return h.PublicKeys.Delete(t.Context(), a) },
			create: func(t *testing.T, tags live.Tags) (live.Resource, error) {
				r, err := h.PublicKeys.Import(t.Context(), control.ImportPublicKey{Material: newMaterial(t, elliptic.P384()), Tags: tags})
				return of(r.Resource, err)
			},
			get: func(t *testing.T, a live.ARN) (live.Resource, error) {
				r, err := h.PublicKeys.Get(t.Context(), a)
				return of(r.Resource, err)
			},
			list: func(t *testing.T, p control.Page) ([]live.Resource, string, error) {
				items, next, err := h.PublicKeys.List(t.Context(), p)
				return base(items), next, err
			},
		},
		{
			kind: live.TypeEncoderConfiguration, usual: 100, most: 100, remove: func(t *testing.T, a live.ARN) error { return h.Encoders.Delete(t.Context(), a) },
			create: func(t *testing.T, tags live.Tags) (live.Resource, error) {
				r, err := h.Encoders.Create(t.Context(), control.CreateEncoder{Tags: tags})
				return of(r.Resource, err)
			},
			get: func(t *testing.T, a live.ARN) (live.Resource, error) {
				r, err := h.Encoders.Get(t.Context(), a)
				return of(r.Resource, err)
			},
			list: func(t *testing.T, p control.Page) ([]live.Resource, string, error) {
				items, next, err := h.Encoders.List(t.Context(), p)
				return base(items), next, err
			},
		},
		{
			kind: live.TypeStorageConfiguration, usual: 100, most: 100, remove: func(t *testing.T, a live.ARN) error { return h.Storages.Delete(t.Context(), a) },
			create: func(t *testing.T, tags live.Tags) (live.Resource, error) {
				r, err := h.Storages.Create(t.Context(), control.CreateStorage{Bucket: "bucket", Tags: tags})
				return of(r.Resource, err)
			},
			get: func(t *testing.T, a live.ARN) (live.Resource, error) {
				r, err := h.Storages.Get(t.Context(), a)
				return of(r.Resource, err)
			},
			list: func(t *testing.T, p control.Page) ([]live.Resource, string, error) {
				items, next, err := h.Storages.List(t.Context(), p)
				return base(items), next, err
			},
		},
		{
			kind: live.TypeIngestConfiguration, usual: 50, most: 100, remove: func(t *testing.T, a live.ARN) error { return h.Ingests.Delete(t.Context(), a, false) },
			create: func(t *testing.T, tags live.Tags) (live.Resource, error) {
				r, err := h.Ingests.Create(t.Context(), control.CreateIngest{Protocol: live.IngestRTMPS, Tags: tags})
				return of(r.Resource, err)
			},
			get: func(t *testing.T, a live.ARN) (live.Resource, error) {
				r, err := h.Ingests.Get(t.Context(), a)
				return of(r.Resource, err)
			},
			list: func(t *testing.T, p control.Page) ([]live.Resource, string, error) {
				items, next, err := h.Ingests.List(t.Context(), control.IngestFilter{}, p)
				return base(items), next, err
			},
		},
		{
			kind: live.TypeChannel, usual: 100, most: 100, remove: func(t *testing.T, a live.ARN) error { return h.Channels.Delete(t.Context(), a) },
			create: func(t *testing.T, tags live.Tags) (live.Resource, error) {
				r, _, err := h.Channels.Create(t.Context(), control.CreateChannel{Tags: tags})
				return of(r.Resource, err)
			},
			get: func(t *testing.T, a live.ARN) (live.Resource, error) {
				r, err := h.Channels.Get(t.Context(), a)
				return of(r.Resource, err)
			},
			list: func(t *testing.T, p control.Page) ([]live.Resource, string, error) {
				items, next, err := h.Channels.List(t.Context(), control.ChannelFilter{}, p)
				return base(items), next, err
			},
		},
		{
			kind: live.TypeComposition, usual: 100, most: 100,
			create: func(t *testing.T, tags live.Tags) (live.Resource, error) {
				r, err := h.Compositions.Start(t.Context(), control.StartComposition{
					Stage: s.stage.ARN, Destinations: []control.Destination{s.toS3()}, Tags: tags,
				})
				return of(r.Resource, err)
			},
			get: func(t *testing.T, a live.ARN) (live.Resource, error) {
				r, err := h.Compositions.Get(t.Context(), a)
				return of(r.Resource, err)
			},
			list: func(t *testing.T, p control.Page) ([]live.Resource, string, error) {
				items, next, err := h.Compositions.List(t.Context(), control.CompositionFilter{}, p)
				return base(items), next, err
			},
		},
	}
}

func TestResources_AllHaveTags(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, _ *media) {
		for _, x := range h.things(t) {
			r, err := x.create(t, live.Tags{"made": "here"})
			if err != nil {
				t.Fatalf("%s: %v", x.kind, err)
			}
			bare, err := x.create(t, nil)
			if err != nil || bare.Tags == nil {
				t.Errorf("%s without tags has %#v, %v", x.kind, bare.Tags, err)
			}
			if err := h.Tags.Tag(t.Context(), r.ARN, live.Tags{"a b": "été", "c": ""}); err != nil {
				t.Errorf("%s: %v", x.kind, err)
			}
			if err := h.Tags.Untag(t.Context(), r.ARN, []string{"c", "never"}); err != nil {
				t.Errorf("%s: %v", x.kind, err)
			}
			want := live.Tags{"made": "here", "a b": "été"}
			got, err := x.get(t, r.ARN)
			if err != nil || !maps.Equal(got.Tags, want) || !maps.Equal(h.tags(t, r.ARN), want) {
				t.Errorf("%s has %v, %v", x.kind, got.Tags, err)
			}
			items, _, err := x.list(t, control.Page{})
			i := slices.IndexFunc(items, func(it live.Resource) bool { return it.ARN == r.ARN })
			if err != nil || i < 0 || !maps.Equal(items[i].Tags, want) {
				t.Errorf("%s is listed as %v, %v", x.kind, items, err)
			}
			_, err = x.create(t, manyTags(51))
			wantKind(t, string(x.kind)+" with 51 tags", err, live.Invalid)
			wantKind(t, "51 tags on "+string(x.kind), h.Tags.Tag(t.Context(), r.ARN, manyTags(49)), live.Invalid)
			if err := h.Tags.Tag(t.Context(), r.ARN, manyTags(48)); err != nil {
				t.Errorf("50 tags on %s: %v", x.kind, err)
			}
			if x.remove == nil {
				continue
			}
			if err := x.remove(t, r.ARN); err != nil {
				t.Errorf("%s: %v", x.kind, err)
			}
			_, err = h.Tags.List(t.Context(), r.ARN)
			wantKind(t, "tags of a deleted "+string(x.kind), err, live.NotFound)
			_, err = x.get(t, r.ARN)
			wantKind(t, "get of a deleted "+string(x.kind), err, live.NotFound)
			wantKind(t, "delete of a deleted "+string(x.kind), x.remove(t, r.ARN), live.NotFound)
		}
	})
}

// Security row 5: what an ARN of another home or type gets does not depend on what exists.
func TestResources_Row5_AreThoseOfTheirHome(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, _ *media) {
		stage := h.stage(t)
		for _, x := range h.things(t) {
			r, err := x.create(t, nil)
			if err != nil {
				t.Fatal(err)
			}
			account, far, gone := r.ARN, r.ARN, r.ARN
			account.Account, far.Region, gone.ID = "999999999999", "eu-west-1", "gone"
			for name, c := range map[string]struct {
				arn  live.ARN
				want live.Kind
			}{
				"another account": {account, live.Denied}, "another region": {far, live.NotFound},
				"gone": {gone, live.NotFound}, "a stage": {stage.ARN, live.Invalid},
			} {
				what := name + " as " + string(x.kind)
				_, err := x.get(t, c.arn)
				wantKind(t, "get "+what, err, c.want)
				if x.remove != nil {
					wantKind(t, "delete "+what, x.remove(t, c.arn), c.want)
				}
				if c.arn != stage.ARN {
					_, err := h.Tags.List(t.Context(), c.arn)
					wantKind(t, "tags of "+what, err, c.want)
				}
			}
		}
	})
}

// Every list shows each resource that stays on exactly one page, newest first, while others come and go.
func TestLists_NeitherRepeatNorMiss(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, _ *media) {
		random := rand.New(rand.NewPCG(11, 4))
		for _, x := range h.things(t) {
			items, _, err := x.list(t, control.Page{})
			if err != nil {
				t.Fatal(err)
			}
			stay := map[live.ARN]bool{}
			for _, it := range items { // of other tests' studio
				stay[it.ARN] = true
			}
			var leave []live.ARN
			for i := range 24 {
				if random.IntN(2) == 0 {
					h.clock.move(time.Microsecond)
				}
				r, err := x.create(t, nil)
				if err != nil {
					t.Fatal(err)
				}
				if i%4 == 0 && x.remove != nil {
					leave = append(leave, r.ARN)
				} else {
					stay[r.ARN] = true
				}
			}
			seen, last := map[live.ARN]int{}, live.Resource{}
			for p := (control.Page{Max: 5}); ; {
				items, next, err := x.list(t, p)
				if err != nil || len(items) > p.Max {
					t.Fatalf("%s: %d, %v", x.kind, len(items), err)
				}
				for _, it := range items {
					seen[it.ARN]++
					if last.ARN != (live.ARN{}) && (it.CreatedAt.After(last.CreatedAt) ||
						it.CreatedAt.Equal(last.CreatedAt) && it.ARN.ID >= last.ARN.ID) {
						t.Errorf("%s: %s comes after %s", x.kind, it.ARN, last.ARN)
					}
					last = it
				}
				if p.Token = next; next == "" {
					break
				}
				if len(leave) > 0 {
					if err := x.remove(t, leave[0]); err != nil {
						t.Fatal(err)
					}
					leave = leave[1:]
				}
				h.clock.move(time.Millisecond)
				if _, err := x.create(t, nil); err != nil {
					t.Fatal(err)
				}
			}
			for arn := range stay {
				if seen[arn] != 1 {
					t.Errorf("%s was listed %d times", arn, seen[arn])
				}
			}
		}
	})
}

// Security row 6: a token continues the list that returned it, and no other.
func TestLists_Row6_TakeOnlyTheirOwnTokens(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, _ *media) {
		tokens := map[live.ResourceType]string{}
		things := h.things(t)
		for _, x := range things {
			for range 2 {
				if _, err := x.create(t, nil); err != nil {
					t.Fatal(err)
				}
			}
			_, next, err := x.list(t, control.Page{Max: 1})
			if err != nil || next == "" {
				t.Fatalf("%s: %q, %v", x.kind, next, err)
			}
			tokens[x.kind] = next
			for _, n := range []int{-1, x.most + 1} {
				_, _, err := x.list(t, control.Page{Max: n})
				wantKind(t, fmt.Sprint(n, " of ", x.kind), err, live.Invalid)
			}
			if _, _, err := x.list(t, control.Page{Max: x.most}); err != nil {
				t.Errorf("%d of %s: %v", x.most, x.kind, err)
			}
		}
		for _, x := range things {
			for kind, token := range tokens {
				_, _, err := x.list(t, control.Page{Token: token})
				if kind == x.kind && err != nil {
					t.Errorf("%s refuses its own token: %v", kind, err)
				}
				if kind != x.kind {
					wantKind(t, fmt.Sprintf("a token of %s for %s", kind, x.kind), err, live.Invalid)
				}
			}
		}
	})
}

func TestLists_HaveTheirOwnPageSizes(t *testing.T) {
	h := houseOn(t)
	c, _ := h.channel(t)
	for name, call := range map[string]func(int) error{
		"replicas of 51": func(n int) error {
			_, _, err := h.Replications.List(t.Context(), h.stage(t).ARN, "p", control.Page{Max: n + 50})
			return err
		},
		"stream keys of 51": func(n int) error {
			_, _, err := h.StreamKeys.List(t.Context(), c.ARN, control.Page{Max: n + 50})
			return err
		},
		"streams of 101": func(n int) error {
			_, _, err := h.Streams.List(t.Context(), "", control.Page{Max: n + 100})
			return err
		},
	} {
		if err := call(0); err != nil {
			t.Errorf("%s: the most is refused: %v", name, err)
		}
		wantKind(t, name, call(1), live.Invalid)
	}
}
