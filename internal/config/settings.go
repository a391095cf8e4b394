package config

import (
	"net/url"
	"time"
)

// define is the one definition of every setting, in the order of the help and of docs/configuration.md.
func define(c *Config) []*Setting {
	settings := []*Setting{
		{
			Key: "data_dir", Group: "Where", Default: "./data", from: everywhere, value: text(&c.DataDir, "folder", notEmpty),
			Doc: "Everything the server keeps. Made if it is not there; one server at a time may use it.",
		},
		{
			Key: "http", Group: "Where", Default: "127.0.0.1:7400", from: everywhere, value: text(&c.HTTP, "host:port", hostPort),
			Doc: "API, signalling, WHIP/WHEP, console, /healthz, /readyz and /metrics listen here.",
		},
		{
			Key: "media", Group: "Where", Default: "127.0.0.1:7401", from: everywhere, value: text(&c.Media, "host:port", hostPort),
			Doc: "Media (ICE, DTLS, SRTP) listens here, on UDP and TCP of the same number.",
		},
		{
			Key: "rtmp", Group: "Where", Default: "127.0.0.1:1935", from: everywhere, value: text(&c.RTMP, "host:port", hostPort),
			Doc: "RTMP ingest. Accepted and told to clients, but not served by this version: nothing listens here yet.",
		},
		{
			Key: "public_url", Group: "Where", from: everywhere, value: text(&c.PublicURL, "url", httpURL),
			Derived: "http:// and the address of http",
			Doc:     "What clients are told: the server's address as they see it, http or https, without a path.",
		},
		{
			Key: "media_address", Group: "Where", from: everywhere, value: list(&c.MediaAddress, "list", mediaAddress),
			Derived: "the address of media, or the machine's own addresses if that is 0.0.0.0 or [::]",
			Doc:     "Addresses that clients send media to, IP or IP:port, with commas between: set it behind NAT.",
		},
		{
			Key: "region", Group: "AWS", Default: "us-east-1", from: everywhere, value: text(&c.Region, "region", region),
			Doc: "Region in ARNs and signatures.",
		},
		{
			Key: "account_id", Group: "AWS", Default: "000000000000", from: everywhere, value: text(&c.AccountID, "12 digits", accountID),
			Doc: "Account in ARNs.",
		},
		{
			Key: "access_key_id", Group: "AWS", from: fromEnv | fromFile, value: text(&c.AccessKeyID, "key id", keyID),
			Derived: "see root credentials, below",
			Doc:     "Access key id of the root credentials. No flag: command lines can be read by others.",
		},
		{
			Key: "secret_access_key", Group: "AWS", hide: hideAll, from: fromEnv | fromFile, value: text(&c.SecretAccessKey, "secret", secretKey),
			Derived: "see root credentials, below",
			Doc:     "Secret of the root credentials.",
		},
		{
			Key: "quotas.profile", name: "quotas", Group: "AWS", Default: "open", from: everywhere, value: text(&c.Quotas.Profile, "profile", oneOf("open", "aws")),
			Doc: "open: no call rates and only technical limits. aws: AWS's default quotas and rates. In the file, quotas: aws says the same as quotas.profile: aws.",
		},
	}
	settings = append(settings, c.Quotas.settings()...)
	settings = append(settings, []*Setting{
		{
			Key: "quotas.rates", Group: "AWS", from: fromFile, value: rates(&c.Quotas.Rates),
			Derived: "by the profile: open has none, aws has AWS's",
			Doc:     "Calls per second by operation, such as {CreateStage: 20}; 0 is no limit.",
		},
		{
			Key: "database", Group: "Storage", Default: "sqlite", from: everywhere, hide: hidePassword, value: text(&c.Database, "database", database),
			Doc: "sqlite keeps a file in the data dir; a postgres:// URL uses that PostgreSQL.",
		},
		{
			Key: "roles", Group: "Running", Default: "api,media,compositor", from: everywhere, value: list(&c.Roles, "list", oneOf(string(RoleAPI), string(RoleMedia), string(RoleCompositor))),
			Doc: "What this node does, with commas between: api, media, compositor. api is needed, compositor has no work yet in this version.",
		},
		{
			Key: "demo", Group: "Running", Default: "false", from: everywhere, value: onOff(&c.Demo),
			Doc: "Make a stage named welcome with a moving test picture on it, and print a link to watch it.",
		},
		{
			Key: "reconnect_window", Group: "Running", Default: "10s", from: everywhere, value: duration(&c.ReconnectWindow, 0, 10*time.Minute),
			Doc: "How long a participant whose connection broke may take to come back before it counts as left.",
		},
		{
			Key: "session_grace", Group: "Running", Default: "2m", from: everywhere, value: duration(&c.SessionGrace, time.Second, 24*time.Hour),
			Doc: "How long a stage's session stays open after the last participant has left.",
		},
		{
			Key: "drain_timeout", Group: "Running", Default: "2s", from: everywhere, value: duration(&c.DrainTimeout, 0, time.Hour),
			Doc: "How long a server that was told to stop goes on for participants who are there, before it takes leave of them. A second signal ends it at once.",
		},
		{
			Key: "max_participants", Group: "Running", Default: "10000", from: everywhere, value: number(&c.MaxParticipants, 1, 10_000_000),
			Doc: "Participants that may be on this node at once; more are refused with NO_CAPACITY.",
		},
		{
			Key: "max_sockets", Group: "Running", Default: "20000", from: everywhere, value: number(&c.MaxSockets, 1, 10_000_000),
			Doc: "HTTP connections, state sockets among them, that may be open at once; more wait to be accepted.",
		},
		{
			Key: "log.level", Group: "Watching", Default: "info", from: everywhere, value: level(&c.LogLevel),
			Doc: "The least important log lines to write: debug, info, warn or error.",
		},
		{
			Key: "log.format", Group: "Watching", Default: "text", from: everywhere, value: text(&c.LogFormat, "format", oneOf("text", "json")),
			Doc: "Log lines as text or as json.",
		},
		{
			Key: "metrics_allow", Group: "Watching", Default: "127.0.0.0/8,::1/128", from: everywhere, value: list(&c.MetricsAllow, "list", prefix),
			Doc: "Networks that may read /metrics and /debug/pprof/, with commas between. A request that a proxy forwarded is refused.",
		},
		{
			Key: "pprof", Group: "Watching", Default: "false", from: everywhere, value: onOff(&c.Pprof),
			Doc: "Serve Go's profiles at /debug/pprof/, to those who may read the metrics.",
		},
	}...)
	for _, s := range settings {
		s.Origin = Origin{Place: Default}
	}
	return settings
}

func hideAll(s string) string { return Secret(s).String() }

// hidePassword takes the password out of a database's URL, wherever in it it stands.
func hidePassword(s string) string {
	if s == "sqlite" {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return hideAll(s)
	}
	u.RawQuery = ""
	return u.Redacted()
}
