package media

import "testing"

func TestSeq_NearestWideningIsFound(t *testing.T) {
	for _, c := range []struct {
		from Seq
		wire uint16
		want Seq
	}{
		{1<<16 + 5, 6, 1<<16 + 6},
		{1<<16 + 5, 4, 1<<16 + 4},
		{1<<16 + 5, 65535, 65535},
		{1<<16 + 65535, 0, 1 << 17},
		{1<<16 + 5, 5, 1<<16 + 5},
		{1<<16 + 5, 5 + 1<<15, 5 + 1<<15}, // equally far: the earlier
	} {
		if got := c.from.Near(c.wire); got != c.want {
			t.Errorf("%d.Near(%d) = %d, want %d", c.from, c.wire, got, c.want)
		}
	}
	if got := Seq(1<<16 + 5).After(5); got != 1<<17+5 {
		t.Errorf("After the same number = %d", got)
	}
	if got := Seq(1<<16 + 5).After(6); got != 1<<16+6 {
		t.Errorf("After(6) = %d", got)
	}
}
