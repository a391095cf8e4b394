package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// ports tries to bind what the settings name.
func (e *examiner) ports(ctx context.Context) []Finding {
	if e.plan.Serving {
		return nil
	}
	running := e.running(ctx)
	var all []Finding
	for _, l := range e.plan.Listeners {
		for _, protocol := range l.protocols() {
			all = append(all, e.port(ctx, l, protocol, running))
		}
	}
	server := Finding{Check: "server", Level: Skip, Found: "no server runs with these settings", Change: "proscenium serve"}
	if running {
		server = Finding{Check: "server", Level: OK, Found: "a server runs with these settings"}
	}
	return append(all, server)
}

func (l Listener) protocols() []string {
	var out []string
	if l.TCP {
		out = append(out, "tcp")
	}
	if l.UDP {
		out = append(out, "udp")
	}
	return out
}

func (e *examiner) port(ctx context.Context, l Listener, protocol string, running bool) Finding {
	f := Finding{Check: "ports." + l.Setting, Level: OK}
	where := l.Address + "/" + protocol
	err := e.m.Bind(ctx, protocol, l.Address)
	switch {
	case err == nil:
		f.Found = where + " is free"
	case errors.Is(err, unix.EADDRINUSE) && running:
		f.Found = where + " is in use, by the server that runs"
	case errors.Is(err, unix.EADDRINUSE):
		f.Level, f.Found = Fail, where+" is in use by another program"
		f.Meaning = "The server will not start."
		f.Change = fmt.Sprintf("See who has it (ss -lpn 'sport = :%s') and stop that, or give %s another port.", portOf(l.Address), l.flag())
	case errors.Is(err, unix.EACCES):
		f.Level, f.Found = Fail, "this user may not bind "+where
		f.Meaning = "The server will not start: ports below 1024 need a privilege."
		f.Change = "In the systemd unit: AmbientCapabilities=CAP_NET_BIND_SERVICE. By hand: setcap cap_net_bind_service=+ep " +
			"on the program, or a port from 1024 on with " + l.flag() + "."
	case errors.Is(err, unix.EADDRNOTAVAIL):
		f.Level, f.Found = Fail, "this machine does not have the address of "+where
		f.Meaning = "The server will not start."
		f.Change = "Listen on one of the machine's own addresses, or on 0.0.0.0 or [::] for all, with " + l.flag() +
			"; an address that a router translates goes into --media-address."
	default:
		f.Level, f.Found, f.Meaning = Fail, fmt.Sprintf("%s can't be bound: %v", where, err), "The server will not start."
		f.Change = "Give another address with " + l.flag() + "."
	}
	return f
}

// running tells whether a server has the data dir, or what answers at the HTTP listener is one of ours.
func (e *examiner) running(ctx context.Context) bool {
	if e.plan.Locked != nil && e.plan.Locked() {
		return true
	}
	host, port, err := net.SplitHostPort(e.plan.HTTP)
	if err != nil || port == "0" {
		return false
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if e.plan.Encrypted {
		scheme = "https://"
	}
	_, body, err := e.m.Get(ctx, scheme+net.JoinHostPort(host, port)+"/readyz")
	var ready struct {
		Ready *bool             `json:"ready"`
		Parts map[string]string `json:"parts"`
	}
	return err == nil && json.Unmarshal(body, &ready) == nil && ready.Ready != nil && len(ready.Parts) > 0
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address) // a setting, which has been checked
	return port
}

func flagOf(setting string) string {
	return "--" + strings.NewReplacer(".", "-", "_", "-").Replace(setting)
}
