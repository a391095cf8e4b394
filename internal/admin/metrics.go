package admin

import (
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// namespace stands before every name of ours.
const namespace = "proscenium"

// maxLabels bounds the values that one label may take; what comes after is counted as "other".
const maxLabels = 64

// Metrics are the numbers of a node. Methods may be called at once.
type Metrics struct {
	registry  *prometheus.Registry
	calls     *prometheus.HistogramVec
	joins     *prometheus.HistogramVec
	operation *closedSet
}

// NewMetrics returns the metrics of the process and of Go, ready for a node's own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "api_request_duration_seconds",
			Help:    "Time to answer a call of the API.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation", "status"}),
		joins: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "join_duration_seconds",
			Help: "Time to join, by step: from an accepted state socket to its state, from an offer to connected media, " +
				"and from an offer to the first media.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"step"}),
		operation: &closedSet{most: maxLabels},
	}
	m.registry.MustRegister(m.calls, m.joins,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveCall counts a call of the API; operation is "" when the request named none.
func (m *Metrics) ObserveCall(operation string, status int, d time.Duration) {
	if operation == "" {
		operation = "unknown"
	}
	m.calls.WithLabelValues(m.operation.admit(operation), class(status)).Observe(d.Seconds())
}

// class is the first digit of a status and "xx"; anything that is no status is "other".
func class(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return strconv.Itoa(status/100) + "xx"
}

// StateSent is the step of a join that ends when the whole state was sent on an accepted socket.
const StateSent = "state"

// ObserveJoin counts a step of a join; the steps are words in the code.
func (m *Metrics) ObserveJoin(step string, d time.Duration) {
	m.joins.WithLabelValues(step).Observe(d.Seconds())
}

// closedSet lets the first values of a label through and calls the rest "other".
type closedSet struct {
	most int

	mu   sync.Mutex
	seen map[string]bool
}

func (c *closedSet) admit(value string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[value] {
		return value
	}
	if len(c.seen) >= c.most {
		return "other"
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[value] = true
	return value
}

// Number is one number that a part counts itself.
type Number struct {
	Name  string // without the namespace; a counter's ends with _total
	Help  string
	Label string // the label's name; "" has none
	Gauge bool   // goes up and down; otherwise it only grows
	// Read returns the number by value of the label, under "" when there is no label. The values come from
	// a closed set of words in the code, such as reasons.
	Read func() map[string]float64
}

// One returns a Read for a number without label.
func One[T int | int64 | uint64 | float64](read func() T) func() map[string]float64 {
	return func() map[string]float64 { return map[string]float64{"": float64(read())} }
}

// Add has numbers read at each scrape. It panics when a name is taken or not one of Prometheus's.
func (m *Metrics) Add(numbers ...Number) {
	for _, n := range numbers {
		var labels []string
		if n.Label != "" {
			labels = []string{n.Label}
		}
		m.registry.MustRegister(&numberCollector{
			Number: n,
			desc:   prometheus.NewDesc(prometheus.BuildFQName(namespace, "", n.Name), n.Help, labels, nil),
			values: &closedSet{most: maxLabels},
		})
	}
}

type numberCollector struct {
	Number
	desc   *prometheus.Desc
	values *closedSet
}

func (c *numberCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *numberCollector) Collect(out chan<- prometheus.Metric) {
	kind := prometheus.CounterValue
	if c.Gauge {
		kind = prometheus.GaugeValue
	}
	if c.Label == "" {
		out <- prometheus.MustNewConstMetric(c.desc, kind, c.Read()[""])
		return
	}
	sums := map[string]float64{}
	for value, n := range c.Read() {
		sums[c.values.admit(value)] += n
	}
	for value, n := range sums {
		out <- prometheus.MustNewConstMetric(c.desc, kind, n, value)
	}
}

// Family is numbers told apart by several labels. Its values come from closed sets of words in the code.
type Family struct {
	Name   string // without the namespace; a counter's ends with _total
	Help   string
	Labels []string
	Gauge  bool // goes up and down; otherwise it only grows
	// Read tells each number with the values of the labels, in their order, none twice.
	Read func(tell func(n float64, values ...string))
}

// AddFamily has numbers read at each scrape. It panics when the name is taken.
func (m *Metrics) AddFamily(families ...Family) {
	for _, f := range families {
		m.registry.MustRegister(&familyCollector{
			Family: f, desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", f.Name), f.Help, f.Labels, nil),
		})
	}
}

// maxSeries bounds the series of one family; what comes after is left out.
const maxSeries = 256

type familyCollector struct {
	Family
	desc *prometheus.Desc
}

func (c *familyCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *familyCollector) Collect(out chan<- prometheus.Metric) {
	kind := prometheus.CounterValue
	if c.Gauge {
		kind = prometheus.GaugeValue
	}
	told := 0
	c.Read(func(n float64, values ...string) {
		if told++; told <= maxSeries {
			out <- prometheus.MustNewConstMetric(c.desc, kind, n, values...)
		}
	})
}

// Build says which build of the server this is.
func (m *Metrics) Build(version string) {
	m.AddFamily(Family{
		Name: "build_info", Help: "Always 1; the labels say which build of the server this is.", Gauge: true,
		Labels: []string{"version", "go_version"},
		Read:   func(tell func(float64, ...string)) { tell(1, version, runtime.Version()) },
	})
}

// Histogram is a distribution that a part counts itself.
type Histogram struct {
	Name   string // without the namespace
	Help   string
	Bounds []float64 // the upper bounds of all buckets but the last, which has none
	// Read returns how many values fell into each bucket, and the sum of all.
	Read func() (counts []uint64, sum float64)
}

// AddHistogram has a distribution read at each scrape. It panics when the name is taken.
func (m *Metrics) AddHistogram(h Histogram) {
	m.registry.MustRegister(&histogramCollector{
		Histogram: h, desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", h.Name), h.Help, nil, nil),
	})
}

type histogramCollector struct {
	Histogram
	desc *prometheus.Desc
}

func (c *histogramCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *histogramCollector) Collect(out chan<- prometheus.Metric) {
	counts, sum := c.Read()
	total, below := uint64(0), map[float64]uint64{}
	for i, n := range counts {
		total += n
		if i < len(c.Bounds) {
			below[c.Bounds[i]] = total
		}
	}
	out <- prometheus.MustNewConstHistogram(c.desc, total, sum, below)
}
