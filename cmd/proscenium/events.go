package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// eventsFlags say which events are shown.
type eventsFlags struct {
	tokenFlags
	follow  bool
	after   int64
	from    string
	pattern string
	limit   int
}

func newEvents() *cobra.Command {
	f := &eventsFlags{}
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show the events that the outside is told",
		Long:  "Show the events that the outside is told, one in a line, as EventBridge has them.",
		Example: "  proscenium events --follow\n" +
			`  proscenium events --from 2026-01-02T03:04:05Z --pattern '{"detail":{"event_name":["Participant Published"]}}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.caller()
			if err != nil {
				return err
			}
			if f.follow {
				return f.stream(cmd, c)
			}
			return f.list(cmd, c)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.follow, "follow", false, "go on with those to come; without --after and --from, show only them")
	flags.Int64Var(&f.after, "after", -1, "those after this number")
	flags.StringVar(&f.from, "from", "", "those since this time, such as 2026-01-02T03:04:05Z")
	flags.StringVar(&f.pattern, "pattern", "", "which events, in EventBridge's language")
	flags.IntVar(&f.limit, "limit", 100, "how many, without --follow")
	addServerFlags(flags, &f.tokenFlags)
	return cmd
}

func (f *eventsFlags) query() url.Values {
	q := url.Values{}
	if f.after >= 0 {
		q.Set("after", strconv.FormatInt(f.after, 10))
	}
	if f.from != "" {
		q.Set("from", f.from)
	}
	if f.pattern != "" {
		q.Set("pattern", f.pattern)
	}
	return q
}

func (f *eventsFlags) list(cmd *cobra.Command, c caller) error {
	q := f.query()
	q.Set("limit", strconv.Itoa(f.limit))
	var out struct {
		Events []struct{ Event json.RawMessage }
	}
	if err := c.operate(cmd.Context(), http.MethodGet, "/admin/v1/events?"+q.Encode(), nil, &out); err != nil {
		return err
	}
	for _, e := range out.Events {
		fmt.Fprintln(cmd.OutOrStdout(), string(e.Event))
	}
	return nil
}

// maxLine bounds one event of a stream.
const maxLine = 1 << 20

func (f *eventsFlags) stream(cmd *cobra.Command, c caller) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	answer, err := c.ask(ctx, http.MethodGet, "/admin/v1/events/stream?"+f.query().Encode(), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			fmt.Fprintln(cmd.OutOrStdout(), data)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream broke: %w", err)
	}
	return fmt.Errorf("the server has ended the stream")
}
