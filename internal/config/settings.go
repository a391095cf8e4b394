package config

import (
	"net/url"
	"slices"
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
			Key: "media", Group: "Where", Default: "127.0.0.1:7401", from: everywhere, value: list(&c.Media, "list", hostPort),
			Doc: "Media (ICE, DTLS, SRTP) listens here, on UDP and TCP of the same number. Several with commas between: a machine with several addresses answers from the one that was asked only if it listens on each of them.",
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
			Key: "access_master_key", Group: "AWS", hide: hideAll, from: fromEnv | fromFile, value: text(&c.AccessMasterKey, "base64", masterKey),
			Derived: "made once and kept in the data dir, in access-master-key",
			Doc:     "Encrypts the secrets of access keys in the database: 32 bytes in base64. Give it where several servers share a database.",
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
			Doc:     "Calls per second by operation of either API, such as {CreateStage: 20}; 0 is no limit. Operations that both APIs have (of tags) share one.",
		},
	}...)
	settings = append(settings, c.Limits.settings()...)
	settings = append(settings, []*Setting{
		{
			Key: "tls_cert", Group: "TLS", from: everywhere, value: text(&c.TLS.Cert, "file"),
			Doc: "The certificate that HTTP is encrypted with, PEM, the chain after it. Read again when it changes. Needs tls_key.",
		},
		{
			Key: "tls_key", Group: "TLS", from: everywhere, value: text(&c.TLS.Key, "file"),
			Doc: "The private key of tls_cert, PEM.",
		},
		{
			Key: "tls_domain", Group: "TLS", from: everywhere, value: list(&c.TLS.Domains, "list", domain),
			Doc: "Names for which the server gets certificates by itself (ACME), and renews them, with commas between. The ACME server must reach this one at port 443, or at port 80 if http_redirect listens there.",
		},
		{
			Key: "tls_email", Group: "TLS", from: everywhere, value: text(&c.TLS.Email, "address"),
			Doc: "Whom the ACME server may write to.",
		},
		{
			Key: "tls_directory", Group: "TLS", Default: "https://acme-v02.api.letsencrypt.org/directory", from: everywhere, value: text(&c.TLS.Directory, "url", directoryURL),
			Doc: "Where the ACME server's directory is.",
		},
		{
			Key: "tls_directory_ca", Group: "TLS", from: everywhere, value: text(&c.TLS.DirectoryCA, "file"),
			Derived: "those of the system",
			Doc:     "Certificates, PEM, that the ACME server is trusted by: for one of your own.",
		},
		{
			Key: "http_redirect", Group: "TLS", from: everywhere, value: text(&c.TLS.Redirect, "host:port", optional(hostPort)),
			Doc: "Plain HTTP listens here and redirects browsers to public_url; everything else is refused. Needs TLS.",
		},
		{
			Key: "trusted_proxies", Group: "Proxies", from: everywhere, value: list(&c.Proxy.Trusted, "list", prefix),
			Doc: "Networks whose X-Forwarded-For says who a client is, with commas between. Everyone else's is ignored.",
		},
		{
			Key: "proxy_protocol", Group: "Proxies", Default: "false", from: everywhere, value: onOff(&c.Proxy.Protocol),
			Doc: "Connections of trusted_proxies begin with a header of the PROXY protocol (version 1 or 2).",
		},
		{
			Key: "door.header_bytes", Group: "Limits of HTTP", Default: "32768", from: everywhere, value: number(&c.Door.HeaderBytes, 4096, 1<<20),
			Doc: "How long the header of a request may be; a longer one is refused with 431.",
		},
		{
			Key: "door.body_bytes", Group: "Limits of HTTP", Default: "1048576", from: everywhere, value: number(&c.Door.BodyBytes, 16<<10, 64<<20),
			Doc: "How long the body of an API call may be; a longer one is refused with 413.",
		},
		{
			Key: "door.header_timeout", Group: "Limits of HTTP", Default: "10s", from: everywhere, value: duration(&c.Door.HeaderTimeout, time.Second, time.Hour),
			Doc: "How long a client may take to send the header of a request; the TLS handshake has as long.",
		},
		{
			Key: "door.body_timeout", Group: "Limits of HTTP", Default: "30s", from: everywhere, value: duration(&c.Door.BodyTimeout, time.Second, time.Hour),
			Doc: "How long a client may take to send a request, header and body.",
		},
		{
			Key: "door.answer_timeout", Group: "Limits of HTTP", Default: "90s", from: everywhere, value: duration(&c.Door.AnswerTimeout, time.Second, time.Hour),
			Doc: "How long a request may take from the end of its header to the end of its answer. State sockets are out of its reach.",
		},
		{
			Key: "door.idle_timeout", Group: "Limits of HTTP", Default: "2m", from: everywhere, value: duration(&c.Door.IdleTimeout, time.Second, 24*time.Hour),
			Doc: "How long a connection may wait for its next request.",
		},
		{
			Key: "door.http2_streams", Group: "Limits of HTTP", Default: "100", from: everywhere, value: number(&c.Door.Streams, 1, 10_000),
			Doc: "How many requests one HTTP/2 connection may have open at once. A client that opens and resets more than four times as many before they are served is disconnected.",
		},
		{
			Key: "database", Group: "Storage", Default: "sqlite", from: everywhere, hide: hidePassword, value: text(&c.Database, "database", database),
			Doc: "sqlite keeps a file in the data dir; a postgres:// URL uses that PostgreSQL.",
		},
		{
			Key: "storage.kind", Group: "Storage", Default: string(FolderStorage), from: everywhere, value: text(&c.Storage.Kind, "kind", oneOf(string(FolderStorage), string(S3Storage))),
			Doc: "Where buckets are that storage.buckets does not name: folder keeps each in a folder below buckets in the data dir, s3 in a service that speaks Amazon S3's protocol.",
		},
		{
			Key: "storage.create_folders", Group: "Storage", Default: "true", from: everywhere, value: onOff(&c.Storage.CreateFolders),
			Doc: "Make the folder of a bucket that a new storage configuration names. Otherwise a missing one is refused.",
		},
		{
			Key: "storage.endpoint", Group: "Storage", Default: "", from: everywhere, value: text(&c.Storage.Endpoint, "url", optional(storeURL)),
			Doc: "The URL of the S3 service, such as https://minio.example.com. Empty means Amazon's own.",
		},
		{
			Key: "storage.region", Group: "Storage", Default: "", from: everywhere, value: text(&c.Storage.Region, "region", optional(region)),
			Doc: "The region that requests to the S3 service are signed for. Empty means the setting region.",
		},
		{
			Key: "storage.path_style", Group: "Storage", Default: "true", from: everywhere, value: onOff(&c.Storage.PathStyle),
			Doc: "Name the bucket in the path of the URL, as most services that are not Amazon's want it, not in the host's name.",
		},
		{
			Key: "storage.access_key_id", Group: "Storage", Default: "", from: everywhere, value: text(&c.Storage.AccessKeyID, "text", optional(keyID)),
			Doc: "The access key for the S3 service. Without one the AWS SDK's own chain is asked: AWS_ variables, ~/.aws, the machine's role.",
		},
		{
			Key: "storage.secret_access_key", Group: "Storage", Default: "", hide: hideAll, from: fromEnv | fromFile, value: text(&c.Storage.SecretAccessKey, "text", optional(secretKey)),
			Doc: "The secret of the access key for the S3 service.",
		},
		{
			Key: "storage.buckets", Group: "Storage", hide: hideAll, from: fromEnv | fromFile, value: targets(&c.Storage.Buckets),
			Doc: "Single buckets that are elsewhere: a list, described in storage.md. In the environment as JSON.",
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
			Key: "max_duration", Group: "Running", Default: "24h", from: everywhere, value: duration(&c.MaxDuration, time.Minute, 14*24*time.Hour),
			Doc: "How long a participation may last; after that the participant must join again.",
		},
		{
			Key: "max_participants", Group: "Running", Default: "10000", from: everywhere, value: number(&c.MaxParticipants, 1, 10_000_000),
			Doc: "Participants that may be on this node at once; more are refused with STAGE_AT_CAPACITY, or QUOTA_EXCEEDED where there is no state socket.",
		},
		{
			Key: "max_sockets", Group: "Running", Default: "20000", from: everywhere, value: number(&c.MaxSockets, 1, 10_000_000),
			Doc: "HTTP connections, state sockets among them, that may be open at once; more wait to be accepted.",
		},
		{
			Key: "max_media_sessions", Group: "Running", Default: "64", from: everywhere, value: number(&c.MaxMediaSessions, 1, 100_000),
			Doc: "Media sessions that one participant may have at once: its publication, and one for each participant it watches.",
		},
		{
			Key: "adaptation.enabled", Group: "Running", Default: "true", from: everywhere, value: onOff(&c.Adaptation.On),
			Doc: "Estimate what each viewer's line bears, and send it lower layers, or sound alone, when that is less than there is (adaptation.md).",
		},
		{
			Key: "adaptation.start_bitrate", Group: "Running", Default: "0", from: everywhere, value: number(&c.Adaptation.Start, 0, 1_000_000_000),
			Doc: "What a viewer's line is taken to bear at first, in bit/s. 0 is everything, until the line shows that it bears less.",
		},
		{
			Key: "adaptation.min_bitrate", Group: "Running", Default: "50000", from: everywhere, value: number(&c.Adaptation.Min, 10_000, 1_000_000_000),
			Doc: "The least that a line is taken to bear, in bit/s, whatever it shows.",
		},
		{
			Key: "max_pending_per_token", Group: "Running", Default: "32", from: everywhere, value: number(&c.MaxPendingPerToken, 1, 100_000),
			Doc: "Media sessions of one participant that were answered and are not connected yet.",
		},
		{
			Key: "max_pending_per_address", Group: "Running", Default: "1024", from: everywhere, value: number(&c.MaxPendingPerAddress, 1, 10_000_000),
			Doc: "The same of one client address (of an IPv6 /64). Behind a proxy that is not in trusted_proxies all clients have one.",
		},
		{
			Key: "history.retention", Group: "Events", Default: "1440h", from: everywhere, value: duration(&c.History, time.Hour, 10*365*24*time.Hour),
			Doc: "How long the participants and events of a session can be read after its end.",
		},
		{
			Key: "events.retention", Group: "Events", Default: "168h", from: everywhere, value: duration(&c.Events.Keep, time.Minute, 365*24*time.Hour),
			Doc: "How long events are kept for targets that cannot be reached, and for replay.",
		},
		{
			Key: "events.allow_private", Group: "Events", from: everywhere, value: list(&c.Events.AllowPrivate, "list", prefix),
			Doc: "Networks that targets of events may be in although they are no part of the internet, such as 127.0.0.0/8 or 10.0.0.0/8, with commas between. Addresses at which clouds keep secrets are never connected to.",
		},
		{
			Key: "events.targets", Group: "Events", hide: hideAll, from: fromEnv | fromFile, value: targets(&c.Events.Targets),
			Doc: "Who is told of events: a list, described in events.md. In the environment as JSON.",
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
			Key: "log.access", Group: "Watching", Default: "true", from: everywhere, value: onOff(&c.LogAccess),
			Doc: "Write a line for each HTTP request: who, what, how it ended. Tokens and signatures are never in it.",
		},
		{
			Key: "metrics_allow", Group: "Watching", Default: "127.0.0.0/8,::1/128", from: everywhere, value: list(&c.MetricsAllow, "list", prefix),
			Doc: "Networks that may read /metrics and /debug/pprof/, with commas between. A request that a proxy forwarded is refused.",
		},
		{
			Key: "pprof", Group: "Watching", Default: "false", from: everywhere, value: onOff(&c.Pprof),
			Doc: "Serve Go's profiles at /debug/pprof/, to those who may read the metrics.",
		},
		{
			Key: "tracing.endpoint", Group: "Watching", Default: "", from: everywhere, value: text(&c.Tracing.Endpoint, "url", collectorURL),
			Doc: "Where OpenTelemetry traces of API calls and joins are sent: an OTLP collector over HTTP, such as http://127.0.0.1:4318. Without a path, /v1/traces is asked. Nothing is traced if it is empty.",
		},
		{
			Key: "tracing.sample_ratio", Group: "Watching", Default: "1", from: everywhere, value: ratio(&c.Tracing.Ratio),
			Doc: "How many calls and joins of all are traced, from 0 (none) to 1 (each).",
		},
	}...)
	settings = slices.Insert(settings, position(settings, "database"), c.TURN.settings()...)
	settings = slices.Insert(settings, position(settings, "max_participants"), c.durations()...)
	for _, s := range settings {
		s.Origin = Origin{Place: Default}
	}
	return settings
}

// position returns where a setting stands.
func position(settings []*Setting, key string) int {
	return slices.IndexFunc(settings, func(s *Setting) bool { return s.Key == key })
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
