package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func notEmpty(s string) error {
	if s == "" {
		return errors.New("it must not be empty")
	}
	if strings.ContainsRune(s, 0) {
		return errors.New("it must not hold a NUL")
	}
	return nil
}

func oneOf(words ...string) check {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return fmt.Errorf("it must be %s", strings.Join(words, " or "))
	}
}

func hostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("it must be host:port, such as 127.0.0.1:7400 or [::]:7400")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errors.New("the port must be a number from 0 (any free one) to 65535")
	}
	if host == "" || host == "localhost" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return errors.New("the host must be an IP address of this machine, localhost, or 0.0.0.0 or [::] for all")
	}
	return nil
}

func httpURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return errors.New("it must be http://host or https://host, with a port if need be and no path")
	}
	return nil
}

func mediaAddress(s string) error {
	if a, err := netip.ParseAddrPort(s); err == nil && !a.Addr().IsUnspecified() && a.Port() != 0 {
		return nil
	}
	if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() {
		return nil
	}
	return errors.New("it must be an IP address that clients reach, or IP:port")
}

func region(s string) error {
	if len(s) < 1 || len(s) > 32 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errors.New("it must be up to 32 of a-z, 0-9 and -, such as eu-central-1")
	}
	return nil
}

func accountID(s string) error {
	if len(s) != 12 || strings.Trim(s, "0123456789") != "" {
		return errors.New("it must be 12 digits")
	}
	return nil
}

func keyID(s string) error {
	if len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ',' || r == '=' }) {
		return errors.New("it must be up to 128 visible ASCII characters without / , =")
	}
	return nil
}

func secretKey(s string) error {
	if len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("it must be up to 256 visible ASCII characters")
	}
	return nil
}

func database(s string) error {
	if s == "sqlite" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("it must be sqlite, or postgres://user:password@host/name")
	}
	return nil
}

func prefix(s string) error {
	if _, err := netip.ParsePrefix(s); err != nil {
		return errors.New("it must be a network such as 10.0.0.0/8")
	}
	return nil
}

// optional lets an empty text pass.
func optional(c check) check {
	return func(s string) error {
		if s == "" {
			return nil
		}
		return c(s)
	}
}

func domain(s string) error {
	labels := strings.Split(s, ".")
	bad := len(s) > 253 || len(labels) < 2
	for _, l := range labels {
		bad = bad || l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	}
	if _, err := netip.ParseAddr(s); bad || err == nil {
		return errors.New("it must be a name in the DNS such as live.example.org, in lower case")
	}
	return nil
}

func directoryURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New("it must be an https:// URL")
	}
	return nil
}

func masterKey(s string) error {
	if s == "" {
		return nil
	}
	if key, err := base64.StdEncoding.DecodeString(s); err != nil || len(key) != 32 {
		return errors.New("it must be 32 bytes in base64, as `openssl rand -base64 32` makes them")
	}
	return nil
}

// checkTLS holds the rules of encryption.
func (c *Config) checkTLS() []error {
	var errs []error
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("tls_cert and tls_key: give both or neither"))
	}
	if c.TLS.Cert != "" && len(c.TLS.Domains) > 0 {
		errs = append(errs, errors.New("tls_cert and tls_domain: give one or the other"))
	}
	if c.TLS.Redirect != "" && !c.TLS.On() {
		errs = append(errs, errors.New("http_redirect: it needs tls_cert or tls_domain"))
	}
	if c.TLS.On() && strings.HasPrefix(c.PublicURL, "http:") {
		errs = append(errs, errors.New("public_url: with TLS it must begin with https://"))
	}
	if c.Proxy.Protocol && len(c.Proxy.Trusted) == 0 {
		errs = append(errs, errors.New("proxy_protocol: it needs trusted_proxies"))
	}
	return errs
}

// check holds the rules that take more than one setting.
func (c *Config) check() error {
	var errs []error
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		errs = append(errs, errors.New("access_key_id and secret_access_key: give both or neither"))
	}
	if len(c.Roles) == 0 {
		errs = append(errs, errors.New("roles: it must name at least one of api, media, compositor"))
	}
	if c.Demo && !(c.HasRole(RoleAPI) && c.HasRole(RoleMedia)) {
		errs = append(errs, errors.New("demo: it needs the roles api and media"))
	}
	if len(c.Media) == 0 {
		errs = append(errs, errors.New("media: it must name at least one address"))
	}
	errs = append(errs, c.checkTLS()...)
	errs = append(errs, c.checkTURN()...)
	// HTTP, media's TCP and RTMP would take each other's port.
	listeners := c.listeners()
	for i, a := range listeners {
		for _, b := range listeners[i+1:] {
			if a.addr == b.addr && a.addr != "" && !strings.HasSuffix(a.addr, ":0") {
				errs = append(errs, fmt.Errorf("%s and %s: both want %s", a.key, b.key, a.addr))
			}
		}
	}
	return errors.Join(errs...)
}

// listener is a setting that something listens by.
type listener struct{ key, addr string }

func (c *Config) listeners() []listener {
	out := []listener{
		{"http", c.HTTP},
		{"rtmp", c.RTMP},
		{"http_redirect", c.TLS.Redirect},
		{"turn.listen", c.TURN.Listen},
		{"turn.listen_tls", c.TURN.ListenTLS},
	}
	for _, addr := range c.Media {
		out = append(out, listener{"media", addr})
	}
	return out
}

// Loopback says whether every listener is reached from this machine only.
func (c *Config) Loopback() bool {
	for _, l := range c.listeners() {
		if l.addr == "" {
			continue
		}
		host, _, _ := net.SplitHostPort(l.addr)
		a, err := netip.ParseAddr(host)
		if host != "localhost" && (err != nil || !a.Unmap().IsLoopback()) {
			return false
		}
	}
	return true
}

// collectorURL is httpURL for a collector, which may have a path.
func collectorURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it must be http://host:port or https://host:port, with a path if need be")
	}
	return nil
}
