package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node"
)

func newServe() *cobra.Command {
	c := config.New()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server until it is told to stop (SIGTERM or ctrl-C; a second time stops it at once).\n\n" +
			"Each flag can also be given in the environment (--data-dir is PROSCENIUM_DATA_DIR) and in a YAML file\n" +
			"(data_dir). A flag wins over the environment, the environment over the file. Some settings exist in the\n" +
			"file only, and the root credentials in file and environment: docs/configuration.md has them all.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.Load(config.Sources{Env: os.LookupEnv, ReadFile: os.ReadFile}); err != nil {
				return err
			}
			return serve(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().SortFlags = false
	c.AddFlags(cmd.Flags())
	return cmd
}

// serve runs a node until a signal comes. The banner goes to out, the log to errOut.
func serve(ctx context.Context, c *config.Config, out, errOut io.Writer) error {
	log := newLog(c, errOut)
	for _, name := range c.Unknown(os.Environ()) {
		log.Warn("variable names no setting", "variable", name)
	}
	collectEarly()
	ctx, stop := untilSignal(ctx, log)
	defer stop()
	n, err := node.Open(ctx, node.Options{Config: c, Log: log, Version: cmp.Or(version, "dev")})
	if err != nil {
		return err
	}
	if n.Credentials().Default {
		log.Warn("root credentials are test/test, which is for trying things out on one machine; " +
			"set PROSCENIUM_ACCESS_KEY_ID and PROSCENIUM_SECRET_ACCESS_KEY")
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		select {
		case <-n.Ready():
			banner{node: n, config: c}.print(ctx, out)
		case <-ctx.Done():
		}
	}()
	err = n.Run(ctx)
	stop()
	<-printed
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// collectEarly has garbage collected when there is half as much of it as there are live objects. Packets make none, so
// collections are rare, and Go's default of as much again is memory for nothing: a seventh of what a hundred
// viewers take. Whoever has set GOGC knows better.
func collectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// echo is how soon a second signal is taken for the first one: timeout(1) and some supervisors signal the
// process and then its group, so that one wish arrives twice.
const echo = 300 * time.Millisecond

// untilSignal returns a context that ends with the first SIGTERM or SIGINT. The second ends the process, for
// whoever does not want to wait until the node has drained. The function that it returns ends the watch.
func untilSignal(parent context.Context, log *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	over := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	go func() {
		defer signal.Stop(signals)
		var first time.Time
		for {
			select {
			case s := <-signals:
				switch {
				case first.IsZero():
					first = time.Now()
					log.Info("told to stop", "signal", s.String())
					cancel()
				case time.Since(first) > echo:
					log.Warn("told to stop at once", "signal", s.String())
					os.Exit(1)
				}
			case <-over:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(over)
		cancel()
	})
}

func newLog(c *config.Config, out io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if strings.EqualFold(c.LogFormat, "json") {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}

// banner says where everything is, once it is.
type banner struct {
	node   *node.Node
	config *config.Config
}

func (b banner) print(ctx context.Context, out io.Writer) {
	url, keys := b.node.PublicURL(), b.node.Credentials()
	fmt.Fprintf(out, "\n  proscenium %s\n\n", cmp.Or(version, "dev"))
	fmt.Fprintf(out, "  Console      %s/console/\n", url)
	fmt.Fprintf(out, "  API          %s  (region %s, account %s)\n", url, b.config.Region, b.config.AccountID)
	fmt.Fprintf(out, "  WHIP         %s/whip\n", url)
	fmt.Fprintf(out, "  Data         %s\n", b.node.DataDir())
	fmt.Fprintf(out, "  Credentials  %s\n\n", describe(keys))
	fmt.Fprintf(out, "  Make a stage:\n\n    %s aws ivs-realtime create-stage --endpoint-url %s --region %s --name my-first\n\n",
		environment(keys), url, b.config.Region)
	if !b.config.Demo {
		return
	}
	select {
	case link := <-b.node.DemoLink():
		fmt.Fprintf(out, "  Watch the welcome stage:\n\n    %s\n\n", link)
	case <-ctx.Done():
	}
}

func describe(c node.Credentials) string {
	switch {
	case c.Default:
		return "access key test, secret test: " + c.Source
	case c.File != "":
		return "made by the server, kept in " + c.File
	}
	return "access key " + c.AccessKeyID + ", from " + c.Source
}

// environment is what to put before a command of the AWS tools. Secrets that were given are not repeated.
func environment(c node.Credentials) string {
	switch {
	case c.Default:
		return fmt.Sprintf("AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s", c.AccessKeyID, string(c.SecretAccessKey))
	case c.File != "":
		return "AWS_SHARED_CREDENTIALS_FILE=" + c.File
	}
	return fmt.Sprintf("AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=...", c.AccessKeyID)
}
