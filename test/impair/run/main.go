// Run measures a server on bad lines, and writes what it saw as JSON and as tables.
//
//	make bad-networks
//
// For each condition it plays a publisher and a viewer of their own on a stage of their own, one of them behind an
// impair.Relay, twice: as we are, and without recovery: no NACK, no retransmission, no transport-wide feedback and no
// estimates (they are left out of the offer; and the server's adaptation is off where it is a setting). What the
// viewer would have shown is judged from the packets it got (picture.go, sound.go); nothing is decoded.
//
// The material is made with ffmpeg. Goroutines and processes end with the program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
)

type options struct {
	binary   string
	out      string
	duration time.Duration
	parallel int
	only     *regexp.Regexp
	verbose  bool
	single   bool
	browser  string
	page     string
	chromium string
	from     string
	alone    bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

func measure(ctx context.Context) error {
	var o options
	only := ""
	flag.StringVar(&o.binary, "server", "bin/proscenium", "the server's binary")
	flag.StringVar(&o.out, "out", "", "folder for bad-networks.json")
	flag.DurationVar(&o.duration, "duration", 40*time.Second, "of each measurement at a constant loss")
	flag.IntVar(&o.parallel, "parallel", 4, "conditions measured at once")
	flag.StringVar(&only, "only", ".", "measure only conditions whose name matches")
	flag.BoolVar(&o.verbose, "v", false, "show what the server prints")
	flag.BoolVar(&o.single, "single", false, "publish one layer instead of three")
	flag.StringVar(&o.page, "page", "", "a page that takes the tables, between its marks")
	flag.StringVar(&o.browser, "browser", "", "test/browser/impair.mjs: measure a few conditions with Chromium, too (needs node and make npm)")
	flag.BoolVar(&o.alone, "browser-only", false, "leave our own viewer out")
	flag.StringVar(&o.from, "from", "", "measure nothing: what -out has written before is put into the page")
	flag.StringVar(&o.chromium, "chromium", "", "what -out has written before: its Chromium figures stand in for those of -browser")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return err
	}
	r := &report{}
	var failed error
	if o.from != "" {
		err = r.load(o.from)
	} else {
		r, failed, err = measureBoth(ctx, &o)
	}
	if err != nil {
		return err
	}
	if o.chromium != "" {
		if err := r.takeChromium(o.chromium); err != nil {
			return err
		}
	}
	table := r.markdown()
	fmt.Print(table)
	if o.page != "" {
		failed = errors.Join(failed, putIntoPage(o.page, table))
	}
	if o.out == "" {
		return failed
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(failed, os.WriteFile(filepath.Join(o.out, "bad-networks.json"), append(raw, '\n'), 0o644)) //nolint:gosec // for all to read
}

// takeChromium takes what another run has seen in Chromium, as one that wants a whole core may have been made apart.
func (r *report) takeChromium(file string) error {
	var other report
	if err := other.load(file); err != nil {
		return err
	}
	r.Chromium = other.Chromium
	return nil
}

func (r *report) load(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, r); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// The marks in the page that the tables stand between.
const begins, ends = "<!-- tables of test/impair/run begin -->\n", "<!-- tables of test/impair/run end -->\n"

func putIntoPage(page, table string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begins)
	_, after, closed := strings.Cut(rest, ends)
	if !ok || !closed {
		return fmt.Errorf("%s has no marks for the tables", page)
	}
	return os.WriteFile(page, []byte(before+begins+"\n"+table+"\n"+ends+after), 0o644) //nolint:gosec // for all to read
}

// measureBoth measures with recovery and without. failed says what could not be measured.
func measureBoth(ctx context.Context, o *options) (r *report, failed, err error) {
	folder, err := os.MkdirTemp("", "proscenium-impair-material-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	material, err := encode(ctx, folder)
	if err != nil {
		return nil, nil, err
	}
	if o.single {
		material = material[len(material)-1:]
	}
	r = &report{Began: time.Now().UTC(), Commit: commit(ctx), Seconds: o.duration.Seconds(), Layers: len(material)}
	for _, recovery := range []bool{true, false} {
		results, seen, err := measureAll(ctx, o, material, recovery)
		if err != nil { // what was measured is told all the same
			fmt.Fprintln(os.Stderr, "run:", err)
			failed = errors.Join(failed, err)
		}
		if !o.alone {
			r.Results = append(r.Results, results...)
		}
		r.Chromium = append(r.Chromium, seen...)
	}
	return r, failed, nil
}

func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// measureAll measures all conditions on one server, some at once.
func measureAll(ctx context.Context, o *options, material []*loop.Loop, recovery bool) ([]result, []browserResult, error) {
	var flags []string
	if !recovery && hasFlag(ctx, o.binary, adaptationFlag) {
		flags = append(flags, "--"+adaptationFlag+"=false")
	}
	output := &quiet{}
	s, err := startServer(ctx, o.binary, output, flags...)
	if err != nil {
		return nil, nil, fmt.Errorf("%w\n%s", err, output.text())
	}
	defer s.stop()
	if o.verbose {
		defer func() { fmt.Fprint(os.Stderr, output.text()) }()
	}
	var all []scenario
	for _, c := range scenarios(o.duration) {
		if o.only.MatchString(c.Name) {
			all = append(all, c)
		}
	}
	results := make([]result, len(all))
	errs := make([]error, len(all))
	var running sync.WaitGroup
	room := make(chan struct{}, max(o.parallel, 1))
	for i := range all {
		if o.alone {
			break
		}
		running.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			for range 3 { // a handshake may drown on the worst lines
				if results[i], errs[i] = play(ctx, s, &all[i], material, recovery); errs[i] == nil || ctx.Err() != nil {
					break
				}
			}
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", all[i].Name, errs[i])
			}
			fmt.Fprintf(os.Stderr, "%-24s recovery=%-5v %s\n", all[i].Name, recovery, results[i].line())
		})
	}
	running.Wait()
	failed := errors.Join(errs...)
	var seen []browserResult
	for i := range all {
		if o.browser == "" || !browserNames[all[i].Name] || ctx.Err() != nil {
			continue
		}
		targets := []time.Duration{0}
		if recovery && all[i].Loss > 0 { // and once with room for a second request
			targets = append(targets, all[i].RoundTrip*3/2+100*time.Millisecond)
		}
		for _, target := range targets {
			b, err := playBrowser(ctx, o, s, &all[i], material, recovery, target)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("chromium %s: %w", all[i].Name, err))
				continue
			}
			fmt.Fprintf(os.Stderr, "chromium %-24s recovery=%-5v target=%-5v %s\n", all[i].Name, recovery, target, b.line())
			seen = append(seen, b)
		}
	}
	return results, seen, failed
}

// adaptationFlag is the server's setting that turns the choice of layers by bandwidth off.
const adaptationFlag = "adaptation-enabled"

func hasFlag(ctx context.Context, binary, flag string) bool {
	out, err := exec.CommandContext(ctx, binary, "serve", "--help").Output()
	return err == nil && slices.Contains(strings.Fields(string(out)), "--"+flag)
}

// quiet keeps the last of what a server prints.
type quiet struct {
	mu    sync.Mutex
	lines []byte
}

func (q *quiet) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines = append(q.lines, b...)
	if extra := len(q.lines) - 1<<20; extra > 0 {
		q.lines = q.lines[extra:]
	}
	return len(b), nil
}

func (q *quiet) text() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return string(q.lines)
}
