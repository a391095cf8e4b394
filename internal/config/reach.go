package config

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
)

// TURN says whether and how clients that can't reach the media port are relayed to it.
type TURN struct {
	Listen    string   // host:port of UDP and TCP; "" without
	ListenTLS string   // host:port of TLS; "" without
	Host      string   // what clients are told; "" for that of PublicURL
	URLs      []string // what clients are told instead of all that
	Lifetime  time.Duration

	PerParticipant int // allocations
	Allocations    int
	Bitrate        int // bit/s of one participant
}

// On says whether clients are relayed.
func (t TURN) On() bool { return t.Listen != "" || t.ListenTLS != "" }

func (t *TURN) settings() []*Setting {
	return []*Setting{
		{
			Key: "turn.listen", Group: "TURN", from: everywhere, value: text(&t.Listen, "host:port", optional(hostPort)),
			Doc: "TURN over UDP and TCP listens here, such as 0.0.0.0:3478: for clients whose networks do not let them to the media port. It relays to the media port and to nothing else. Nothing listens while it is empty.",
		},
		{
			Key: "turn.listen_tls", Group: "TURN", from: everywhere, value: text(&t.ListenTLS, "host:port", optional(hostPort)),
			Doc: "TURN over TLS listens here, such as 0.0.0.0:5349, or port 443 of an address of its own: for networks that let nothing else out. Needs tls_cert or tls_domain.",
		},
		{
			Key: "turn.host", Group: "TURN", from: everywhere, value: text(&t.Host, "host", optional(hostName)),
			Derived: "the host of public_url",
			Doc:     "The name or address by which clients find TURN. With TLS it must be a name that the certificate is for.",
		},
		{
			Key: "turn.urls", Group: "TURN", from: everywhere, value: list(&t.URLs, "list", turnURL),
			Derived: "made of turn.host and the ports",
			Doc:     "What clients are told instead, with commas between, such as turns:relay.example.org:443?transport=tcp: for ports that a router or load balancer changes.",
		},
		{
			Key: "turn.credential_lifetime", Group: "TURN", Default: "5m", from: everywhere, value: duration(&t.Lifetime, 30*time.Second, 24*time.Hour),
			Doc: "How long a credential makes new allocations. What has been allocated goes on for as long as its participant is there.",
		},
		{
			Key: "turn.allocations_per_participant", Group: "TURN", Default: "64", from: everywhere, value: number(&t.PerParticipant, 1, 10_000),
			Doc: "Allocations that one participant may have at once. A browser makes one for each URL, network and media session.",
		},
		{
			Key: "turn.allocations", Group: "TURN", Default: "4096", from: everywhere, value: number(&t.Allocations, 1, 1_000_000),
			Doc: "Allocations of all participants at once; each takes a file descriptor.",
		},
		{
			Key: "turn.bitrate_per_participant", Group: "TURN", Default: "20000000", from: everywhere, value: number(&t.Bitrate, 100_000, 1_000_000_000),
			Doc: "How much is relayed for one participant in bit/s, both ways together. What is more is dropped.",
		},
	}
}

// durations are how long media may last, as AWS limits it.
func (c *Config) durations() []*Setting {
	const most = 14 * 24 * time.Hour
	return []*Setting{
		{
			Key: "limits.publish_duration", Group: "Running", Default: "24h", from: everywhere, value: duration(&c.PublishDuration, 0, most),
			Doc: "How long a publication may last; then it is ended with STREAM_DURATION_EXCEEDED, and its participant may publish again. 0s is no limit of its own.",
		},
		{
			Key: "limits.subscribe_duration", Group: "Running", Default: "24h", from: everywhere, value: duration(&c.SubscribeDuration, 0, most),
			Doc: "The same of a subscription.",
		},
	}
}

func (c *Config) checkTURN() []error {
	if c.TURN.ListenTLS != "" && !c.TLS.On() {
		return []error{errors.New("turn.listen_tls: it needs tls_cert or tls_domain")}
	}
	if c.TURN.On() && !c.HasRole(RoleMedia) {
		return []error{errors.New("turn.listen: it needs the role media")}
	}
	return nil
}

// hostName takes a name in the DNS or an IP address.
func hostName(s string) error {
	if net.ParseIP(s) != nil || s == "localhost" || domain(s) == nil {
		return nil
	}
	return errors.New("it must be a name in the DNS in lower case, or an IP address")
}

// turnURL takes what RFC 7065 calls a TURN URI.
func turnURL(s string) error {
	bad := errors.New("it must be such as turn:relay.example.org:3478?transport=udp, or turns: with ?transport=tcp")
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme != "turn" && scheme != "turns" {
		return bad
	}
	address, query, _ := strings.Cut(rest, "?")
	switch {
	case query != "" && query != "transport=tcp" && query != "transport=udp", scheme == "turns" && query == "transport=udp":
		return bad
	}
	host := address
	if h, port, err := net.SplitHostPort(address); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad
		}
		host = h
	}
	if hostName(strings.Trim(host, "[]")) != nil {
		return bad
	}
	return nil
}
