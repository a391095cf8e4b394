package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/proscenium-live/proscenium/internal/notify"
)

// addServerFlags adds those that say which server is asked.
func addServerFlags(flags *pflag.FlagSet, f *tokenFlags) {
	flags.StringVar(&f.endpoint, "endpoint", "http://127.0.0.1:7400", "the server")
	flags.StringVar(&f.region, "region", "us-east-1", "the server's region")
	flags.StringVar(&f.dataDir, "data-dir", "./data", "the server's data dir, if its credentials were made there")
}

// ask signs and sends a request to an endpoint for operators.
func (c caller) ask(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	c.signer.Sign(r, body, time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("is the server running? %w", err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	var fault struct{ Message string }
	data, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if json.Unmarshal(data, &fault) != nil || fault.Message == "" {
		fault.Message = answer.Status
	}
	return nil, fmt.Errorf("%s", fault.Message)
}

// operate is ask for answers that are read at once.
func (c caller) operate(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	answer, err := c.ask(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out)
}

func newTargets() *cobra.Command {
	f := &tokenFlags{}
	cmd := &cobra.Command{
		Use:   "targets",
		Short: "Say who is told of events",
		Long:  "Say who is told of events: add targets to a running server, look after them, remove them.",
		Args:  cobra.NoArgs,
	}
	addServerFlags(cmd.PersistentFlags(), f)
	cmd.AddCommand(newTargetsList(f), newTargetsAdd(f), newTargetsRemove(f), newTargetsTest(f), newTargetsRotate(f), newTargetsReplay(f))
	return cmd
}

func newTargetsList(f *tokenFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the targets and how they do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.caller()
			if err != nil {
				return err
			}
			var out struct{ Targets []notify.View }
			if err := c.operate(cmd.Context(), http.MethodGet, "/admin/v1/targets", nil, &out); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tKIND\tSTATE\tDELIVERED\tFAILED\tBEHIND\tWHERE\tLAST ERROR")
			for _, v := range out.Targets {
				why := v.LastError
				if v.Why != "" {
					why = v.Why
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%q\t%q\n", v.Name, v.Kind, v.State, v.Delivered, v.Failed, v.Behind, v.URL+v.Subject, why)
			}
			return w.Flush()
		},
	}
}

func newTargetsAdd(f *tokenFlags) *cobra.Command {
	it := notify.Settings{}
	var pattern string
	cmd := &cobra.Command{
		Use:   "add NAME --kind KIND",
		Short: "Add a target; it is told of what happens from now on",
		Long: "Add a target; it is told of what happens from now on. The secret that signs what a webhook gets goes to\n" +
			"the standard output, once. Other secrets are read from the environment: PROSCENIUM_TARGET_SECRET (of a\n" +
			"webhook), PROSCENIUM_TARGET_ACCESS_KEY_ID, PROSCENIUM_TARGET_SECRET_ACCESS_KEY, PROSCENIUM_TARGET_TOKEN.",
		Example: "  proscenium targets add billing --kind webhook --url https://example.org/hook\n" +
			`  proscenium targets add errors --kind webhook --url https://example.org/e --pattern '{"detail":{"event_name":[{"suffix":"Error"}]}}'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.caller()
			if err != nil {
				return err
			}
			it.Name = args[0]
			if pattern != "" {
				if it.Pattern = json.RawMessage(pattern); !json.Valid(it.Pattern) {
					return fmt.Errorf("--pattern is not JSON")
				}
			}
			it.Secret, it.Token = os.Getenv("PROSCENIUM_TARGET_SECRET"), os.Getenv("PROSCENIUM_TARGET_TOKEN")
			it.AccessKeyID, it.SecretAccessKey = os.Getenv("PROSCENIUM_TARGET_ACCESS_KEY_ID"), os.Getenv("PROSCENIUM_TARGET_SECRET_ACCESS_KEY")
			var out struct{ Secret string }
			if err := c.operate(cmd.Context(), http.MethodPost, "/admin/v1/targets", it, &out); err != nil {
				return err
			}
			if out.Secret != "" {
				fmt.Fprintln(cmd.OutOrStdout(), out.Secret)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&it.Kind, "kind", "webhook", "webhook, eventbridge, sqs, nats or stdout")
	flags.StringVar(&it.URL, "url", "", "where it is: the webhook, the queue, the NATS server, EventBridge's endpoint")
	flags.StringVar(&pattern, "pattern", "", "which events, in EventBridge's language (default: all)")
	flags.StringVar(&it.Envelope, "envelope", "", "cloudevents, or none")
	flags.StringVar(&it.Subject, "subject", "", "subject of NATS")
	flags.StringVar(&it.Bus, "bus", "", "event bus of EventBridge")
	flags.StringVar(&it.Source, "source", "", "source told to EventBridge in place of aws.ivs")
	flags.StringVar(&it.Region, "target-region", "", "region of EventBridge or SQS")
	return cmd
}

func newTargetsRemove(f *tokenFlags) *cobra.Command {
	return onTarget(f, "remove NAME", "Remove a target", func(cmd *cobra.Command, c caller, path string) error {
		return c.operate(cmd.Context(), http.MethodDelete, path, nil, nil)
	})
}

func newTargetsTest(f *tokenFlags) *cobra.Command {
	return onTarget(f, "test NAME", "Send a target an event of its own, and say how that went", func(cmd *cobra.Command, c caller, path string) error {
		var out struct {
			OK           bool
			Error        string
			Milliseconds int64
		}
		if err := c.operate(cmd.Context(), http.MethodPost, path+"/test", nil, &out); err != nil {
			return err
		}
		if !out.OK {
			return fmt.Errorf("the target did not take it: %s", strings.ToValidUTF8(out.Error, ""))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "taken after %d ms\n", out.Milliseconds)
		return nil
	})
}

func newTargetsRotate(f *tokenFlags) *cobra.Command {
	return onTarget(f, "rotate NAME", "Give a webhook a new secret; the one before signs too for a day", func(cmd *cobra.Command, c caller, path string) error {
		var out struct{ Secret string }
		if err := c.operate(cmd.Context(), http.MethodPost, path+"/rotate", nil, &out); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), out.Secret)
		return nil
	})
}

func newTargetsReplay(f *tokenFlags) *cobra.Command {
	var after int64
	var from string
	cmd := onTarget(f, "replay NAME", "Tell a target again; one that was off is on again", func(cmd *cobra.Command, c caller, path string) error {
		in := map[string]any{"after": after}
		if from != "" {
			in = map[string]any{"from": from}
		}
		return c.operate(cmd.Context(), http.MethodPost, path+"/replay", in, nil)
	})
	cmd.Flags().Int64Var(&after, "after", 0, "from the event after this number (default: all that are kept)")
	cmd.Flags().StringVar(&from, "from", "", "from this time, such as 2026-01-02T03:04:05Z")
	return cmd
}

// onTarget makes a command about one target.
func onTarget(f *tokenFlags, use, short string, do func(cmd *cobra.Command, c caller, path string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.caller()
			if err != nil {
				return err
			}
			if strings.ContainsAny(args[0], "/?#%") {
				return fmt.Errorf("%q is not the name of a target", args[0])
			}
			return do(cmd, c, "/admin/v1/targets/"+args[0])
		},
	}
}
