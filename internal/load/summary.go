package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Summarise reads the reports that scripts/bench-media has written to a folder, and writes them as the tables of the
// performance page. Files of one name and different numbers (1x100-1.json, 1x100-2.json) are runs of the same.
func Summarise(dir string, w io.Writer) error {
	s, err := readRuns(dir)
	if err != nil {
		return err
	}
	s.targets(w)
	s.growth(w)
	s.bursts(w, "burst", "2,000 joins by the state socket")
	s.bursts(w, "joins", "2,000 viewers join")
	return nil
}

// runs are reports, by the name of what was done.
type runs map[string][]Report

func readRuns(dir string) (runs, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*-[0-9]*.json"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no reports in %s", dir))
	}
	s := runs{}
	for _, file := range files { // in the order of their names
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var r Report
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		name = name[:strings.LastIndexByte(name, '-')]
		s[name] = append(s[name], r)
	}
	return s, nil
}

// each writes the figures of all runs, and then their medians.
func (s runs) each(name, form string, of ...func(*Report) float64) (all, medians string) {
	list := s[name]
	if len(list) == 0 {
		return "not run", ""
	}
	text := func(values []float64) string {
		args := make([]any, len(values))
		for i, v := range values {
			args[i] = v
		}
		return fmt.Sprintf(form, args...)
	}
	parts := make([]string, len(list))
	columns := make([][]float64, len(of))
	for i := range list {
		values := make([]float64, len(of))
		for k, f := range of {
			values[k] = f(&list[i])
			columns[k] = append(columns[k], values[k])
		}
		parts[i] = text(values)
	}
	middle := make([]float64, len(of))
	for k := range columns {
		slices.Sort(columns[k])
		middle[k] = columns[k][len(columns[k])/2]
	}
	return strings.Join(parts, ", "), text(middle)
}

// targets compares with what was aimed at.
func (s runs) targets(w io.Writer) {
	if list := s["1x100"]; len(list) > 0 {
		_, _ = fmt.Fprintf(w, "On %s; %s.\n\n", list[0].Machine, list[0].At)
	}
	_, _ = fmt.Fprintln(w, "| | runs | median | target | stretch |\n|---|---|---|---|---|")
	ratioOf := func(r *Report) float64 { return r.Ratio }
	p50, p99 := func(r *Report) float64 { return r.DelayP50 }, func(r *Report) float64 { return r.DelayP99 }
	memory := func(r *Report) float64 { return float64(r.BytesPerViewer) / 1024 }
	first50, first95 := func(r *Report) float64 { return r.PacketP50 }, func(r *Report) float64 { return r.PacketP95 }
	for _, row := range []struct {
		what, name, form, target, stretch string
		of                                []func(*Report) float64
	}{
		{"1 × 100, CPU per packet as × floor", "1x100", "%.2f", "1.3", "1.0", []func(*Report) float64{ratioOf}},
		{"1 × 200", "1x200", "%.2f", "1.2", "0.9", []func(*Report) float64{ratioOf}},
		{"4 × 25", "4x25", "%.2f", "1.4", "1.1", []func(*Report) float64{ratioOf}},
		{"1 × 200: delay p50 / p99, ms", "1x200", "%.2f / %.2f", "1 / 5", "0.5 / 1", []func(*Report) float64{p50, p99}},
		{"1 × 100: delay p50 / p99, ms", "1x100", "%.2f / %.2f", "", "", []func(*Report) float64{p50, p99}},
		{"4 × 25: delay p50 / p99, ms", "4x25", "%.2f / %.2f", "", "", []func(*Report) float64{p50, p99}},
		{"memory per viewer of 100, KiB", "1x100", "%.0f", "150", "60", []func(*Report) float64{memory}},
		{"memory per viewer of 200, KiB", "1x200", "%.0f", "150", "60", []func(*Report) float64{memory}},
		{"memory per viewer of 1,000, KiB", "grow1000", "%.0f", "150", "60", []func(*Report) float64{memory}},
		{"join, one at a time: POST to first packet, p50 / p95, ms", "join", "%.1f / %.1f", "15 / 30", "8 / 15", []func(*Report) float64{first50, first95}},
		{"join, eight at a time: the same", "1x200", "%.1f / %.1f", "", "", []func(*Report) float64{first50, first95}},
		{"heap allocations of the server per packet", "1x200", "%.3f", "", "", []func(*Report) float64{func(r *Report) float64 { return r.Allocations }}},
	} {
		all, median := s.each(row.name, row.form, row.of...)
		_, _ = fmt.Fprintf(w, "| %s | %s | **%s** | %s | %s |\n", row.what, all, median, row.target, row.stretch)
	}
	_, _ = fmt.Fprintln(w)
}

