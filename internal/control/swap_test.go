//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

// Security rows 5 and 47: two accounts and two regions on one database, and calls whose ARNs have their parts
// swapped at random. A call reaches exactly the stage it names, in its caller's own home, or nothing.
func TestSwap_Row47_NoCallReachesAnotherHome(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := newWorld(t, storetest.Open(t, o))
		random := rand.New(rand.NewPCG(47, 5))
		for i := range 300 {
			w.swap(t, random, i)
		}
		w.check(t)
	})
}

// world is some homes on one database, and what each stage should look like.
type world struct {
	homes    []live.Home
	services []*control.Service
	stages   []live.ARN
	names    map[live.ARN]string
	tags     map[live.ARN]string
}

func newWorld(t *testing.T, s *store.Store) *world {
	w := &world{names: map[live.ARN]string{}, tags: map[live.ARN]string{}}
	for _, home := range []live.Home{
		{Region: "us-east-1", Account: "000000000000"},
		{Region: "us-east-1", Account: "000000000001"},
		{Region: "eu-west-1", Account: "000000000000"},
	} {
		b := inproc.New()
		t.Cleanup(func() { _ = b.Close() })
		service := open(t, control.Options{
			Store: s, Bus: b, Node: "node00000001", Region: home.Region, Account: home.Account,
			Endpoints: live.Endpoints{Events: "ws://localhost/events", WHIP: "http://localhost/whip"},
		})
		w.homes, w.services = append(w.homes, home), append(w.services, service)
		for range 3 {
			stage, _, err := service.Stages.Create(t.Context(), control.CreateStage{Tags: live.Tags{"t": "0"}})
			if err != nil {
				t.Fatal(err)
			}
			w.stages = append(w.stages, stage.ARN)
			w.names[stage.ARN], w.tags[stage.ARN] = "", "0"
		}
	}
	return w
}

// swap makes one call with an ARN of random parts, and notes what it should change.
func (w *world) swap(t *testing.T, random *rand.Rand, i int) {
	t.Helper()
	who := random.IntN(len(w.homes))
	s, home := w.services[who], w.homes[who]
	pick := func() live.ARN { return w.stages[random.IntN(len(w.stages))] }
	a := live.ARN{Region: pick().Region, Account: pick().Account, Type: live.TypeStage, ID: pick().ID}
	_, exists := w.names[a]
	allowed := exists && a.Region == home.Region && a.Account == home.Account
	text, ctx := fmt.Sprint(i), t.Context()
	var err error
	switch random.IntN(5) {
	case 0:
		if _, err = s.Stages.Update(ctx, control.UpdateStage{ARN: a, Name: &text}); allowed {
			w.names[a] = text
		}
	case 1:
		if err = s.Tags.Tag(ctx, a, live.Tags{"t": text}); allowed {
			w.tags[a] = text
		}
	case 2:
		_, err = s.Stages.Get(ctx, a)
	case 3:
		var issued live.IssuedToken
		if issued, err = s.Tokens.Create(ctx, a, control.TokenRequest{}); err == nil && issued.Claims.Stage != a {
			t.Errorf("a token for %s lets into %s", a, issued.Claims.Stage)
		}
	case 4:
		err = s.Participants.Disconnect(ctx, a, "someone", "")
	}
	if want := w.verdict(home, a, allowed); err == nil && !allowed || err != nil && live.KindOf(err) != want {
		t.Errorf("%v called for %s: %v", home, a, err)
	}
}

// verdict is how a call that is not allowed fails: by what the ARN says, not by what exists elsewhere.
func (w *world) verdict(home live.Home, a live.ARN, allowed bool) live.Kind {
	switch {
	case allowed:
		return live.Internal // it does not fail
	case a.Account != home.Account:
		return live.Denied
	}
	return live.NotFound
}

// check compares every stage with what it should look like.
func (w *world) check(t *testing.T) {
	t.Helper()
	seen := 0
	for i, s := range w.services {
		list, _, err := s.Stages.List(t.Context(), control.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, stage := range list {
			seen++
			if stage.ARN.Account != w.homes[i].Account || stage.ARN.Region != w.homes[i].Region {
				t.Errorf("%v lists %s", w.homes[i], stage.ARN)
			}
			if stage.Name != w.names[stage.ARN] || stage.Tags["t"] != w.tags[stage.ARN] {
				t.Errorf("%s has name %q and tags %v", stage.ARN, stage.Name, stage.Tags)
			}
		}
	}
	if seen != len(w.stages) {
		t.Errorf("%d stages are listed, there are %d", seen, len(w.stages))
	}
}
