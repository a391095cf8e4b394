package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Limits of a soak.
const (
	MaxChurners = 200
	MaxSoak     = 24 * time.Hour
)

// SoakOptions describe a soak: many that come and go, beside one publisher and one viewer that stay.
type SoakOptions struct {
	Server    string // URL of the API; "" with Spawn
	AccessKey string
	SecretKey string
	Region    string
	Spawn     string // path of a server to start; "" takes a running one
	ServerPID int    // of a running server

	Churners int           // participants that come and go all the time
	Bitrate  int           // of each publisher, bit/s
	Duration time.Duration // until the last of them stops coming
	Sample   time.Duration // between two looks at the server
	Drain    time.Duration // how long the server may take to forget those that left without a word

	Progress     io.Writer // takes a line for each step; nil: nobody
	ServerOutput io.Writer // takes what a spawned server prints; nil: nobody
}

func (o *SoakOptions) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if (o.Server == "") == (o.Spawn == "") {
		refuse("either a server's URL or a server to spawn is needed, not both")
	}
	if o.Server != "" && o.ServerPID == 0 {
		refuse("a soak looks at the server's memory and files: it needs the server's process id")
	}
	if o.Churners < 4 || o.Churners > MaxChurners {
		refuse("churners: %d is not from 4 to %d", o.Churners, MaxChurners)
	}
	if o.Bitrate < 100_000 || o.Bitrate > MaxBitrate {
		refuse("bitrate: %d is not from 100000 to %d", o.Bitrate, MaxBitrate)
	}
	if o.Duration < time.Second || o.Duration > MaxSoak {
		refuse("duration: %v is not from 1s to %v", o.Duration, MaxSoak)
	}
	if o.Sample == 0 {
		o.Sample = min(10*time.Second, o.Duration/10)
	}
	if o.Drain == 0 {
		o.Drain = 90 * time.Second
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.ServerOutput == nil {
		o.ServerOutput = io.Discard
	}
	return errors.Join(errs...)
}

// Soak is what a soak saw.
type Soak struct {
	Machine  string  `json:"machine"`
	At       string  `json:"at"` // when it ended, UTC
	Seconds  float64 `json:"seconds"`
	Churners int     `json:"churners"`

	Joins      map[string]uint64 `json:"joins"`  // by what joined
	Leaves     map[string]uint64 `json:"leaves"` // by how it left
	Calls      uint64            `json:"api_calls"`
	Failures   uint64            `json:"failures"` // that nobody brought about
	FirstError string            `json:"first_error,omitempty"`

	Expected uint64  `json:"steady_packets_expected"` // of the viewer that stays
	Missing  uint64  `json:"steady_packets_missing"`
	DelayP50 float64 `json:"steady_delay_p50_ms"`
	DelayP99 float64 `json:"steady_delay_p99_ms"`

	Samples []Sample `json:"samples"`
	Before  Sample   `json:"before"`  // the two that stay alone, garbage collected, after some had come and gone
	After   Sample   `json:"after"`   // likewise, at the end
	Drained float64  `json:"drained"` // seconds from the last that left until the server had forgotten everybody
	Growth  []string `json:"growth"`  // what grew beyond its bound
}

// Sample is the server at one moment.
type Sample struct {
	Seconds    float64 `json:"t"`
	RSS        float64 `json:"rss_bytes"`
	Heap       float64 `json:"heap_bytes"` // of objects, garbage included
	Goroutines float64 `json:"goroutines"`
	Files      float64 `json:"files"`   // descriptors
	Present    float64 `json:"present"` // participants, peers and sockets
	CPU        float64 `json:"cpu_seconds"`
}

// bound is how far a figure may grow: by a part of itself and something fixed.
type bound struct {
	name  string
	of    func(Sample) float64
	part  float64
	fixed float64
	form  func(float64) string
}

func mebibytes(n float64) string { return fmt.Sprintf("%.1f MiB", n/(1<<20)) }
func count(n float64) string     { return fmt.Sprintf("%.0f", n) }

