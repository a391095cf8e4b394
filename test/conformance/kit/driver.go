package kit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Driver is a client in another language: a process that reads calls and writes answers, a JSON object a line.
type Driver struct {
	name    string
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// order is a call as drivers read it.
type order struct {
	API       string         `json:"api"`
	Operation string         `json:"operation"`
	Input     map[string]any `json:"input"`
}

// Languages are the drivers there are: what the page calls them, and how they are started, in the folder
// test/conformance.
var Languages = []struct {
	Name    string
	Command []string
	Probe   []string // ends well where the driver can run
	Needs   string   // what is missing where it cannot
}{
	{"JS SDK v2", []string{"node", "js/driver.js", "v2"}, []string{"node", "js/driver.js", "probe-v2"}, "npm ci in test/conformance/js"},
	{"JS SDK v3", []string{"node", "js/driver.js", "v3"}, []string{"node", "js/driver.js", "probe-v3"}, "npm ci in test/conformance/js"},
	{"boto3", []string{"python3", "-B", "python/driver.py", "boto3"}, []string{"python3", "-B", "python/driver.py", "probe-boto3"}, "pip install boto3"},
	{"AWS CLI", []string{"python3", "-B", "python/driver.py", "cli"}, []string{"python3", "-B", "python/driver.py", "probe-cli"}, "pip install awscli"},
}

// StartDriver starts a driver; folder is test/conformance. It returns an error that says what is missing where
// the driver cannot run.
func StartDriver(ctx context.Context, target Target, folder, name string) (*Driver, error) {
	for _, l := range Languages {
		if l.Name != name {
			continue
		}
		probe := exec.CommandContext(ctx, l.Probe[0], l.Probe[1:]...) //nolint:gosec // from the list above
		probe.Dir = folder
		if err := probe.Run(); err != nil {
			return nil, fmt.Errorf("%s is not installed (%s): %w", name, l.Needs, err)
		}
		return start(ctx, target, folder, name, l.Command)
	}
	return nil, fmt.Errorf("there is no client %q", name)
}

func start(ctx context.Context, target Target, folder, name string, command []string) (*Driver, error) {
	p := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // from the list above
	p.Dir = folder
	p.Stderr = os.Stderr
	p.Env = append(os.Environ(),
		"ENDPOINT="+target.Endpoints[Realtime], "CHANNEL_ENDPOINT="+target.Endpoints[Channel],
		"AWS_REGION="+target.Region, "AWS_DEFAULT_REGION="+target.Region,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID="+target.Key, "AWS_SECRET_ACCESS_KEY="+target.Secret,
		"AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1", "NODE_NO_WARNINGS=1")
	if target.Token != "" {
		p.Env = append(p.Env, "AWS_SESSION_TOKEN="+target.Token)
	}
	in, err := p.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	return &Driver{name, p, in, bufio.NewReaderSize(out, 1<<20)}, nil
}

// Name returns what the page calls it.
func (d *Driver) Name() string { return d.name }

// Call has the driver make a call.
func (d *Driver) Call(_ context.Context, c Case, _ *Operation, input map[string]any) (Answer, error) {
	line, err := json.Marshal(order{c.API, c.Operation, input})
	if err != nil {
		return Answer{}, err
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return Answer{}, err
	}
	reply, err := d.out.ReadBytes('\n')
	if err != nil {
		return Answer{}, fmt.Errorf("%s ended: %w", d.name, err)
	}
	var a Answer
	return a, json.Unmarshal(reply, &a)
}

// Close ends the process.
func (d *Driver) Close() error { return errors.Join(d.in.Close(), d.process.Wait()) }
