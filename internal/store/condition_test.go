package store_test

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestCondition_TellsOfTheSchemaAndChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		o.AsIs = true
		bare := storetest.Open(t, o)
		for range 2 {
			c, err := bare.Condition(t.Context())
			if err != nil || c.Schema != 0 || c.Known == 0 {
				t.Fatalf("without a schema: %+v, %v", c, err)
			}
		}
		o.AsIs = false
		made := storetest.Open(t, o)
		c, err := made.Condition(t.Context())
		if err != nil || c.Schema != c.Known {
			t.Errorf("with one: %+v, %v", c, err)
		}
		if off := time.Since(c.Clock); !c.Clock.IsZero() && (off > time.Minute || off < -time.Minute) {
			t.Errorf("the clock of a database on this machine is %v off", off)
		}
	})
}