// What the server has when everybody has gone, against what it had before they came: whatever is left over is a leak,
// but for what connection pools and the like hold, and for what the heap keeps of the session's history.
var drainedBounds = []bound{
	{"participants, peers and sockets", func(s Sample) float64 { return s.Present }, 0, 0, count},
	{"goroutines", func(s Sample) float64 { return s.Goroutines }, 0, 15, count},
	{"files", func(s Sample) float64 { return s.Files }, 0, 10, count},
	{"heap", func(s Sample) float64 { return s.Heap }, 0.25, 8 << 20, mebibytes},
}

// From a fifth of a long soak to its last fifth: chance makes these sway, time must not make them grow.
var trendBounds = []bound{
	{"goroutines over time", func(s Sample) float64 { return s.Goroutines }, 0.15, 30, count},
	{"files over time", func(s Sample) float64 { return s.Files }, 0.15, 20, count},
	{"heap over time", func(s Sample) float64 { return s.Heap }, 0.25, 8 << 20, mebibytes},
	{"resident memory over time", func(s Sample) float64 { return s.RSS }, 0.15, 16 << 20, mebibytes},
}

// trendFrom is the shortest soak whose beginning and end are compared.
const trendFrom = 5 * time.Minute

// judge says what has grown too much.
func (s *Soak) judge() {
	s.Growth = []string{}
	for _, b := range drainedBounds {
		s.compare(b, b.of(s.Before), b.of(s.After))
	}
	if n := len(s.Samples); s.Seconds >= trendFrom.Seconds() && n >= 10 {
		early, late := s.Samples[n/5:2*n/5], s.Samples[n-n/5:]
		for _, b := range trendBounds {
			s.compare(b, medianOf(early, b.of), medianOf(late, b.of))
		}
	}
}

func (s *Soak) compare(b bound, before, after float64) {
	if most := before*(1+b.part) + b.fixed; after > most {
		s.Growth = append(s.Growth, fmt.Sprintf("%s: %s, then %s; at most %s", b.name, b.form(before), b.form(after), b.form(most)))
	}
}

func medianOf(samples []Sample, of func(Sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// WriteJSON writes all samples for machines.
func (s *Soak) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(s)
}

// WriteTable writes the soak for people.
func (s *Soak) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { _, _ = fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("soak", "%v, %d that come and go, %s", time.Duration(s.Seconds)*time.Second, s.Churners, s.Machine)
	for _, what := range []struct {
		name   string
		counts map[string]uint64
	}{{"joined", s.Joins}, {"left", s.Leaves}} {
		text := ""
		for _, k := range slices.Sorted(keysOf(what.counts)) {
			text += fmt.Sprintf("%d %s, ", what.counts[k], k)
		}
		row(what.name, "%s", text[:max(0, len(text)-2)])
	}
	row("calls", "%d of the API", s.Calls)
	row("failures", "%d %s", s.Failures, s.FirstError)
	row("who stayed", "%d of %d packets missing, delay p50 %.2f  p99 %.2f ms", s.Missing, s.Expected, s.DelayP50, s.DelayP99)
	line := func(name string, x Sample) {
		row(name, "RSS %s, heap %s, %.0f goroutines, %.0f files, %.0f participants, peers and sockets, %.1f CPU seconds",
			mebibytes(x.RSS), mebibytes(x.Heap), x.Goroutines, x.Files, x.Present, x.CPU)
	}
	line("before", s.Before)
	for i := range 10 {
		if n := len(s.Samples); n > 0 {
			x := s.Samples[min((i+1)*n/10, n-1)]
			line(fmt.Sprintf("%.0f s", x.Seconds), x)
		}
	}
	line("after", s.After)
	row("", "%.0f s after the last had left", s.Drained)
	for _, g := range s.Growth {
		row("GREW", "%s", g)
	}
	if len(s.Growth) == 0 {
		row("flat", "nothing grew beyond its bound")
	}
	return t.Flush()
}

func keysOf(m map[string]uint64) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
