package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/doctor"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/turn"
)

// DoctorPlan says what a server of this configuration is set to do, for package doctor, whether it runs or not. A server's
// own is more exact: it knows the ports that the system has chosen.
func DoctorPlan(c *config.Config) (doctor.Plan, error) {
	told, err := mediaAddresses(c.MediaAddress, c.Media, net.InterfaceAddrs)
	if err != nil {
		return doctor.Plan{}, err
	}
	_, port, err := net.SplitHostPort(c.Media[0])
	if err != nil {
		return doctor.Plan{}, fmt.Errorf("media %s: %w", c.Media[0], err)
	}
	first, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return doctor.Plan{}, fmt.Errorf("media %s: %w", c.Media[0], err)
	}
	for i, a := range told {
		if a.Port() == 0 {
			told[i] = netip.AddrPortFrom(a.Addr(), uint16(first))
		}
	}
	http, err := net.ResolveTCPAddr("tcp", c.HTTP)
	if err != nil {
		return doctor.Plan{}, fmt.Errorf("http %s: %w", c.HTTP, err)
	}
	public := publicURL(c.PublicURL, http, told)
	if c.PublicURL == "" && c.TLS.On() {
		public = encrypted(public, c.TLS.Domains)
	}
	p := doctorPlan(c, public, told)
	p.Locked = func() bool { return isLocked(c.DataDir) }
	p.Database = func(ctx context.Context) (doctor.Database, error) {
		kept, err := OpenRecords(ctx, RecordsOptions{Config: c, AsIs: true})
		if err != nil {
			return doctor.Database{}, err
		}
		d, err := condition(ctx, kept.Store, c)
		return d, errors.Join(err, kept.Close())
	}
	if c.Database == "sqlite" { // which is made by the server
		inner := p.Database
		p.Database = func(ctx context.Context) (doctor.Database, error) {
			if _, err := os.Stat((&dataDir{path: c.DataDir}).file(databaseFile)); errors.Is(err, fs.ErrNotExist) {
				return doctor.Database{}, err
			}
			return inner(ctx)
		}
	}
	return p, nil
}

func doctorPlan(c *config.Config, public string, told []netip.AddrPort) doctor.Plan {
	p := doctor.Plan{
		HTTP: c.HTTP, Encrypted: c.TLS.On(), PublicURL: public, Told: told, Relayed: c.TURN.On(),
		Certificate: c.TLS.Cert, Key: c.TLS.Key, Domains: c.TLS.Domains,
		DataDir: c.DataDir, Files: filesWanted(c),
		Listeners: []doctor.Listener{{Setting: "http", Address: c.HTTP, TCP: true}},
	}
	for _, m := range c.Media {
		p.Listeners = append(p.Listeners, doctor.Listener{Setting: "media", Address: m, UDP: true, TCP: true})
	}
	for _, l := range []doctor.Listener{
		{Setting: "http_redirect", Address: c.TLS.Redirect, TCP: true},
		{Setting: "turn.listen", Address: c.TURN.Listen, UDP: true, TCP: true},
		{Setting: "turn.listen_tls", Address: c.TURN.ListenTLS, TCP: true},
	} {
		if l.Address != "" {
			p.Listeners = append(p.Listeners, l)
		}
	}
	if u, err := url.Parse(public); err == nil && c.TLS.On() && u.Scheme == "https" {
		p.Names = append(p.Names, u.Hostname())
	}
	if c.TURN.ListenTLS != "" && c.TURN.Host != "" {
		p.Names = append(p.Names, c.TURN.Host)
	}
	return p
}

// filesWanted is how many descriptors the limits of the settings let be used: each state socket, each TCP connection of
// media (packetio's limit) and of TURN, each allocation; and some for all else.
func filesWanted(c *config.Config) uint64 {
	const media, relayed, others = 4096, 1024, 512
	n := c.MaxSockets + media + others
	if c.TURN.On() {
		n += c.TURN.Allocations + 2*relayed
	}
	return uint64(n)
}

func condition(ctx context.Context, s *store.Store, c *config.Config) (doctor.Database, error) {
	name := "PostgreSQL"
	if c.Database == "sqlite" {
		name = "SQLite"
	}
	found, err := s.Condition(ctx)
	return doctor.Database{Name: name, Schema: found.Schema, Known: found.Known, Clock: found.Clock}, err
}

// examination is the answer of the endpoint (docs/admin-api.md).
type examination struct {
	Time     time.Time        `json:"time"`
	Level    doctor.Level     `json:"level"`
	Findings []doctor.Finding `json:"findings"`
}

// probeLasts is how long a probe is good for.
const probeLasts = 30 * time.Second

// tellDoctor lets operators have the server examined, and have it answer for whoever is to find out whether it is reached.
func (n *Node) tellDoctor() {
	n.operators.Add(
		admin.Endpoint{Pattern: "GET " + admin.Path + "doctor", Action: "proscenium:GetDoctor", Serve: n.serveDoctor},
		admin.Endpoint{Pattern: "POST " + admin.Path + "doctor/probe", Action: "proscenium:CreateDoctorProbe", Serve: n.serveProbe},
	)
}

func (n *Node) serveDoctor(w http.ResponseWriter, r *http.Request) error {
	p := doctorPlan(n.config, n.public, n.toldMedia())
	p.Serving, p.DataDir = true, n.data.path
	p.Database = func(ctx context.Context) (doctor.Database, error) { return condition(ctx, n.store, n.config) }
	findings := doctor.Examine(r.Context(), p, doctor.Machine{})
	admin.WriteJSON(w, http.StatusOK, examination{Time: time.Now().UTC(), Level: doctor.Worst(findings), Findings: findings})
	return nil
}

// toldMedia returns what clients send media to, UDP and TCP alike.
func (n *Node) toldMedia() []netip.AddrPort {
	var out []netip.AddrPort
	for _, c := range n.media.transport.Candidates() {
		if !c.TCP {
			out = append(out, c.Addr)
		}
	}
	return out
}

func (n *Node) serveProbe(w http.ResponseWriter, _ *http.Request) error {
	bell, err := n.media.transport.HangDoorbell(probeLasts)
	if err != nil {
		return err
	}
	p := doctor.Probe{Username: bell.Username, Password: bell.Password, Relays: []doctor.Relay{}}
	for _, a := range n.toldMedia() {
		p.Media = append(p.Media, a.String())
	}
	if n.media.turn != nil {
		c := n.media.turn.Credential(turn.Participant{Stage: "doctor", ID: "doctor"})
		p.Relays = append(p.Relays, doctor.Relay{URLs: c.URLs, Username: c.Username, Credential: c.Password})
	}
	admin.WriteJSON(w, http.StatusOK, p)
	return nil
}
