// Command run points the conformance kit at an endpoint and writes one JSON object a case.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/proscenium-live/proscenium/test/conformance/kit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	target  kit.Target
	clients []string
	suites  []string
	folder  string
	aws     bool
	vars    map[string]string
}

func parse(args []string) (options, error) {
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	o := options{vars: map[string]string{"account": "000000000000", "bucket": "conformance"}}
	endpoint := f.String("endpoint", "http://127.0.0.1:7400", "of the Real-Time API")
	channel := f.String("channel-endpoint", "", "of the low-latency API (the same)")
	f.StringVar(&o.target.Region, "region", "us-east-1", "that signatures are scoped to")
	f.StringVar(&o.target.Key, "key", "test", "id of the access key")
	f.StringVar(&o.target.Secret, "secret", "test", "its secret; @FILE reads it from a file")
	f.StringVar(&o.target.Token, "session-token", "", "of a temporary key")
	clients := f.String("clients", "raw", "comma-separated: "+strings.Join(kit.Columns, ", "))
	suites := f.String("suites", "", "comma-separated names of suites (all)")
	f.StringVar(&o.folder, "folder", filepath.Join("test", "conformance"), "where the drivers of other languages are")
	f.BoolVar(&o.aws, "aws", false, "the endpoint is AWS: messages may differ, cases marked so are left out")
	f.Func("set", "NAME=VALUE of a variable: account, bucket, and pubStage, session and participant of somebody who publishes", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want NAME=VALUE")
		}
		o.vars[name] = value
		return nil
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *channel == "" {
		*channel = *endpoint
	}
	o.vars["region"] = o.target.Region
	o.target.Endpoints = map[string]string{kit.Realtime: *endpoint, kit.Channel: *channel}
	o.clients, o.suites = strings.Split(*clients, ","), split(*suites)
	if file, ok := strings.CutPrefix(o.target.Secret, "@"); ok {
		text, err := os.ReadFile(file)
		if err != nil {
			return o, err
		}
		o.target.Secret = strings.TrimSpace(string(text))
	}
	return o, nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	contracts, err := kit.Contracts()
	if err != nil {
		return err
	}
	suites, err := kit.Chosen(o.suites)
	if err != nil {
		return err
	}
	raw := kit.NewRaw(o.target, contracts)
	defer raw.Close()
	failed := 0
	write := json.NewEncoder(out)
	for _, name := range o.clients {
		client, err := kit.Open(ctx, o.target, contracts, o.folder, strings.TrimSpace(name))
		if err != nil {
			return err
		}
		err = kit.Run(ctx, kit.Options{
			Client: client, Cleaner: raw, Suites: kit.For(client.Name(), suites), Contracts: contracts, Vars: o.vars, AWS: o.aws,
			Result: func(r kit.Result) {
				if !r.Pass && r.Skipped == "" {
					failed++
				}
				_ = write.Encode(r)
			},
		})
		if err = errors.Join(err, client.Close()); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d cases did not pass", failed)
	}
	return nil
}
