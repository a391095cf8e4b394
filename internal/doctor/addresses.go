package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// shared is the network between a provider and its customers (RFC 6598): as private as a home's.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// elsewhere tells whether an address can be reached from the internet.
func elsewhere(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// addresses looks at what clients are told to send media to.
func (e *examiner) addresses(context.Context) []Finding {
	f := Finding{Check: "nat.addresses", Level: OK}
	told := make([]netip.Addr, 0, len(e.plan.Told))
	for _, a := range e.plan.Told {
		told = append(told, a.Addr().Unmap())
	}
	own, err := e.own()
	if err != nil {
		f.Level, f.Found = Skip, fmt.Sprintf("this machine's addresses can't be listed: %v", err)
		return one(f)
	}
	outside := e.outside()
	f.Found = "clients send media to " + list(e.plan.Told)
	switch {
	case len(told) == 0:
		f.Level, f.Found = Fail, "clients are told no address for media"
		f.Meaning, f.Change = "No media will flow.", "Set --media-address to an address of this machine that clients reach."
	case all(told, netip.Addr.IsLoopback) && outside:
		f.Level, f.Meaning = Fail, "Only programs on this machine reach these; public_url promises more."
		f.Change = "--media 0.0.0.0:7401, and behind NAT --media-address with the public address."
	case all(told, netip.Addr.IsLoopback):
		f.Meaning = "Only this machine is served."
	case !slices.ContainsFunc(told, elsewhere) && outside:
		f.Level, f.Meaning = Warn, "These are private addresses: clients outside of this network can't send media to them."
		f.Change = "--media-address with the public address that the router translates to this machine, port and all if it differs."
	case slices.ContainsFunc(told, func(a netip.Addr) bool { return !slices.Contains(own, a) }):
		f.Meaning = "Not all of these are this machine's own: a router must pass their UDP and TCP on to the port of media."
	}
	return one(f)
}

// own returns this machine's addresses.
func (e *examiner) own() ([]netip.Addr, error) {
	list, err := e.m.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out, nil
}

// outside tells whether public_url is for more than this machine and its network.
func (e *examiner) outside() bool {
	u, err := url.Parse(e.plan.PublicURL)
	if err != nil || u.Hostname() == "" || u.Hostname() == "localhost" {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err != nil || elsewhere(a.Unmap()) // of a name nobody here can say
}

// public asks a STUN server as whom the internet sees this machine.
func (e *examiner) public(ctx context.Context) []Finding {
	if e.plan.STUN == "" {
		return nil
	}
	f := Finding{Check: "nat.public", Level: OK}
	ip, err := e.m.Public(ctx, e.plan.STUN)
	seen, ok := netip.AddrFromSlice(ip)
	if err != nil || !ok {
		f.Level, f.Found = Skip, fmt.Sprintf("%s does not tell this machine's public address: %v", e.plan.STUN, err)
		f.Meaning = "Outgoing UDP may be blocked, or the server may be away."
		return one(f)
	}
	seen = seen.Unmap()
	f.Found = "the internet sees this machine as " + seen.String()
	if slices.ContainsFunc(e.plan.Told, func(a netip.AddrPort) bool { return a.Addr().Unmap() == seen }) {
		f.Found += ", which clients are told"
		return one(f)
	}
	f.Level = Warn
	f.Meaning = "Clients are told other addresses. If those are not reached from outside, no media flows."
	f.Change = "--media-address " + seen.String() + ", and have the router pass UDP and TCP of the media port on to this machine."
	return one(f)
}

func all(list []netip.Addr, ok func(netip.Addr) bool) bool {
	return !slices.ContainsFunc(list, func(a netip.Addr) bool { return !ok(a) })
}

func list(addrs []netip.AddrPort) string {
	texts := make([]string, len(addrs))
	for i, a := range addrs {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// publicAddress asks a STUN server (RFC 8489).
func publicAddress(ctx context.Context, server string) (net.IP, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	mapped, _, err := ring(ctx, conn, nil)
	if err != nil {
		return nil, err
	}
	return mapped.IP, nil
}
