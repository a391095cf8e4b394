package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"

	"github.com/pires/go-proxyproto"
	"golang.org/x/net/netutil"

	"github.com/proscenium-live/proscenium/internal/config"
)

// openListener binds the port of HTTP first of all: its number is in what stages are told.
func (n *Node) openListener(ctx context.Context) error {
	l, err := n.bind(ctx, "http", n.config.HTTP)
	if err != nil {
		return err
	}
	n.listen = l
	if n.config.Proxy.Protocol {
		n.listen = &proxyproto.Listener{
			Listener: l, ReadHeaderTimeout: n.config.Door.HeaderTimeout,
			ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
				// Who is trusted must say for whom it speaks; of everyone else nothing is believed.
				if addr, err := netip.ParseAddrPort(o.Upstream.String()); err == nil && n.clients().trusts(addr.Addr()) {
					return proxyproto.REQUIRE, nil
				}
				return proxyproto.SKIP, nil
			},
		}
	}
	return nil
}

// bind listens at an address, for as many connections as there may be. The node's end closes it.
func (n *Node) bind(ctx context.Context, setting, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, cannotListen(setting, addr, err)
	}
	n.onClose(setting+" listener", func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // Run has closed it
			return err
		}
		return nil
	})
	return netutil.LimitListener(l, n.config.MaxSockets), nil
}

// cannotListen names the setting that is in the way.
func cannotListen(setting, addr string, err error) error {
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err // the rest of the chain repeats the address
	}
	return fmt.Errorf("%s %s: %w; choose another with --%[1]s", setting, addr, err)
}

// server is what serves HTTP, within the limits that are set. HTTP/2 is spoken over TLS only; a client that
// opens and resets streams faster than they can be served is disconnected by net/http (row 7).
func (n *Node) server() *http.Server {
	s := newServer(n.config.Door, n.log)
	s.Handler = n.handler
	s.TLSConfig = n.tls
	s.Protocols.SetHTTP2(n.tls != nil)
	return s
}

func newServer(d config.Door, log *slog.Logger) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		ReadHeaderTimeout: d.HeaderTimeout,
		ReadTimeout:       d.BodyTimeout,
		WriteTimeout:      d.AnswerTimeout,
		IdleTimeout:       d.IdleTimeout,
		MaxHeaderBytes:    d.HeaderBytes,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: d.Streams},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serve serves HTTP until the server is shut down.
func (n *Node) serve(s *http.Server) error {
	if n.tls != nil {
		return s.ServeTLS(n.listen, "", "")
	}
	return s.Serve(n.listen)
}

// clients tells clients apart, behind proxies too.
type clients struct{ proxies []netip.Prefix }

func (n *Node) clients() clients {
	var c clients
	for _, text := range n.config.Proxy.Trusted {
		c.proxies = append(c.proxies, netip.MustParsePrefix(text)) // config has checked it
	}
	return c
}

func (c clients) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// of returns where a request comes from: the far end of the connection, or, if that is a proxy that is
// trusted, whom it names. Of the names in X-Forwarded-For the last that no trusted proxy wrote of itself counts;
// all before it are the client's own words.
func (c clients) of(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // what can't be read is no proxy
	client := from.Addr().Unmap()
	if !c.trusts(client) {
		return client
	}
	for hop := range backwards(r.Header.Values("X-Forwarded-For")) {
		addr, ok := parseHop(hop)
		if !ok {
			return client
		}
		if client = addr; !c.trusts(client) {
			return client
		}
	}
	return client
}
