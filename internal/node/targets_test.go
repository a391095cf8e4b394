package node

import (
	"testing"

	"github.com/proscenium-live/proscenium/internal/notify"
)

func TestTally_OnlyGrowsWhateverTargetsComeAndGo(t *testing.T) {
	c := newTally()
	delivered := func() float64 { return c.total("delivered")()["webhook"] }
	c.take([]notify.View{{Name: "a", Kind: "webhook", State: "on", Delivered: 100}})
	if delivered() != 0 {
		t.Errorf("%v counted of before this node", delivered())
	}
	c.take([]notify.View{
		{Name: "a", Kind: "webhook", State: "on", Delivered: 110, Behind: 3},
		{Name: "b", Kind: "webhook", State: "retrying", Delivered: 5, Failed: 2, Behind: 70},
		{Name: "c", Kind: "nats", State: "off", Behind: 1000},
	})
	if delivered() != 15 || c.total("failed")()["webhook"] != 2 {
		t.Errorf("delivered %v, failed %v", delivered(), c.total("failed")())
	}
	if c.furthest() != 70 || c.byState()["off"] != 1 || c.byState()["on"] != 1 {
		t.Errorf("behind %v, states %v", c.furthest(), c.byState())
	}
	c.take(nil) // all removed
	if delivered() != 15 || c.furthest() != 0 {
		t.Errorf("after their removal delivered %v, behind %v", delivered(), c.furthest())
	}
}
