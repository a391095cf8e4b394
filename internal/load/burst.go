package load

import (
	"slices"
	"time"
)

// Burst says what became of many joins, and what they did to the media that went on meanwhile.
type Burst struct {
	Joins   int     `json:"joins"`
	Rate    float64 `json:"joins_per_second"` // that was asked for
	Media   bool    `json:"media"`            // they join as viewers, until their first packet, rather than by the state socket
	Seconds float64 `json:"seconds"`          // from the first to the end of the last join

	Failed     int     `json:"failed"`                   // did not get in
	FirstError string  `json:"first_error,omitempty"`    // of these
	Cut        int     `json:"cut"`                      // got in, and lost the socket before they left
	Recorded   int     `json:"recorded"`                 // of those that got in, as ListParticipants has them
	Left       int     `json:"recorded_as_left"`         // of these
	Complete   bool    `json:"records_complete"`         // both are all
	RecordsIn  float64 `json:"records_complete_after_s"` // since the last had left

	JoinP50 float64 `json:"join_p50_ms"` // due to join to the state of the stage read, or to the first packet
	JoinP95 float64 `json:"join_p95_ms"`
	JoinP99 float64 `json:"join_p99_ms"`
	JoinMax float64 `json:"join_max_ms"`

	Before  Window `json:"before"`  // the measurement before it
	During  Window `json:"during"`  // while they joined
	Leaving Window `json:"leaving"` // while they left

	DelayRatio   float64 `json:"delay_p50_ratio"` // during ÷ before
	TailRatio    float64 `json:"delay_p99_ratio"`
	CPURatio     float64 `json:"cpu_per_packet_ratio"`   // during, joins included ÷ before
	CPUMSPerJoin float64 `json:"server_cpu_ms_per_join"` // what the server used beyond its use before
}

// Window is how media fared for a while.
type Window struct {
	Seconds    float64 `json:"seconds"`
	Packets    uint64  `json:"packets_received"`
	Missing    uint64  `json:"packets_missing"`
	DelayP50   float64 `json:"delay_p50_ms"`
	DelayP95   float64 `json:"delay_p95_ms"`
	DelayP99   float64 `json:"delay_p99_ms"`
	DelayMax   float64 `json:"delay_max_ms"`
	ServerCPU  float64 `json:"server_cpu_cores"`
	OwnCPU     float64 `json:"load_cpu_cores"`
	PLIs       uint64  `json:"publisher_plis"`      // key frames that publishers were asked for
	Behind     float64 `json:"publisher_behind_ms"` // the longest that a frame left late: what the machine took from the tester
	PerMillion float64 `json:"server_cpu_seconds_per_million"`
}

// windowOf is the part of a report that is compared.
func windowOf(r *Report) Window {
	return Window{
		Seconds: r.Seconds, Packets: r.Packets, Missing: r.Missing, DelayP50: r.DelayP50, DelayP95: r.DelayP95,
		PLIs: r.PLIsNow, DelayP99: r.DelayP99, DelayMax: r.DelayMax, ServerCPU: r.ServerCPU, OwnCPU: r.OwnCPU, Behind: r.Behind, PerMillion: r.PerMillion,
	}
}

// finish computes what compares the windows. took are the times of those that got in.
func (b *Burst) finish(took []time.Duration) {
	slices.Sort(took)
	b.JoinP50, b.JoinP95, b.JoinP99 = quantile(took, 0.5), quantile(took, 0.95), quantile(took, 0.99)
	b.JoinMax = quantile(took, 1)
	b.Complete = b.Recorded == len(took) && b.Left == len(took)
	b.DelayRatio, b.TailRatio = ratio(b.During.DelayP50, b.Before.DelayP50), ratio(b.During.DelayP99, b.Before.DelayP99)
	b.CPURatio = ratio(b.During.PerMillion, b.Before.PerMillion)
	if b.Before.PerMillion > 0 {
		b.CPUMSPerJoin = ratio((b.During.ServerCPU-b.Before.ServerCPU)*b.During.Seconds*1000, float64(b.Joins))
	}
}

// table writes the burst for people.
func (b *Burst) table(row func(name, format string, args ...any)) {
	row("burst", "%d joins on the same stage, %.0f/s, in %.1f s: %d failed, %d cut off", b.Joins, b.Rate, b.Seconds, b.Failed, b.Cut)
	if b.FirstError != "" {
		row("  first error", "%s", b.FirstError)
	}
	until := "the stage's state"
	if b.Media {
		until = "the first packet of media"
	}
	row("  join", "p50 %.1f  p95 %.1f  p99 %.1f  max %.1f ms to %s", b.JoinP50, b.JoinP95, b.JoinP99, b.JoinMax, until)
	complete := "NOT complete"
	if b.Complete {
		complete = "complete"
	}
	row("  records", "%s: %d of %d that joined, %d of them as left, %.1f s after the last left", complete, b.Recorded,
		b.Joins-b.Failed, b.Left, b.RecordsIn)
	for _, w := range []struct {
		name string
		Window
	}{{"before", b.Before}, {"joining", b.During}, {"leaving", b.Leaving}} {
		row("  "+w.name, "%.1f s, %d packets, %d missing; delay p50 %.2f  p95 %.2f  p99 %.2f  max %.2f ms", w.Seconds, w.Packets,
			w.Missing, w.DelayP50, w.DelayP95, w.DelayP99, w.DelayMax)
		row("", "%d key frames asked for; load itself %.2f cores; frames left at most %.1f ms late", w.PLIs, w.OwnCPU, w.Behind)
		if w.PerMillion > 0 {
			row("", "server %.3f cores, %.2f CPU seconds per million packets", w.ServerCPU, w.PerMillion)
		}
	}
	row("  joining ÷ before", "delay p50 %.2f ×  p99 %.2f ×", b.DelayRatio, b.TailRatio)
	if b.CPURatio > 0 {
		row("", "CPU per packet %.2f × with all the joins in it, which is %.2f ms for each", b.CPURatio, b.CPUMSPerJoin)
	}
}