// growth shows that cost is linear in viewers.
func (s runs) growth(w io.Writer) {
	var sizes []int
	for name := range s {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "grow")); err == nil {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	_, _ = fmt.Fprintln(w, "| viewers | packets/s | server, cores | CPU seconds per million packets | × floor | delay p50 / p99, ms | memory per viewer, KiB | lost |\n"+
		"|---|---|---|---|---|---|---|---|")
	for _, n := range sizes {
		r := s["grow"+strconv.Itoa(n)][0]
		_, _ = fmt.Fprintf(w, "| %d | %.0f | %.3f | %.2f | %.2f | %.2f / %.2f | %.0f | %d |\n", n, r.PacketsPerSecond, r.ServerCPU, r.PerMillion,
			r.Ratio, r.DelayP50, r.DelayP99, float64(r.BytesPerViewer)/1024, r.Missing)
	}
	_, _ = fmt.Fprintln(w)
}

// bursts shows what many joins at once come to, a column for each run.
func (s runs) bursts(w io.Writer, name, title string) {
	var list []*Burst
	for i := range s[name] {
		if b := s[name][i].Burst; b != nil {
			list = append(list, b)
		}
	}
	_, _ = fmt.Fprintf(w, "| %s |", title)
	for i := range list {
		_, _ = fmt.Fprintf(w, " run %d |", i+1)
	}
	_, _ = fmt.Fprintf(w, "\n|%s\n", strings.Repeat("---|", len(list)+1))
	for _, row := range []struct {
		what string
		of   func(*Burst) string
	}{
		{"failed, cut off", func(b *Burst) string { return fmt.Sprintf("%d, %d", b.Failed, b.Cut) }},
		{"records", func(b *Burst) string { return fmt.Sprintf("%d of %d", b.Recorded, b.Joins-b.Failed) }},
		{"join, p50 / p95 / p99", func(b *Burst) string { return fmt.Sprintf("%.1f / %.1f / %.1f ms", b.JoinP50, b.JoinP95, b.JoinP99) }},
		{"key-frame requests at the publisher", func(b *Burst) string { return fmt.Sprintf("%d in %.0f s", b.During.PLIs, b.During.Seconds) }},
		{"forwarding delay before, p50 / p95 / p99", func(b *Burst) string { return b.Before.delays() }},
		{"forwarding delay meanwhile, p50 / p95 / p99", func(b *Burst) string { return b.During.delays() }},
		{"ratio, p50 / p99", func(b *Burst) string { return fmt.Sprintf("%.2f / %.2f", b.DelayRatio, b.TailRatio) }},
		{"packets lost", func(b *Burst) string { return strconv.FormatUint(b.During.Missing, 10) }},
		{"the tester's own frames, at most so late", func(b *Burst) string { return fmt.Sprintf("%.1f ms", b.During.Behind) }},
		{"server, CPU for each join and its records", func(b *Burst) string { return fmt.Sprintf("%.2f ms", b.CPUMSPerJoin) }},
		{"server, cores before / meanwhile", func(b *Burst) string {
			return fmt.Sprintf("%.2f / %.2f", b.Before.ServerCPU, b.During.ServerCPU)
		}},
		{"while they left: delay, p50 / p95 / p99", func(b *Burst) string { return b.Leaving.delays() }},
	} {
		_, _ = fmt.Fprintf(w, "| %s |", row.what)
		for _, b := range list {
			_, _ = fmt.Fprintf(w, " %s |", row.of(b))
		}
		_, _ = fmt.Fprintln(w)
	}
	_, _ = fmt.Fprintln(w)
}

func (w Window) delays() string {
	return fmt.Sprintf("%.2f / %.2f / %.2f ms", w.DelayP50, w.DelayP95, w.DelayP99)
}
