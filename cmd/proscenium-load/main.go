// Command proscenium-load plays publishers and viewers against a server and prints what they got and what it cost.
//
//	proscenium-load --spawn bin/proscenium --publishers 1 --viewers 100 --bitrate 1.5M --duration 30s --pin
//
// starts a server of its own on one core, keeps to the others itself, and compares the server's CPU time per packet
// with that of one encrypted sendto on the same core. With --joins 2000 it then has a crowd join and leave, and compares
// the delay of the media before and meanwhile. With --churn 12 it has participants come and go in every way there is, and
// fails if the server keeps anything of them. Against a running server: --server URL, and --server-pid if it
// runs on this machine. --help lists the flags; "proscenium-load table FOLDER" writes the tables of docs/performance.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/proscenium-live/proscenium/internal/load"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == load.FloorArg {
		if err := load.RunFloor(os.Args[2:]); err != nil {
			fail(err)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "table" { // of reports that --json has written, as scripts/bench-media does
		if err := load.Summarise(os.Args[2], os.Stdout); err != nil {
			fail(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "proscenium-load:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o load.Options
	var bitrate, joinRate string
	var asJSON, verbose bool
	var churn int
	f := pflag.NewFlagSet("proscenium-load", pflag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Server, "server", "", "URL of a running server's API")
	f.StringVar(&o.Spawn, "spawn", "", "path of a server to start for the run")
	f.IntVar(&o.ServerPID, "server-pid", 0, "process id of the running server, for its CPU time and memory")
	f.BoolVar(&o.Pin, "pin", false, "keep the spawned server on one core and the load on the others")
	f.IntVar(&o.Publishers, "publishers", 1, fmt.Sprintf("publishers, up to %d", load.MaxPublishers))
	f.IntVar(&o.Viewers, "viewers", 10, fmt.Sprintf("viewers of each publisher, up to %d in all", load.MaxViewers))
	f.StringVar(&bitrate, "bitrate", "1.5M", "bits per second of each publisher's video, such as 800k or 1.5M")
	f.BoolVar(&o.Audio, "audio", false, "publish sound as well")
	f.DurationVar(&o.Duration, "duration", 30*time.Second, fmt.Sprintf("length of the measurement, up to %v", load.MaxDuration))
	f.DurationVar(&o.Settle, "settle", 3*time.Second, "pause between the last join and the measurement")
	f.IntVar(&o.Joins, "joins", 0, fmt.Sprintf("then have so many more join the same stage by the state socket, up to %d, and leave again:\n"+
		"prints their join times, whether all are recorded, and what media was delayed before and meanwhile", load.MaxJoins))
	f.IntVar(&churn, "churn", 0, fmt.Sprintf("instead of a measurement, have so many come and go in every way, up to %d, for the duration:\n"+
		"fails if the server's memory, goroutines or files grow", load.MaxChurners))
	f.StringVar(&joinRate, "join-rate", "200/s", fmt.Sprintf("joins per second, up to %d; all within %v", load.MaxJoinRate, load.MaxBurst))
	f.IntVar(&o.AtOnce, "at-once", 8, fmt.Sprintf("viewers that join at the same time, up to %d", load.MaxAtOnce))
	f.StringVar(&o.Profile, "profile", "", "folder for CPU, allocation and heap profiles of the spawned server, taken in the measurement")
	f.BoolVar(&o.JoinMedia, "join-media", false, "they join as viewers of the first publisher, and a join ends with the first packet of media")
	f.BoolVar(&o.NoFloor, "no-floor", false, "do not measure the floor")
	f.StringVar(&o.Region, "region", "us-east-1", "region of the signatures")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&verbose, "verbose", false, "show what a spawned server prints")
	f.Usage = func() {
		_, _ = fmt.Fprintf(stderr, "Usage: proscenium-load (--server URL | --spawn PATH) [flags]\n\n%s\n"+
			"Credentials: PROSCENIUM_ACCESS_KEY_ID and PROSCENIUM_SECRET_ACCESS_KEY, test and test by default.\n", f.FlagUsages())
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	var err error
	if o.Bitrate, err = parseBitrate(bitrate); err != nil {
		return err
	}
	if o.JoinRate, err = strconv.ParseFloat(strings.TrimSuffix(joinRate, "/s"), 64); err != nil {
		return fmt.Errorf("join rate %q is not a number per second, such as 200/s", joinRate)
	}
	o.AccessKey, o.SecretKey = credential("PROSCENIUM_ACCESS_KEY_ID"), credential("PROSCENIUM_SECRET_ACCESS_KEY")
	o.Progress = stderr
	if verbose {
		o.ServerOutput = stderr
	}
	if churn > 0 {
		return soak(ctx, o, churn, asJSON, stdout)
	}
	r, err := load.Run(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		return r.WriteJSON(stdout)
	}
	return r.WriteTable(stdout)
}

// soak has participants come and go, and fails if the server keeps anything of them.
func soak(ctx context.Context, o load.Options, churners int, asJSON bool, stdout io.Writer) error {
	s, err := load.RunSoak(ctx, load.SoakOptions{
		Server: o.Server, AccessKey: o.AccessKey, SecretKey: o.SecretKey, Region: o.Region, Spawn: o.Spawn, ServerPID: o.ServerPID,
		Churners: churners, Bitrate: o.Bitrate, Duration: o.Duration, Progress: o.Progress, ServerOutput: o.ServerOutput,
	})
	if err != nil {
		return err
	}
	write := s.WriteTable
	if asJSON {
		write = s.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if len(s.Growth) > 0 || s.Failures > 0 {
		return fmt.Errorf("%d figures grew, %d joins or calls failed", len(s.Growth), s.Failures)
	}
	return nil
}

func credential(name string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return "test"
}

// parseBitrate reads "1500000", "800k" or "1.5M".
func parseBitrate(s string) (int, error) {
	factor := 1.0
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		factor = 1e3
	case strings.HasSuffix(s, "M"):
		factor = 1e6
	}
	n, err := strconv.ParseFloat(strings.TrimRight(s, "kKM"), 64)
	if err != nil || math.IsNaN(n) || n <= 0 || n*factor > load.MaxBitrate {
		return 0, fmt.Errorf("bitrate %q is not a number up to %d, with k or M for thousands or millions", s, load.MaxBitrate)
	}
	return int(n * factor), nil
}
