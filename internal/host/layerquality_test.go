package host

import "testing"

func TestLayerName_IsThePlaceAmongTheOthers(t *testing.T) {
	for n, want := range map[int]string{1: "hi", 2: "low hi", 3: "low mid hi", 4: "low mid mid hi"} {
		got := ""
		for i := range n {
			if i > 0 {
				got += " "
			}
			got += nameOf(i, n).String()
		}
		if got != want {
			t.Errorf("of %d: %s", n, got)
		}
	}
}
