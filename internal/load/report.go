package load

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Report is what a run measured.
type Report struct {
	Machine    string  `json:"machine"`
	At         string  `json:"at"` // when it ended, UTC
	Publishers int     `json:"publishers"`
	Viewers    int     `json:"viewers"`
	Bitrate    int     `json:"bitrate"`
	Audio      bool    `json:"audio"`
	Pinned     bool    `json:"pinned"`
	Seconds    float64 `json:"seconds"`

	Sent             uint64  `json:"packets_sent"`           // by publishers, without repeats
	Packets          uint64  `json:"packets_received"`       // by viewers: authenticated RTP, repeats included
	PacketsPerSecond float64 `json:"packets_per_second"`     // of these
	BitsPerSecond    float64 `json:"bits_per_second"`        // of these, UDP payload
	MeanSize         float64 `json:"mean_packet_bytes"`      // of these, UDP payload
	Expected         uint64  `json:"packets_expected"`       // by the viewers' sequence numbers
	Missing          uint64  `json:"packets_missing"`        // of these, after all repairs
	Loss             float64 `json:"loss"`                   // the part missing
	Repaired         uint64  `json:"packets_repaired"`       // came after a gap had been seen
	Double           uint64  `json:"packets_double"`         // came more than once
	BadTag           uint64  `json:"packets_refused"`        // failed authentication
	Complete         float64 `json:"completeness"`           // received once ÷ (sent × viewers of each)
	Nacks            uint64  `json:"viewer_nacks"`           // NACK messages
	Feedback         uint64  `json:"viewer_feedback"`        // TWCC and reports
	Upstream         uint64  `json:"publisher_nacked"`       // packets the server asked publishers for
	PLIs             uint64  `json:"publisher_plis"`         // in the whole run
	PLIsNow          uint64  `json:"publisher_plis_now"`     // in the measurement
	Behind           float64 `json:"publisher_behind_ms"`    // the longest that a frame left late
	DelayP50         float64 `json:"delay_p50_ms"`           // sent by publisher to decrypted by viewer
	DelayP95         float64 `json:"delay_p95_ms"`           //
	DelayP99         float64 `json:"delay_p99_ms"`           //
	DelayMax         float64 `json:"delay_max_ms"`           //
	JoinP50          float64 `json:"join_p50_ms"`            // offer made to media path up
	JoinP95          float64 `json:"join_p95_ms"`            //
	AtOnce           int     `json:"joins_at_once"`          //
	PacketP50        float64 `json:"first_packet_p50_ms"`    // offer made to first packet of media
	PacketP95        float64 `json:"first_packet_p95_ms"`    //
	PictureP50       float64 `json:"first_key_frame_p50_ms"` // offer made to first packet of a key frame
	PictureP95       float64 `json:"first_key_frame_p95_ms"` //
	NoPicture        int     `json:"viewers_without_key_frame"`

	OwnCPU         float64 `json:"load_cpu_cores"`
	ServerCPU      float64 `json:"server_cpu_cores"`
	PerMillion     float64 `json:"server_cpu_seconds_per_million"`
	Floors         []Floor `json:"floors,omitempty"` // before and after: the lower one counts
	Floor          float64 `json:"floor_cpu_seconds_per_million"`
	Ratio          float64 `json:"ratio_to_floor"`
	ServerRSS      int64   `json:"server_rss_bytes"`
	BytesPerViewer int64   `json:"server_bytes_per_viewer"`

	// Of a spawned server, by its own count, in the measurement.
	Goroutines  float64 `json:"server_goroutines,omitempty"` // at its end
	Allocations float64 `json:"server_allocations_per_packet,omitempty"`
	Collections float64 `json:"server_garbage_collections,omitempty"`

	Burst *Burst `json:"burst,omitempty"` // after the measurement that the rest is of
}

// figures are what a server tells of itself, by the names of its metrics.
type figures map[string]float64

// Of them, those that are looked at here.
const (
	figureGoroutines  = "go_goroutines"
	figureMallocs     = "go_memstats_mallocs_total"
	figureCollections = "go_gc_duration_seconds_count"
)

// snapshot is all counters at one moment.
type snapshot struct {
	at                time.Time
	serverCPU, ownCPU float64
	sent, repeated    uint64
	plis, nacked      uint64
	behind            time.Duration
	viewers           []seen
	server            figures // empty if it tells none
}

