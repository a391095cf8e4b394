package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// pair makes a certificate and its key.
func pair(t *testing.T, from, to time.Time, names ...string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// well is a plan and a machine on which nothing is to be found fault with.
func well() (Plan, *machine) {
	p := Plan{
		Listeners: []Listener{
			{Setting: "http", Address: "0.0.0.0:443", TCP: true},
			{Setting: "media", Address: "0.0.0.0:7401", UDP: true, TCP: true},
			{Setting: "turn.listen_tls", Address: "0.0.0.0:5349", TCP: true},
		},
		HTTP: "0.0.0.0:443", Encrypted: true, PublicURL: "https://live.example.org",
		Told: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.7:7401")}, Relayed: true,
		Domains: []string{"live.example.org"}, Names: []string{"live.example.org"},
		DataDir: "/var/lib/proscenium", Files: 20000,
		Database: func(context.Context) (Database, error) {
			return Database{Name: "PostgreSQL", Schema: 9, Known: 9, Clock: now}, nil
		},
		STUN: "stun.example.org:3478",
	}
	m := &machine{files: map[string]string{
		"/proc/sys/net/core/rmem_max": "4194304\n", "/proc/sys/net/core/wmem_max": "4194304\n",
	}}
	m.Machine = Machine{
		Now:      func() time.Time { return now },
		ReadFile: m.read,
		Files:    func() (uint64, uint64, error) { return 1024, 65536, nil },
		Free:     func(string) (uint64, error) { return 100 << 30, nil },
		Writable: func(string) error { return nil },
		Interfaces: func() ([]net.Addr, error) {
			return []net.Addr{&net.IPNet{IP: net.IPv4(203, 0, 113, 7), Mask: net.CIDRMask(24, 32)}}, nil
		},
		Bind:   func(context.Context, string, string) error { return nil },
		Get:    func(context.Context, string) (int, []byte, error) { return 0, nil, errors.New("nobody there") },
		Public: func(context.Context, string) (net.IP, error) { return net.IPv4(203, 0, 113, 7), nil },
	}
	return p, m
}

type machine struct {
	Machine
	files map[string]string
}

func (m *machine) read(name string) ([]byte, error) {
	text, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func TestExamine_FindsNoFaultWhereThereIsNone(t *testing.T) {
	p, m := well()
	found := Examine(t.Context(), p, m.Machine)
	if len(found) < 10 {
		t.Errorf("only %d findings", len(found))
	}
	for _, f := range found {
		if f.Level != OK && f.Check != "server" || f.Found == "" {
			t.Errorf("%+v", f)
		}
	}
}

// Each finding, and that it says what to change.
func TestExamine_Findings(t *testing.T) {
	day := 24 * time.Hour
	errno := func(only string, err error) func(context.Context, string, string) error {
		return func(_ context.Context, network, address string) error {
			if strings.HasPrefix(network, only) && strings.HasSuffix(address, ":7401") {
				return &net.OpError{Op: "listen", Err: err}
			}
			return nil
		}
	}
	files := func(from, to time.Time, names ...string) func(*Plan, *machine) {
		return func(p *Plan, m *machine) {
			cert, key := pair(t, from, to, names...)
			m.files["c"], m.files["k"] = string(cert), string(key)
			p.Certificate, p.Key, p.Domains = "c", "k", nil
		}
	}
	told := func(addrs ...string) func(*Plan, *machine) {
		return func(p *Plan, _ *machine) {
			p.Told = nil
			for _, a := range addrs {
				p.Told = append(p.Told, netip.MustParseAddrPort(a))
			}
		}
	}
	database := func(d Database, err error) func(*Plan, *machine) {
		return func(p *Plan, _ *machine) {
			p.Database = func(context.Context) (Database, error) { return d, err }
		}
	}
	for _, tc := range []struct {
		name, check string
		level       Level
		says        string // in found, meaning or change
		ill         func(*Plan, *machine)
	}{
		{"port free", "ports.media", OK, "0.0.0.0:7401/udp is free", func(*Plan, *machine) {}},
		{"port taken", "ports.media", Fail, "ss -lpn 'sport = :7401'", func(_ *Plan, m *machine) { m.Bind = errno("udp", unix.EADDRINUSE) }},
		{"port ours", "ports.media", OK, "by the server that runs", func(_ *Plan, m *machine) {
			m.Bind = errno("", unix.EADDRINUSE)
			m.Get = func(_ context.Context, url string) (int, []byte, error) {
				if url != "https://127.0.0.1:443/readyz" {
					return 404, nil, nil
				}
				return 200, []byte(`{"ready":true,"parts":{"node":"serving"}}`), nil
			}
		}},
		{"data dir ours", "ports.media", OK, "by the server that runs", func(p *Plan, m *machine) {
			m.Bind = errno("", unix.EADDRINUSE)
			p.Locked = func() bool { return true }
		}},
		{"server of another kind", "server", Skip, "proscenium serve", func(_ *Plan, m *machine) {
			m.Get = func(context.Context, string) (int, []byte, error) { return 200, []byte(`<html>`), nil }
		}},
		{"no privilege", "ports.media", Fail, "CAP_NET_BIND_SERVICE", func(_ *Plan, m *machine) { m.Bind = errno("tcp", unix.EACCES) }},
		{"not our address", "ports.media", Fail, "--media-address", func(_ *Plan, m *machine) { m.Bind = errno("udp", unix.EADDRNOTAVAIL) }},
		{"something else", "ports.media", Fail, "--media", func(_ *Plan, m *machine) { m.Bind = errno("udp", unix.EAFNOSUPPORT) }},
		{"asked by the server", "ports.media", "", "", func(p *Plan, _ *machine) { p.Serving = true }},

		{"no address", "nat.addresses", Fail, "--media-address", told()},
		{"loopback for the world", "nat.addresses", Fail, "--media 0.0.0.0:7401", told("127.0.0.1:7401")},
		{"loopback for itself", "nat.addresses", OK, "Only this machine", func(p *Plan, m *machine) {
			told("127.0.0.1:7401")(p, m)
			p.PublicURL = "http://127.0.0.1:7400"
		}},
		{"private", "nat.addresses", Warn, "--media-address", told("10.0.0.5:7401", "100.64.0.9:7401", "[fd00::1]:7401")},
		{"private at home", "nat.addresses", OK, "10.0.0.5", func(p *Plan, m *machine) {
			told("10.0.0.5:7401")(p, m)
			p.PublicURL = "http://10.0.0.5:7400"
		}},
		{"1:1 NAT", "nat.addresses", OK, "a router must pass", told("198.51.100.9:7401")},
		{"no interfaces", "nat.addresses", Skip, "can't be listed", func(_ *Plan, m *machine) {
			m.Interfaces = func() ([]net.Addr, error) { return nil, errors.New("no") }
		}},
		{"public address", "nat.public", OK, "which clients are told", func(*Plan, *machine) {}},
		{"another public address", "nat.public", Warn, "--media-address 198.51.100.9", func(_ *Plan, m *machine) {
			m.Public = func(context.Context, string) (net.IP, error) { return net.IPv4(198, 51, 100, 9), nil }
		}},
		{"no STUN", "nat.public", Skip, "blocked", func(_ *Plan, m *machine) {
			m.Public = func(context.Context, string) (net.IP, error) { return nil, errors.New("no answer") }
		}},

		{"plain for the world", "tls", Warn, "--tls-domain", func(p *Plan, _ *machine) { p.Domains, p.PublicURL = nil, "http://live.example.org" }},
		{"plain behind a proxy", "tls", OK, "proxy", func(p *Plan, _ *machine) { p.Domains = nil }},
		{"plain at home", "tls", OK, "only this machine", func(p *Plan, _ *machine) { p.Domains, p.PublicURL = nil, "http://localhost:7400" }},
		{"no URL", "tls", Fail, "--public-url", func(p *Plan, _ *machine) { p.Domains, p.PublicURL = nil, "http://%" }},
		{"certificate good", "tls", OK, "2026-08-", files(now.Add(-day), now.Add(90*day), "live.example.org")},
		{"certificate over", "tls", Fail, "ended on 2026-05-03", files(now.Add(-90*day), now.Add(-day), "live.example.org")},
		{"certificate early", "tls", Fail, "timedatectl", files(now.Add(day), now.Add(90*day), "live.example.org")},
		{"certificate soon over", "tls", Warn, "in 5 days", files(now.Add(-day), now.Add(5*day+time.Hour), "live.example.org")},
		{"certificate of another", "tls", Fail, "not for live.example.org, but for www.example.org", files(now.Add(-day), now.Add(90*day), "www.example.org")},
		{"certificate of nobody", "tls", Fail, "but for nothing", files(now.Add(-day), now.Add(90*day))},
		{"certificate missing", "tls", Fail, "--tls-cert", func(p *Plan, _ *machine) { p.Certificate, p.Key = "c", "k" }},
		{"certificate and key of two", "tls", Fail, "--tls-key", func(p *Plan, m *machine) {
			files(now.Add(-day), now.Add(day), "a")(p, m)
			_, other := pair(t, now.Add(-day), now.Add(day), "a")
			m.files["k"] = string(other)
		}},
		{"ACME for another name", "tls", Fail, "--tls-domain", func(p *Plan, _ *machine) { p.Names = append(p.Names, "relay.example.org") }},
		{"ACME without a port", "tls", Warn, "--http-redirect 0.0.0.0:80", func(p *Plan, _ *machine) { p.Listeners[0].Address = "0.0.0.0:8443" }},

		{"few files", "files", Warn, "LimitNOFILE=20000", func(_ *Plan, m *machine) {
			m.Files = func() (uint64, uint64, error) { return 1024, 4096, nil }
		}},
		{"files unknown", "files", Skip, "can't be read", func(_ *Plan, m *machine) {
			m.Files = func() (uint64, uint64, error) { return 0, 0, errors.New("no") }
		}},
		{"small buffers in", "udp.rmem_max", Warn, "sysctl -w net.core.rmem_max=4194304", func(_ *Plan, m *machine) {
			m.files["/proc/sys/net/core/rmem_max"] = "212992\n"
		}},
		{"small buffers out", "udp.wmem_max", Warn, "/etc/sysctl.d/", func(_ *Plan, m *machine) {
			m.files["/proc/sys/net/core/wmem_max"] = "212992\n"
		}},
		{"buffers unknown", "udp.rmem_max", Skip, "does not tell", func(_ *Plan, m *machine) { delete(m.files, "/proc/sys/net/core/rmem_max") }},

		{"folder not ours", "data.folder", Fail, "--data-dir", func(_ *Plan, m *machine) {
			m.Writable = func(string) error { return fs.ErrPermission }
		}},
		{"folder to be made", "data.folder", OK, "can be made", func(_ *Plan, m *machine) {
			m.Writable = func(dir string) error {
				if dir == "/var/lib" {
					return nil
				}
				return fs.ErrNotExist
			}
		}},
		{"little space", "data.space", Warn, "Make room", func(_ *Plan, m *machine) {
			m.Free = func(string) (uint64, error) { return 1 << 30, nil }
		}},
		{"no space", "data.space", Fail, "Make room", func(_ *Plan, m *machine) {
			m.Free = func(string) (uint64, error) { return 1 << 20, nil }
		}},
		{"space unknown", "data.space", Skip, "can't be read", func(_ *Plan, m *machine) {
			m.Free = func(string) (uint64, error) { return 0, errors.New("no") }
		}},

		{"database away", "database", Fail, "--database", database(Database{}, errors.New("connection refused"))},
		{"database new", "database", Skip, "when it first starts", database(Database{}, fmt.Errorf("no: %w", fs.ErrNotExist))},
		{"schema newer", "database", Fail, "newer build", database(Database{Schema: 10, Known: 9}, nil)},
		{"schema older", "database", OK, "brought to 9", database(Database{Name: "SQLite", Schema: 8, Known: 9}, nil)},
		{"database's clock off", "clock.database", Warn, "ahead of the database's", database(Database{Clock: now.Add(-time.Minute)}, nil)},
		{"database's clock far off", "clock.database", Fail, "timedatectl", database(Database{Clock: now.Add(time.Hour)}, nil)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, m := well()
			tc.ill(&p, m)
			worst, said := Level(""), ""
			for _, f := range Examine(t.Context(), p, m.Machine) {
				if f.Check != tc.check {
					continue
				}
				if worst == "" || rank[f.Level] > rank[worst] {
					worst = f.Level
				}
				said += f.Found + "\n" + f.Meaning + "\n" + f.Change + "\n"
				if f.Level == Warn || f.Level == Fail {
					if f.Meaning == "" || f.Change == "" {
						t.Errorf("it says neither what it means nor what to change: %+v", f)
					}
				}
			}
			if worst != tc.level || !strings.Contains(said, tc.says) {
				t.Errorf("%s is %q, want %q that says %q:\n%s", tc.check, worst, tc.level, tc.says, said)
			}
		})
	}
}

func TestHowFar_KnowsTheWindowOfSignatures(t *testing.T) {
	for _, tc := range []struct {
		off  time.Duration
		want Level
	}{
		{0, OK}, {-9 * time.Second, OK}, {11 * time.Second, Warn}, {-4 * time.Minute, Warn}, {5*time.Minute + time.Second, Fail}, {-time.Hour, Fail},
	} {
		if f := HowFar("clock", "the server's", now, now.Add(tc.off)); f.Level != tc.want {
			t.Errorf("%v off is %+v, want %s", tc.off, f, tc.want)
		}
	}
}

// The real machine can be looked at without leaving anything behind.
func TestMachine_LooksAtThisOne(t *testing.T) {
	m := Machine{}.withDefaults()
	dir := t.TempDir()
	if err := m.Writable(dir); err != nil {
		t.Error(err)
	}
	if free, err := m.Free(dir); err != nil || free == 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
	if soft, hard, err := m.Files(); err != nil || soft == 0 || hard < soft {
		t.Errorf("%d of %d files, %v", soft, hard, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Bind(t.Context(), "tcp", l.Addr().String()); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("binding a port that is taken gives %v", err)
	}
	_ = l.Close()
	for _, network := range []string{"tcp", "udp"} {
		if err := m.Bind(t.Context(), network, "127.0.0.1:0"); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := m.Get(t.Context(), "http://"+l.Addr().String()+"/readyz"); err == nil {
		t.Error("nobody answers, and that is no error")
	}
}
