package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/proscenium-live/proscenium/internal/node"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// tokenFlags are what the token should say, and whom to ask for it.
type tokenFlags struct {
	stage      string
	userID     string
	attributes map[string]string
	publish    bool
	subscribe  bool
	duration   time.Duration
	endpoint   string
	region     string
	dataDir    string
}

func newToken() *cobra.Command {
	f := tokenFlags{}
	cmd := &cobra.Command{
		Use:   "token --stage NAME",
		Short: "Make a participant token for a stage of a running server",
		Long: "Make a participant token for a stage of a running server. The token goes to the standard output, what\n" +
			"else there is to know to the standard error, so that $(proscenium token ...) is the token.\n\n" +
			"Credentials are PROSCENIUM_ACCESS_KEY_ID and PROSCENIUM_SECRET_ACCESS_KEY, or those that the server made\n" +
			"in its data dir, or test/test for a server on this machine.",
		Example: "  proscenium token --stage welcome --subscribe\n" +
			"  proscenium token --stage my-first --user-id ada --attribute role=host --duration 2h",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.stage, "stage", "", "the stage: its ARN, its id or its name")
	flags.StringVar(&f.userID, "user-id", "", "the user the token is for, as your own system calls them")
	flags.StringToStringVar(&f.attributes, "attribute", nil, "key=value that others on the stage see; may be repeated")
	flags.BoolVar(&f.publish, "publish", false, "allow publishing (default: both, unless one of the two is given)")
	flags.BoolVar(&f.subscribe, "subscribe", false, "allow subscribing")
	flags.DurationVar(&f.duration, "duration", 12*time.Hour, "how long the token is good for, in whole minutes up to 336h")
	flags.StringVar(&f.endpoint, "endpoint", "http://127.0.0.1:7400", "the server")
	flags.StringVar(&f.region, "region", "us-east-1", "the server's region")
	flags.StringVar(&f.dataDir, "data-dir", "./data", "the server's data dir, if its credentials were made there")
	_ = cmd.MarkFlagRequired("stage") // it exists
	return cmd
}

func (f *tokenFlags) run(cmd *cobra.Command) error {
	c, err := f.caller()
	if err != nil {
		return err
	}
	arn, err := c.findStage(cmd.Context(), f.stage)
	if err != nil {
		return err
	}
	var out struct {
		ParticipantToken struct{ Token, ParticipantID, ExpirationTime string }
	}
	if err := c.call(cmd.Context(), "CreateParticipantToken", f.request(arn), &out); err != nil {
		return err
	}
	t := out.ParticipantToken
	fmt.Fprintln(cmd.OutOrStdout(), t.Token)
	fmt.Fprintf(cmd.ErrOrStderr(), "participant %s on %s, until %s\nwatch: %s/console/watch#%s\n",
		t.ParticipantID, arn, t.ExpirationTime, c.endpoint, t.Token)
	return nil
}

func (f *tokenFlags) request(arn string) map[string]any {
	rights := []string{}
	if f.publish || !f.subscribe {
		rights = append(rights, "PUBLISH")
	}
	if f.subscribe || !f.publish {
		rights = append(rights, "SUBSCRIBE")
	}
	in := map[string]any{"stageArn": arn, "duration": int(f.duration.Minutes()), "capabilities": rights}
	if f.userID != "" {
		in["userId"] = f.userID
	}
	if len(f.attributes) > 0 {
		in["attributes"] = f.attributes
	}
	return in
}

func (f *tokenFlags) caller() (caller, error) {
	u, err := url.Parse(f.endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return caller{}, fmt.Errorf("--endpoint %q: it must be http://host:port or https://host", f.endpoint)
	}
	key, err := f.credentials(u.Hostname())
	if err != nil {
		return caller{}, err
	}
	return caller{
		endpoint: strings.TrimSuffix(f.endpoint, "/"),
		signer:   sigv4.Signer{Key: key, Region: f.region, Service: "ivs"},
	}, nil
}

func (f *tokenFlags) credentials(host string) (sigv4.OneKey, error) {
	id, secret := os.Getenv("PROSCENIUM_ACCESS_KEY_ID"), os.Getenv("PROSCENIUM_SECRET_ACCESS_KEY")
	if id != "" && secret != "" {
		return sigv4.OneKey{AccessKeyID: id, SecretKey: secret}, nil
	}
	kept, err := node.ReadCredentials(f.dataDir)
	switch {
	case err == nil:
		return sigv4.OneKey{AccessKeyID: kept.AccessKeyID, SecretKey: string(kept.SecretAccessKey)}, nil
	case !errors.Is(err, os.ErrNotExist):
		return sigv4.OneKey{}, err
	case !onThisMachine(host):
		return sigv4.OneKey{}, errors.New("no credentials: set PROSCENIUM_ACCESS_KEY_ID and PROSCENIUM_SECRET_ACCESS_KEY")
	}
	return sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, nil
}

func onThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// findStage returns the ARN of a stage given by its ARN, id or name.
func (c caller) findStage(ctx context.Context, wanted string) (string, error) {
	if strings.HasPrefix(wanted, "arn:") {
		return wanted, nil
	}
	var found []string
	for next := ""; ; {
		var page struct {
			NextToken string
			Stages    []struct{ Arn, Name string }
		}
		in := map[string]any{"maxResults": 100}
		if next != "" {
			in["nextToken"] = next
		}
		if err := c.call(ctx, "ListStages", in, &page); err != nil {
			return "", err
		}
		for _, s := range page.Stages {
			if s.Name == wanted || strings.HasSuffix(s.Arn, "/"+wanted) {
				found = append(found, s.Arn)
			}
		}
		if next = page.NextToken; next == "" {
			break
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no stage %q", wanted)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d stages are named %q; say which by its ARN: %s", len(found), wanted, strings.Join(found, " "))
}
