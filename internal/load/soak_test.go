package load

import (
	"strings"
	"testing"
	"time"
)

func steadySamples(n int, change func(i int, s *Sample)) []Sample {
	all := make([]Sample, n)
	for i := range all {
		all[i] = Sample{RSS: 80 << 20, Heap: 20 << 20, Goroutines: 100, Files: 40}
		change(i, &all[i])
	}
	return all
}

func TestSoak_SaysWhatGrew(t *testing.T) {
	for name, c := range map[string]struct {
		change func(i int, s *Sample)
		after  Sample
		want   string // "" for nothing
	}{
		"steady":     {change: func(int, *Sample) {}},
		"a saw":      {change: func(i int, s *Sample) { s.Heap += float64(i%7) * (4 << 20) }},
		"goroutines": {change: func(i int, s *Sample) { s.Goroutines += float64(i) * 2 }, want: "goroutines over time"},
		"files":      {change: func(i int, s *Sample) { s.Files += float64(i) }, want: "files over time"},
		"resident":   {change: func(i int, s *Sample) { s.RSS += float64(i) * (1 << 20) }, want: "resident memory over time"},
		"left over":  {change: func(int, *Sample) {}, after: Sample{Present: 1}, want: "participants, peers and sockets"},
		"kept":       {change: func(int, *Sample) {}, after: Sample{Heap: 40 << 20}, want: "heap"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Soak{Seconds: time.Hour.Seconds(), Samples: steadySamples(100, c.change), Before: Sample{Heap: 20 << 20}, After: c.after}
			s.judge()
			if c.want == "" && len(s.Growth) > 0 || c.want != "" && (len(s.Growth) != 1 || !strings.HasPrefix(s.Growth[0], c.want)) {
				t.Errorf("grew: %q, want %q", s.Growth, c.want)
			}
		})
	}
}