// fill computes what lies between two snapshots.
func (r *Report) fill(o Options, before, after snapshot) {
	r.Machine, r.At = machine(), after.at.UTC().Format(time.RFC3339)
	r.AtOnce = o.AtOnce
	r.Publishers, r.Viewers, r.Bitrate, r.Audio, r.Pinned = o.Publishers, len(after.viewers), o.Bitrate, o.Audio, o.Pin
	r.Seconds = after.at.Sub(before.at).Seconds()
	r.Sent = after.sent - before.sent
	r.PLIs, r.PLIsNow, r.Upstream = after.plis, after.plis-before.plis, after.nacked-before.nacked
	r.Behind = milliseconds(after.behind)
	var once, bytes uint64
	var delay histogram
	var connected, first, picture []time.Duration
	for i := range after.viewers {
		a, b := &after.viewers[i], &before.viewers[i]
		r.Packets += a.packets - b.packets
		bytes += a.bytes - b.bytes
		r.Expected += a.expected - b.expected
		once += a.received - b.received
		r.Repaired += a.repaired - b.repaired
		r.Double += a.double - b.double
		r.Nacks += a.nacks - b.nacks
		r.Feedback += a.feedback - b.feedback
		r.BadTag += a.badTag
		delay.merge(&a.delay)
		connected = append(connected, a.joined.connected)
		if a.joined.firstPacket > 0 {
			first = append(first, a.joined.firstPacket)
		}
		if a.joined.firstKey > 0 {
			picture = append(picture, a.joined.firstKey)
		}
	}
	r.NoPicture = len(after.viewers) - len(picture)
	if r.Expected > once {
		r.Missing = r.Expected - once
	}
	r.Loss = ratio(float64(r.Missing), float64(r.Expected))
	r.Complete = ratio(float64(once), float64(r.Sent)*float64(o.Viewers))
	r.PacketsPerSecond = float64(r.Packets) / r.Seconds
	r.BitsPerSecond = float64(bytes) * 8 / r.Seconds
	r.MeanSize = ratio(float64(bytes), float64(r.Packets))
	r.DelayP50, r.DelayP95 = milliseconds(delay.quantile(0.5)), milliseconds(delay.quantile(0.95))
	r.DelayP99, r.DelayMax = milliseconds(delay.quantile(0.99)), milliseconds(delay.max)
	r.JoinP50, r.JoinP95 = quantile(connected, 0.5), quantile(connected, 0.95)
	r.PacketP50, r.PacketP95 = quantile(first, 0.5), quantile(first, 0.95)
	r.PictureP50, r.PictureP95 = quantile(picture, 0.5), quantile(picture, 0.95)
	r.OwnCPU = (after.ownCPU - before.ownCPU) / r.Seconds
	r.ServerCPU = (after.serverCPU - before.serverCPU) / r.Seconds
	r.PerMillion = ratio(after.serverCPU-before.serverCPU, float64(r.Packets)) * 1e6
	if len(before.server) > 0 && len(after.server) > 0 {
		r.Goroutines = after.server[figureGoroutines]
		r.Allocations = ratio(after.server[figureMallocs]-before.server[figureMallocs], float64(r.Packets))
		r.Collections = after.server[figureCollections] - before.server[figureCollections]
	}
}

// finish computes what needs the floors. The lower one counts: a disturbed machine raises a floor, which would
// flatter the server.
func (r *Report) finish() {
	for i, f := range r.Floors {
		if i == 0 || f.PerMillion < r.Floor {
			r.Floor = f.PerMillion
		}
	}
	r.Ratio = ratio(r.PerMillion, r.Floor)
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return milliseconds(d[min(int(q*float64(len(d))), len(d)-1)])
}

// WriteJSON writes the report for machines.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { _, _ = fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("run", "%d publishers, %d viewers, %.2f Mbit/s each, %.1f s, %s", r.Publishers, r.Viewers,
		float64(r.Bitrate)/1e6, r.Seconds, r.Machine)
	row("received", "%.0f packets/s, %.1f Mbit/s, %.0f bytes each", r.PacketsPerSecond, r.BitsPerSecond/1e6, r.MeanSize)
	row("loss", "%.4f %% (%d of %d missing, %d repaired, %d double, %d refused)", r.Loss*100, r.Missing, r.Expected,
		r.Repaired, r.Double, r.BadTag)
	row("complete", "%.4f %% of what was sent × viewers", r.Complete*100)
	row("delay", "p50 %.2f  p95 %.2f  p99 %.2f  max %.2f ms", r.DelayP50, r.DelayP95, r.DelayP99, r.DelayMax)
	row("join", "p50 %.1f  p95 %.1f ms to connected, %d at once; p50 %.1f  p95 %.1f ms to the first packet", r.JoinP50, r.JoinP95,
		r.AtOnce, r.PacketP50, r.PacketP95)
	row("", "p50 %.1f  p95 %.1f ms to a key frame", r.PictureP50, r.PictureP95)
	if r.NoPicture > 0 {
		row("no picture", "%d viewers got no key frame", r.NoPicture)
	}
	row("feedback", "%d NACKs and %d reports by viewers; publishers: %d PLIs, %d packets NACKed", r.Nacks, r.Feedback, r.PLIs, r.Upstream)
	row("load itself", "%.2f cores; frames left at most %.1f ms late", r.OwnCPU, r.Behind)
	if r.PerMillion > 0 {
		row("server", "%.3f cores, %.2f CPU seconds per million packets", r.ServerCPU, r.PerMillion)
		row("memory", "%.0f MiB, %.0f KiB for each viewer", float64(r.ServerRSS)/(1<<20), float64(r.BytesPerViewer)/1024)
	}
	if r.Goroutines > 0 {
		row("", "%.0f goroutines, %.4f allocations per packet, %.0f garbage collections", r.Goroutines, r.Allocations, r.Collections)
	}
	for _, f := range r.Floors {
		row("floor", "%.2f CPU seconds per million encrypted sendto of %d bytes (%.0f %% delivered)", f.PerMillion,
			f.Size, f.DeliveredShare*100)
	}
	if r.Ratio > 0 {
		row("ratio", "%.2f × the (lower) floor", r.Ratio)
	}
	if r.Burst != nil {
		r.Burst.table(row)
	}
	return t.Flush()
}
