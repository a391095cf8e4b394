package node

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// mediaAddresses returns what clients are told to send media to: the setting, or else the bound addresses, or
// else, where one is all of the machine's, each of them. A port of 0 is the first bound port, to fill in.
func mediaAddresses(setting, bound []string, own func() ([]net.Addr, error)) ([]netip.AddrPort, error) {
	if len(setting) > 0 {
		return parseAddresses(setting)
	}
	var out []netip.AddrPort
	for _, b := range bound {
		some, err := boundAddresses(b, own)
		if err != nil {
			return nil, err
		}
		for _, a := range some {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out[:min(len(out), maxAddresses)], nil
}

// boundAddresses returns the addresses at which a bound one is reached.
func boundAddresses(bound string, own func() ([]net.Addr, error)) ([]netip.AddrPort, error) {
	host, text, err := net.SplitHostPort(bound)
	if err != nil {
		return nil, fmt.Errorf("media %s: %w", bound, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("media %s: %w", bound, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if addr, err := netip.ParseAddr(host); err == nil && !addr.IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(addr, uint16(port))}, nil
	}
	all, err := own()
	if err != nil {
		return nil, fmt.Errorf("media_address: %w", err)
	}
	out := reachable(all, host == "0.0.0.0")
	for i, a := range out {
		out[i] = netip.AddrPortFrom(a.Addr(), uint16(port))
	}
	return out, nil
}

func parseAddresses(setting []string) ([]netip.AddrPort, error) {
	out := make([]netip.AddrPort, len(setting))
	for i, s := range setting {
		if ap, err := netip.ParseAddrPort(s); err == nil {
			out[i] = ap
			continue
		}
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("media_address %s: %w", s, err)
		}
		out[i] = netip.AddrPortFrom(addr, 0)
	}
	return out, nil
}

// maxAddresses bounds the candidates of an answer: a machine with many containers has many addresses.
const maxAddresses = 16

// reachable picks the addresses that someone else might reach; the machine's own loopback if there is none.
func reachable(all []net.Addr, only4 bool) []netip.AddrPort {
	var out, loopback []netip.AddrPort
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		addr := prefix.Addr().Unmap()
		switch {
		case only4 && !addr.Is4(), addr.IsLinkLocalUnicast(), addr.IsMulticast():
		case addr.IsLoopback():
			loopback = append(loopback, netip.AddrPortFrom(addr, 0))
		default:
			out = append(out, netip.AddrPortFrom(addr, 0))
		}
	}
	if len(out) == 0 {
		out = loopback
	}
	return out
}

// publicURL returns where clients find the server, without a slash at the end: the setting, or else the bound
// address, or else, where that is all of the machine's, the first that clients are told for media.
func publicURL(setting string, bound net.Addr, media []netip.AddrPort) string {
	if setting != "" {
		return strings.TrimSuffix(setting, "/")
	}
	addr, err := netip.ParseAddrPort(bound.String())
	if err != nil {
		return "http://" + bound.String()
	}
	host := addr.Addr().Unmap()
	if host.IsUnspecified() && len(media) > 0 {
		host = media[0].Addr()
	}
	return "http://" + net.JoinHostPort(host.String(), strconv.Itoa(int(addr.Port())))
}

// encrypted turns a URL of plain HTTP into that of HTTPS, by the first of the names that there are certificates for.
func encrypted(plain string, names []string) string {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(plain, "http://"))
	if err != nil {
		return plain
	}
	if len(names) > 0 {
		host = names[0]
	}
	if port == "443" {
		return "https://" + strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	}
	return "https://" + net.JoinHostPort(host, port)
}

// endpoints are what stages and tokens tell their clients.
func endpoints(public, rtmp string) (live.Endpoints, error) {
	u, err := url.Parse(public)
	if err != nil {
		return live.Endpoints{}, fmt.Errorf("public_url %s: %w", public, err)
	}
	events := *u
	events.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	_, port, err := net.SplitHostPort(rtmp)
	if err != nil {
		return live.Endpoints{}, fmt.Errorf("rtmp %s: %w", rtmp, err)
	}
	return live.Endpoints{
		Events: events.String() + "/events",
		WHIP:   public + "/whip",
		RTMP:   "rtmp://" + net.JoinHostPort(u.Hostname(), port) + "/app/",
	}, nil
}
