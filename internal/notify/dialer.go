package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// maxAnswer is how much of a receiver's answer is read.
const maxAnswer = 64 << 10

// guard decides which addresses targets may have. It is asked with the address that is connected to, after names
// have been looked up, so that neither an odd spelling nor a name that points elsewhere the second time gets around
// it (security.md row 39).
type guard struct{ allow []netip.Prefix }

func (s *Service) guard() guard { return guard{s.o.AllowPrivate} }

// metadata are the addresses at which clouds tell a machine its secrets: they are never connected to.
var metadata = addresses("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253", "fd00:ec2::254", "fd00:ec2::23",
	"fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")

// special are networks beyond those that netip knows which are no part of the internet at large (IANA's registries
// of special-purpose addresses).
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10")

// carriers are networks whose addresses hold an IPv4 address, and at which byte: packets to them may end there.
var carriers = []struct {
	net netip.Prefix
	at  int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

// may returns an error that says why an address is not connected to.
func (g guard) may(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	for _, c := range carriers {
		if addr.Is6() && c.net.Contains(addr) && !addr.IsLoopback() && !addr.IsUnspecified() {
			b := addr.As16()
			return g.may(netip.AddrFrom4([4]byte(b[c.at : c.at+4])))
		}
	}
	if metadata[addr] {
		return fmt.Errorf("%s is where clouds keep secrets: it is never connected to", addr)
	}
	for _, p := range g.allow {
		if p.Contains(addr) {
			return nil
		}
	}
	open := addr.IsGlobalUnicast() && !addr.IsPrivate()
	for _, p := range special {
		open = open && !p.Contains(addr)
	}
	if !open {
		return fmt.Errorf("%s is not an address of the internet; the setting events.allow_private can allow it", addr)
	}
	return nil
}

// control is a net.Dialer's: it is called with the address, before the connection is made.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return errors.New("notify: this is no TCP address")
	}
	return g.may(ap.Addr())
}

func (g guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: g.control}
}

// Dial connects like net.Dial; NATS asks for it.
func (g guard) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return g.dialer().DialContext(ctx, network, address)
}

// client returns an HTTP client that follows no redirect, uses no proxy, and reads no more than maxAnswer.
func (g guard) client() *http.Client {
	return &http.Client{
		Transport: limited{&http.Transport{
			DialContext: g.dialer().DialContext, Proxy: nil, TLSHandshakeTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: maxAnswer, DisableCompression: true, MaxIdleConnsPerHost: abreast, IdleConnTimeout: 90 * time.Second,
			ForceAttemptHTTP2: true,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limited cuts answers.
type limited struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.Transport.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

func addresses(texts ...string) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, t := range texts {
		out[netip.MustParseAddr(t)] = true
	}
	return out
}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}
