package main

import (
	"fmt"
	"strings"
	"time"
)

// report is all that a run has seen.
type report struct {
	Began   time.Time `json:"began"`
	Commit  string    `json:"commit"`
	Seconds float64   `json:"seconds"` // of each measurement at a constant loss
	Layers  int       `json:"layers"`
	Results []result  `json:"results"`

	Chromium []browserResult `json:"chromium,omitempty"`
}

func share(part, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(of))
}

func (r *result) line() string {
	return fmt.Sprintf("frames %s, %d freezes %.1f s, delay %d/%d ms, %.0f kbit/s, sound lost %s concealed %s, heights %v, adapt %d %d %d ms",
		share(r.FramesShown, r.FramesSent), r.Freezes, float64(r.FrozenMS)/1000, r.DelayP50MS, r.DelayP95MS, r.Kbits,
		share(r.SoundLost, r.SoundDue), share(r.SoundConcealed, r.SoundDue), r.Heights, r.AdaptDownMS, r.SettleDownMS, r.AdaptUpMS)
}

func (r *report) find(name string, recovery bool) *result {
	for i := range r.Results {
		if r.Results[i].Name == name && r.Results[i].Recovery == recovery {
			return &r.Results[i]
		}
	}
	return nil
}

// markdown returns the tables of the performance page.
func (r *report) markdown() string {
	var b strings.Builder
	r.losses(&b, "viewer/loss", "The viewer's line loses packets, both ways")
	r.losses(&b, "publisher/loss", "The publisher's line loses packets, both ways")
	r.drop(&b)
	r.browser(&b)
	fmt.Fprintf(&b, "\nMeasured at %s, commit %s, %.0f s for each line.\n", r.Began.Format("2006-01-02 15:04 MST"), r.Commit, r.Seconds)
	return b.String()
}

func (r *report) losses(b *strings.Builder, prefix, title string) {
	first := true
	for i := range r.Results {
		with := &r.Results[i]
		if !strings.HasPrefix(with.Name, prefix) || !with.Recovery {
			continue
		}
		if first {
			fmt.Fprintf(b, "%s:\n\n| loss, round trip | frames shown | freezes | frozen | delay p50 / p95 | sound lost / concealed | *without:* frames | freezes | frozen |\n|---|---|---|---|---|---|---|---|---|\n", title)
			first = false
		}
		fmt.Fprintf(b, "| %.0f %%, %d ms | %s | %d | %.1f s | %d / %d ms | %s / %s |", 100*with.Loss, with.RoundTripMS,
			share(with.FramesShown, with.FramesSent), with.Freezes, float64(with.FrozenMS)/1000, with.DelayP50MS, with.DelayP95MS,
			share(with.SoundLost, with.SoundDue), share(with.SoundConcealed, with.SoundDue))
		if without := r.find(with.Name, false); without != nil {
			fmt.Fprintf(b, " %s | %d | %.1f s |", share(without.FramesShown, without.FramesSent), without.Freezes, float64(without.FrozenMS)/1000)
		} else {
			b.WriteString(" – | – | – |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

func (r *report) drop(b *strings.Builder) {
	with, without := r.find("viewer/drop", true), r.find("viewer/drop", false)
	if with == nil || without == nil {
		return
	}
	b.WriteString("The viewer's line drops from 3 Mbit/s to 300 kbit/s for 20 s, and comes back:\n\n| | with | without |\n|---|---|---|\n")
	row := func(name, one, two string) { fmt.Fprintf(b, "| %s | %s | %s |\n", name, one, two) }
	took := func(ms int64) string {
		if ms < 0 {
			return "never"
		}
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	row("another layer is shown after the drop", took(with.AdaptDownMS), took(without.AdaptDownMS))
	row("frames are in time (within 500 ms) for good after", took(with.SettleDownMS), took(without.SettleDownMS))
	row("the best layer is back after the line is", took(with.AdaptUpMS), took(without.AdaptUpMS))
	for i := range with.Phases {
		one, two := with.Phases[i], without.Phases[i]
		tell := func(p phase) string {
			return fmt.Sprintf("%s, %d, %.1f s", share(p.FramesShown, p.FramesSent), p.Freezes, float64(p.FrozenMS)/1000)
		}
		row("frames shown, freezes, frozen at "+one.Name, tell(one), tell(two))
	}
	row("sound lost / concealed", share(with.SoundLost, with.SoundDue)+" / "+share(with.SoundConcealed, with.SoundDue),
		share(without.SoundLost, without.SoundDue)+" / "+share(without.SoundConcealed, without.SoundDue))
}

func (r *browserResult) line() string {
	return fmt.Sprintf("frames %.0f of %.0f, %.0f freezes %.1f s, jitter buffer %.0f ms, lost %.0f, NACKs %.0f, PLIs %.0f, concealed %.1f %%, heights %v",
		r.FramesDecoded, r.FramesSent, r.Freezes, r.FrozenSeconds, r.JitterBufferMS, r.PacketsLost, r.Nacks, r.PLIs, 100*r.Concealed, r.Heights)
}

// browser tells what Chromium says.
func (r *report) browser(b *strings.Builder) {
	if len(r.Chromium) == 0 {
		return
	}
	b.WriteString("\nA viewer in Chromium, by its own `getStats`:\n\n" +
		"| condition | recovery | frames decoded | freezeCount | totalFreezesDuration | jitter buffer, mean | packetsLost | retransmitted | PLIs | sound concealed |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for i := range r.Chromium {
		c := &r.Chromium[i]
		recovery := "with"
		switch {
		case !c.Recovery:
			recovery = "without"
		case c.TargetMS > 0:
			recovery = fmt.Sprintf("with, jitterBufferTarget %d ms", c.TargetMS)
		}
		fmt.Fprintf(b, "| %s | %s | %.1f %% | %.0f | %.1f s | %.0f ms | %.0f | %.0f | %.0f | %.1f %% |\n", c.Name, recovery,
			100*min(c.FramesDecoded/c.FramesSent, 1), c.Freezes, c.FrozenSeconds, c.JitterBufferMS, c.PacketsLost, c.Retransmitted, c.PLIs, 100*c.Concealed)
	}
}
