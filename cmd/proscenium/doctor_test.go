package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/doctor"
)

// examine runs the command and returns its findings by check, the worst of each.
func examine(t *testing.T, args ...string) (map[string]doctor.Finding, error) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := newCommand(&out, &errOut)
	cmd.SetArgs(append([]string{"doctor", "--json"}, args...))
	err := cmd.ExecuteContext(t.Context())
	var told struct {
		Level    doctor.Level
		Findings []doctor.Finding
	}
	if bad := json.Unmarshal(out.Bytes(), &told); bad != nil {
		t.Fatalf("%v in %s (%v)", bad, out.String(), err)
	}
	found := map[string]doctor.Finding{}
	for _, f := range told.Findings {
		if old, ok := found[f.Check]; !ok || doctor.Worst([]doctor.Finding{old, f}) == f.Level {
			found[f.Check] = f
		}
	}
	if told.Level != doctor.Worst(told.Findings) {
		t.Errorf("level is %s", told.Level)
	}
	return found, err
}

func TestDoctor_ExaminesTheServerOnThisMachine(t *testing.T) {
	dir := t.TempDir()
	s := serveBinary(t, dir, nil, "--turn-listen", "127.0.0.1:0")
	found, err := examine(t, "--data-dir", dir, "--http", strings.TrimPrefix(s.url, "http://"), "--media", "127.0.0.1:0")
	if err != nil {
		t.Errorf("a server that is well gives %v", err)
	}
	for _, check := range []string{"server", "ports.http", "ports.media", "nat.addresses", "tls", "data.folder", "database", "reach.udp", "reach.tcp", "reach.turn"} {
		if found[check].Level != doctor.OK {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
}

func TestDoctor_AsksAServerElsewhere(t *testing.T) {
	s := serveBinary(t, t.TempDir(), nil)
	found, err := examine(t, "--endpoint", s.url)
	if err != nil {
		t.Error(err)
	}
	for _, check := range []string{"clock.server", "reach.udp", "reach.tcp", "database"} {
		if found[check].Level != doctor.OK {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	var out, errOut bytes.Buffer
	cmd := newCommand(&out, &errOut)
	cmd.SetArgs([]string{"doctor", "--endpoint", "http://127.0.0.1:1"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "is the server running?") {
		t.Errorf("nobody there gives %v", err)
	}
}

func TestDoctor_EndsWithAnErrorWhereSomethingDoesNotWork(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	go func() { // somebody, but no server of ours
		for {
			c, err := taken.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	found, err := examine(t, "--data-dir", t.TempDir(), "--http", taken.Addr().String(), "--media", "127.0.0.1:0")
	if !errors.Is(err, errUnwell) || found["ports.http"].Level != doctor.Fail || found["server"].Level != doctor.Skip {
		t.Errorf("a port that is taken gives %v, %+v", err, found["ports.http"])
	}
	var out, errOut bytes.Buffer
	cmd := newCommand(&out, &errOut)
	cmd.SetArgs([]string{"doctor", "--data-dir", t.TempDir(), "--http", taken.Addr().String(), "--media", "127.0.0.1:0"})
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, errUnwell) {
		t.Errorf("as text it gives %v", err)
	}
	if text := out.String(); !strings.Contains(text, "fail  ports.http") || !strings.Contains(text, "To change it: See who has it") {
		t.Errorf("it says\n%s", text)
	}
}
