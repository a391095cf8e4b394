package load

import (
	"slices"
	"testing"
	"time"
)

func TestArrival_CountsWhatCameAndWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		seqs                                 []uint16
		expected, received, repaired, double uint64
		missing                              []uint16
	}{
		"in order":         {[]uint16{5, 6, 7}, 3, 3, 0, 0, nil},
		"over the wrap":    {[]uint16{65534, 65535, 0, 1}, 4, 4, 0, 0, nil},
		"a gap":            {[]uint16{1, 4}, 4, 2, 0, 0, []uint16{2, 3}},
		"a gap, mended":    {[]uint16{1, 4, 3, 2}, 4, 4, 2, 0, nil},
		"a gap at wrap":    {[]uint16{65535, 1}, 3, 2, 0, 0, []uint16{0}},
		"the same again":   {[]uint16{1, 2, 2, 1}, 2, 2, 0, 2, nil},
		"before the first": {[]uint16{9, 8}, 1, 1, 0, 1, nil},
		"a long jump":      {[]uint16{0, 1000}, 1001, 2, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var a arrival
			for _, s := range c.seqs {
				a.take(s)
			}
			if a.expected() != c.expected || a.received != c.received || a.repaired != c.repaired || a.double != c.double {
				t.Errorf("expected %d received %d repaired %d double %d, want %+v", a.expected(), a.received, a.repaired, a.double, c)
			}
			got := a.due(time.Now(), nil)
			slices.Sort(got)
			if !slices.Equal(got, c.missing) {
				t.Errorf("missing %v, want %v", got, c.missing)
			}
		})
	}
}

func TestArrival_AsksAgainButNotForever(t *testing.T) {
	var a arrival
	a.take(1)
	a.take(3)
	now := time.Now()
	asked := 0
	for range 20 {
		asked += len(a.due(now, nil))
		asked += len(a.due(now.Add(nackEvery/2), nil)) // too early
		now = now.Add(nackEvery)
	}
	if asked != nackTries {
		t.Errorf("asked %d times, want %d", asked, nackTries)
	}
}

// RFC 3550 appendix A.3
func TestArrival_TellsTheFractionLostSinceTheLastReport(t *testing.T) {
	var a arrival
	a.take(0)
	a.take(3)
	if got := a.fraction(); got != 128 {
		t.Errorf("two of four lost: %d, want 128", got)
	}
	a.take(4)
	if got := a.fraction(); got != 0 {
		t.Errorf("nothing lost since: %d", got)
	}
}

func FuzzArrival(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 9, 0, 3})
	f.Add([]byte{0xff, 0xff, 0, 0, 0x80, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var a arrival
		for ; len(data) >= 2; data = data[2:] {
			a.take(uint16(data[0])<<8 | uint16(data[1]))
			if a.received > a.expected() {
				t.Fatalf("received %d of %d", a.received, a.expected())
			}
		}
	})
}

func TestHistogram_TellsQuantilesWithinTwoPercent(t *testing.T) {
	var h histogram
	for i := 1; i <= 10000; i++ {
		h.add(time.Duration(i) * 10 * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{
		0.5: 50 * time.Millisecond, 0.95: 95 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond,
	} {
		if got := h.quantile(q); got < want || got > want*103/100 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	var both histogram
	both.merge(&h)
	both.merge(&h)
	if both.quantile(0.5) != h.quantile(0.5) || both.total != 2*h.total || both.max != h.max {
		t.Error("merging changed the distribution")
	}
}
