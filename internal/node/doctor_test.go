package node

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/doctor"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// operate calls an endpoint for operators.
func operate(t *testing.T, n *Node, method, path string, out any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.PublicURL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	keys := n.Credentials()
	sigv4.Signer{
		Key:    sigv4.OneKey{AccessKeyID: keys.AccessKeyID, SecretKey: string(keys.SecretAccessKey)},
		Region: n.config.Region, Service: "ivs",
	}.Sign(r, nil, time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
	}
	return answer.StatusCode
}

func TestDoctor_ExaminesARunningServer(t *testing.T) {
	n := open(t, settings(t))
	run(t, n)
	var seen examination
	if status := operate(t, n, http.MethodGet, "/admin/v1/doctor", &seen); status != http.StatusOK {
		t.Fatalf("answers %d", status)
	}
	checks := map[string]doctor.Level{}
	for _, f := range seen.Findings {
		checks[f.Check] = f.Level
		if strings.HasPrefix(f.Check, "ports.") {
			t.Errorf("a server finds that it has its own port: %+v", f)
		}
	}
	for _, name := range []string{"nat.addresses", "tls", "files", "data.folder", "database"} {
		if checks[name] == "" || checks[name] == doctor.Fail {
			t.Errorf("%s is %q", name, checks[name])
		}
	}
	if off := time.Since(seen.Time); off < -time.Minute || off > time.Minute {
		t.Errorf("the time is %v", seen.Time)
	}
	for _, path := range []string{"/admin/v1/doctor", "/admin/v1/doctor/probe"} { // nobody else is told
		if status, _, _ := get(t, n.PublicURL()+path); status != http.StatusForbidden && status != http.StatusMethodNotAllowed && status != http.StatusNotFound {
			t.Errorf("without a signature %s answers %d", path, status)
		}
	}
}

func TestDoctor_ReachesMediaAndRelays(t *testing.T) {
	n := open(t, settings(t, "--turn-listen", "127.0.0.1:0"))
	run(t, n)
	var p doctor.Probe
	if status := operate(t, n, http.MethodPost, "/admin/v1/doctor/probe", &p); status != http.StatusOK {
		t.Fatalf("answers %d", status)
	}
	found := doctor.Reach(t.Context(), p, false)
	if len(found) != 4 {
		t.Errorf("%d findings, want UDP, TCP and two ways to TURN", len(found))
	}
	for _, f := range found {
		if f.Level != doctor.OK {
			t.Errorf("%+v", f)
		}
	}
	p.Password = "guessed"
	if got := doctor.Worst(doctor.Reach(t.Context(), doctor.Probe{Username: p.Username, Password: p.Password, Media: p.Media}, false)); got != doctor.Fail {
		t.Errorf("with a guessed password it is %s", got)
	}
}

func TestDoctorPlan_FollowsTheSettings(t *testing.T) {
	c := settings(t, "--http", "0.0.0.0:443", "--media", "0.0.0.0:7401,[::1]:7402", "--media-address", "203.0.113.7",
		"--tls-domain", "live.example.org", "--turn-listen", "0.0.0.0:3478", "--turn-listen-tls", "0.0.0.0:5349", "--turn-host", "relay.example.org")
	p, err := DoctorPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	if p.PublicURL != "https://live.example.org" || len(p.Told) != 1 || p.Told[0].String() != "203.0.113.7:7401" {
		t.Errorf("clients are told %s and %v", p.PublicURL, p.Told)
	}
	if got := strings.Join(p.Names, " "); got != "live.example.org relay.example.org" {
		t.Errorf("certificates are for %s", got)
	}
	var all []string
	for _, l := range p.Listeners {
		all = append(all, l.Setting+" "+l.Address)
	}
	want := "http 0.0.0.0:443, media 0.0.0.0:7401, media [::1]:7402, turn.listen 0.0.0.0:3478, turn.listen_tls 0.0.0.0:5349"
	if got := strings.Join(all, ", "); got != want {
		t.Errorf("listeners are %s, want %s", got, want)
	}
	if d, err := p.Database(t.Context()); err == nil {
		t.Errorf("a database that is not there is %+v", d)
	}
}
