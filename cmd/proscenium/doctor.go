package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/doctor"
	"github.com/proscenium-live/proscenium/internal/node"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// checkup is one run of the doctor.
type checkup struct {
	config   *config.Config
	endpoint string
	stun     string
	asJSON   bool
}

// errUnwell says that something does not work; what, has been printed.
var errUnwell = errors.New("something does not work: see the lines that begin with fail")

func newDoctor() *cobra.Command {
	d := checkup{config: config.New()}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what keeps clients from the server, and say what to change",
		Long: "Find out what keeps clients from the server, or the server from keeping up, and say what to change.\n\n" +
			"Called with the settings of a server, on its machine, it looks at ports, addresses, TLS, limits, data dir and\n" +
			"database; if the server runs, it is asked to answer at the addresses that it tells clients.\n" +
			"With --endpoint it asks a server elsewhere: whether media, TURN and clocks work from here.\n\n" +
			"The status is 1 if something does not work. docs/doctor.md explains each finding.",
		Example: "  proscenium doctor --config /etc/proscenium.yaml --stun stun.example.org:3478\n" +
			"  PROSCENIUM_ACCESS_KEY_ID=... PROSCENIUM_SECRET_ACCESS_KEY=... proscenium doctor --endpoint https://live.example.org",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&d.endpoint, "endpoint", "", "ask the server at this URL, from here, and look at nothing else")
	flags.StringVar(&d.stun, "stun", "", "a STUN server, host:port, that is asked for this machine's public address")
	flags.BoolVar(&d.asJSON, "json", false, "print JSON")
	d.config.AddFlags(flags)
	return cmd
}

func (d *checkup) run(cmd *cobra.Command) error {
	if err := d.config.Load(config.Sources{Env: os.LookupEnv, ReadFile: os.ReadFile}); err != nil {
		return err
	}
	look := d.here
	if d.endpoint != "" {
		look = d.there
	}
	findings, err := look(cmd.Context())
	if err != nil {
		return err
	}
	if d.asJSON {
		err = writeJSON(cmd.OutOrStdout(), findings)
	} else {
		err = printFindings(cmd.OutOrStdout(), findings)
	}
	if err == nil && doctor.Worst(findings) == doctor.Fail {
		err = errUnwell
	}
	return err
}

// here looks at this machine, and at the server on it if there is one.
func (d *checkup) here(ctx context.Context) ([]doctor.Finding, error) {
	plan, err := node.DoctorPlan(d.config)
	if err != nil {
		return nil, err
	}
	plan.STUN = d.stun
	findings := doctor.Examine(ctx, plan, doctor.Machine{})
	running := false
	for _, f := range findings {
		running = running || f.Check == "server" && f.Level == doctor.OK
	}
	if !running {
		return findings, nil
	}
	c, err := d.caller(localEndpoint(d.config, plan.PublicURL))
	if err != nil {
		return append(findings, notAsked(err)), nil
	}
	return append(findings, probe(ctx, c, true)...), nil
}

// localEndpoint returns where the server on this machine is asked.
func localEndpoint(c *config.Config, public string) string {
	host, port, err := net.SplitHostPort(c.HTTP)
	if err != nil || c.TLS.On() { // by the name that its certificate has
		return public
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// there asks a server elsewhere.
func (d *checkup) there(ctx context.Context) ([]doctor.Finding, error) {
	c, err := d.caller(strings.TrimSuffix(d.endpoint, "/"))
	if err != nil {
		return nil, err
	}
	var seen struct {
		Time     time.Time
		Findings []doctor.Finding
	}
	began := time.Now()
	if err := c.operate(ctx, http.MethodGet, "/admin/v1/doctor", nil, &seen); err != nil {
		return nil, err
	}
	middle := began.Add(time.Since(began) / 2)
	findings := append(seen.Findings, doctor.HowFar("clock.server", "the server's", seen.Time, middle))
	return append(findings, probe(ctx, c, false)...), nil
}

// probe has the server answer at the addresses that it tells clients.
func probe(ctx context.Context, c caller, inside bool) []doctor.Finding {
	var p doctor.Probe
	if err := c.operate(ctx, http.MethodPost, "/admin/v1/doctor/probe", struct{}{}, &p); err != nil {
		return []doctor.Finding{notAsked(err)}
	}
	return doctor.Reach(ctx, p, inside)
}

func notAsked(err error) doctor.Finding {
	return doctor.Finding{
		Check: "reach", Level: doctor.Skip, Found: fmt.Sprintf("the server was not asked to answer: %v", err),
		Change: "Set PROSCENIUM_ACCESS_KEY_ID and PROSCENIUM_SECRET_ACCESS_KEY to a key that may proscenium:GetDoctor and proscenium:CreateDoctorProbe.",
	}
}

// caller calls with the root credentials of the settings, or those that the server has made, or the default.
func (d *checkup) caller(endpoint string) (caller, error) {
	key := sigv4.OneKey{AccessKeyID: d.config.AccessKeyID, SecretKey: string(d.config.SecretAccessKey)}
	if key.AccessKeyID == "" {
		f := tokenFlags{endpoint: endpoint, region: d.config.Region, dataDir: d.config.DataDir}
		return f.caller()
	}
	return caller{endpoint: endpoint, signer: sigv4.Signer{Key: key, Region: d.config.Region, Service: "ivs"}}, nil
}

func writeJSON(w io.Writer, findings []doctor.Finding) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Level    doctor.Level     `json:"level"`
		Findings []doctor.Finding `json:"findings"`
	}{doctor.Worst(findings), findings})
}

func printFindings(w io.Writer, findings []doctor.Finding) error {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%-5s %-18s %s\n", f.Level, f.Check, f.Found)
		if f.Meaning != "" {
			fmt.Fprintf(&b, "%25s%s\n", "", f.Meaning)
		}
		if f.Change != "" {
			fmt.Fprintf(&b, "%25sTo change it: %s\n", "", f.Change)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
