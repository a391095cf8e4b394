package config

import (
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

// load makes a Config from command-line arguments, an environment and the text of a file named f.yaml.
func load(args []string, env map[string]string, file string) (*Config, error) {
	c := New()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.AddFlags(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	err := c.Load(Sources{
		Env: func(name string) (string, bool) {
			if name == "PROSCENIUM_CONFIG" && file != "" {
				return "f.yaml", true
			}
			v, ok := env[name]
			return v, ok
		},
		ReadFile: func(path string) ([]byte, error) {
			if path != "f.yaml" {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return []byte(file), nil
		},
	})
	return c, err
}

func TestDefaults_AreThoseOfTheInterface(t *testing.T) {
	c, err := load(nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ key, value string }{
		{"data_dir", "./data"},
		{"http", "127.0.0.1:7400"},
		{"media", "127.0.0.1:7401"},
		{"rtmp", "127.0.0.1:1935"},
		{"public_url", ""},
		{"media_address", ""},
		{"region", "us-east-1"},
		{"account_id", "000000000000"},
		{"quotas.profile", "open"},
		{"database", "sqlite"},
		{"roles", "api,media,compositor"},
		{"demo", "false"},
		{"reconnect_window", "10s"},
		{"session_grace", "2m"},
	} {
		if got := c.setting(want.key).Value(); got != want.value {
			t.Errorf("%s is %q by default, want %q", want.key, got, want.value)
		}
	}
}

func (c *Config) setting(key string) *Setting {
	i := slices.IndexFunc(c.settings, func(s *Setting) bool { return s.Key == key })
	if i < 0 {
		panic("no setting " + key)
	}
	return c.settings[i]
}

func TestLoad_FlagWinsOverEnvironmentOverFileOverDefault(t *testing.T) {
	const inFile, inEnv, inFlag = "10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3"
	for _, tc := range []struct {
		name            string
		file, env, flag bool
		want            string
		origin          string
	}{
		{name: "nothing", want: "127.0.0.1:7400", origin: "default"},
		{name: "file", file: true, want: inFile, origin: "f.yaml:2"},
		{name: "environment", env: true, want: inEnv, origin: "PROSCENIUM_HTTP"},
		{name: "flag", flag: true, want: inFlag, origin: "--http"},
		{name: "file and environment", file: true, env: true, want: inEnv, origin: "PROSCENIUM_HTTP"},
		{name: "file and flag", file: true, flag: true, want: inFlag, origin: "--http"},
		{name: "environment and flag", env: true, flag: true, want: inFlag, origin: "--http"},
		{name: "all", file: true, env: true, flag: true, want: inFlag, origin: "--http"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var args []string
			env := map[string]string{}
			file := ""
			if tc.file {
				file = "# settings\nhttp: " + inFile + "\n"
			}
			if tc.env {
				env["PROSCENIUM_HTTP"] = inEnv
			}
			if tc.flag {
				args = []string{"--http", inFlag}
			}
			c, err := load(args, env, file)
			if err != nil {
				t.Fatal(err)
			}
			if c.HTTP != tc.want {
				t.Errorf("http is %s, want %s", c.HTTP, tc.want)
			}
			if got := c.setting("http").Origin.String(); got != tc.origin {
				t.Errorf("http comes from %s, want %s", got, tc.origin)
			}
		})
	}
}

// Every setting that has several ways in takes the same text in each and comes to the same value.
func TestLoad_FlagEnvironmentAndFileMeanTheSame(t *testing.T) {
	example := map[string]string{
		"data_dir": "/var/lib/p", "http": "[::]:80", "media": "0.0.0.0:81", "rtmp": "127.0.0.1:82",
		"public_url": "https://live.example.org", "media_address": "203.0.113.7,203.0.113.8:9000",
		"region": "eu-west-1", "account_id": "123456789012", "access_key_id": "AKID", "secret_access_key": "shh",
		"quotas.profile": "aws", "database": "postgres://u:p@h/d", "roles": "media,api", "demo": "true",
		"reconnect_window": "20s", "session_grace": "3m", "drain_timeout": "1s", "max_participants": "5",
		"max_sockets": "6", "log.level": "debug", "log.format": "json", "metrics_allow": "10.0.0.0/8", "pprof": "true",
		"tracing.endpoint": "http://127.0.0.1:4318", "tracing.sample_ratio": "0.25",
		"access_master_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"tls_cert":          "/c.pem", "tls_key": "/k.pem", "tls_domain": "a.example.org,b.example.org", "tls_email": "x@example.org",
		"tls_directory": "https://ca.example.org/dir", "tls_directory_ca": "/ca.pem", "http_redirect": "0.0.0.0:80",
		"trusted_proxies": "10.0.0.0/8,fd00::/8", "proxy_protocol": "true",
		"door.header_bytes": "8192", "door.body_bytes": "65536", "door.header_timeout": "5s", "door.body_timeout": "6s",
		"door.answer_timeout": "7s", "door.idle_timeout": "8s", "door.http2_streams": "9",
		"storage.create_folders": "false", "storage.kind": "s3", "storage.endpoint": "https://s3.example.org", "storage.region": "eu-west-2",
		"storage.path_style": "false", "storage.access_key_id": "STORE", "storage.secret_access_key": "shh", "storage.buckets": "[{}]",
		"max_duration": "1h", "max_media_sessions": "3", "max_pending_per_token": "4",
		"max_pending_per_address": "5", "log.access": "false",
		"history.retention": "1000h", "events.retention": "24h", "events.allow_private": "127.0.0.0/8", "events.targets": "[{}]",
		"limits.download_bitrate": "9000000", "adaptation.enabled": "false", "adaptation.start_bitrate": "700000", "adaptation.min_bitrate": "90000",
		"limits.publish_bitrate": "6000000", "limits.publish_resolution": "1920x1080", "limits.publish_frame_rate": "50",
		"limits.publish_frame_rate_min": "5", "limits.publish_audio_bitrate": "96000", "limits.b_frames": "true",
		"limits.codecs": "VP9,H264", "limits.layers": "2", "limits.publish_duration": "2h", "limits.subscribe_duration": "3h",
		"turn.listen": "0.0.0.0:3478", "turn.listen_tls": "0.0.0.0:5349", "turn.host": "relay.example.org",
		"turn.urls":                "turn:relay.example.org:3478?transport=udp,turns:192.0.2.1:443?transport=tcp",
		"turn.credential_lifetime": "1m", "turn.allocations_per_participant": "5", "turn.allocations": "50",
		"turn.bitrate_per_participant": "1000000",
	}
	// Some are refused one without the other.
	needs := map[string]map[string]string{
		"access_key_id":     {"PROSCENIUM_SECRET_ACCESS_KEY": "other"},
		"secret_access_key": {"PROSCENIUM_ACCESS_KEY_ID": "other"},
		"tls_cert":          {"PROSCENIUM_TLS_KEY": "other"},
		"tls_key":           {"PROSCENIUM_TLS_CERT": "other"},
		"http_redirect":     {"PROSCENIUM_TLS_DOMAIN": "a.example.org"},
		"proxy_protocol":    {"PROSCENIUM_TRUSTED_PROXIES": "10.0.0.0/8"},
		"turn.listen_tls":   {"PROSCENIUM_TLS_DOMAIN": "a.example.org"},
	}
	for _, s := range New().settings {
		if s.from == fromFile {
			continue
		}
		t.Run(s.Key, func(t *testing.T) {
			text, ok := example[s.Key]
			if !ok {
				t.Fatalf("%s is new: give it an example", s.Key)
			}
			both := maps.Clone(needs[s.Key])
			if both == nil {
				both = map[string]string{}
			}
			var values []string
			if s.from&fromFlag != 0 {
				values = append(values, loaded(t, s.Key, []string{"--" + s.Name() + "=" + text}, both, ""))
			}
			values = append(values, loaded(t, s.Key, nil, both, inYAML(s.Key, text)))
			both[s.Env()] = text
			values = append(values, loaded(t, s.Key, nil, both, ""))
			for _, v := range values {
				if v != text {
					t.Errorf("values are %q, want %q by each way", values, text)
					break
				}
			}
		})
	}
}

func loaded(t *testing.T, key string, args []string, env map[string]string, file string) string {
	t.Helper()
	c, err := load(args, env, file)
	if err != nil {
		t.Fatal(err)
	}
	return c.setting(key).value.get()
}

func inYAML(key, text string) string {
	if strings.Contains(text, ",") {
		text = "[" + text + "]"
	} else if strings.HasPrefix(text, "[") {
		text = `"` + text + `"`
	}
	if above, name, ok := strings.Cut(key, "."); ok {
		return above + ":\n  " + name + ": " + text + "\n"
	}
	return key + ": " + text + "\n"
}

func TestLoad_RefusalNamesSettingValueOriginAndWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		env  map[string]string
		file string
		want string
	}{
		{name: "port", args: []string{"--http", "127.0.0.1"}, want: `http: "127.0.0.1" (from --http) is refused: it must be host:port`},
		{name: "ratio", args: []string{"--tracing-sample-ratio", "NaN"}, want: `it must be a number from 0 to 1`},
		{name: "collector", args: []string{"--tracing-endpoint", "grpc://c:4317"}, want: `it must be http://host:port`},
		{name: "port too high", args: []string{"--media", "127.0.0.1:70000"}, want: "the port must be a number from 0"},
		{name: "host name", env: map[string]string{"PROSCENIUM_HTTP": "example.org:80"}, want: `http: "example.org:80" (from PROSCENIUM_HTTP)`},
		{name: "account", args: []string{"--account-id", "12"}, want: "it must be 12 digits"},
		{name: "region", args: []string{"--region", "US"}, want: `region: "US"`},
		{name: "profile", args: []string{"--quotas", "none"}, want: "it must be open or aws"},
		{name: "role", args: []string{"--roles", "api,cook"}, want: `"cook": it must be api or media or compositor`},
		{name: "role twice", args: []string{"--roles", "api,api"}, want: "stands in it twice"},
		{name: "no role", args: []string{"--roles", ""}, want: "roles: it must name at least one"},
		{name: "demo without media", args: []string{"--roles", "api", "--demo"}, want: "demo: it needs the roles api and media"},
		{name: "database", args: []string{"--database", "mysql://x"}, want: "it must be sqlite, or postgres://"},
		{name: "url with path", args: []string{"--public-url", "https://a/b"}, want: "no path"},
		{name: "media address", args: []string{"--media-address", "0.0.0.0"}, want: "an IP address that clients reach"},
		{name: "duration", args: []string{"--session-grace", "soon"}, want: "a duration from 1s to 24h"},
		{name: "one key of two", env: map[string]string{"PROSCENIUM_ACCESS_KEY_ID": "a"}, want: "give both or neither"},
		{name: "same port", args: []string{"--http", "127.0.0.1:1", "--media", "127.0.0.1:1"}, want: "both want 127.0.0.1:1"},
		{name: "unknown key", file: "a: 1\n", want: `f.yaml:1: there is no setting "a"`},
		{name: "unknown key below", file: "log:\n  level: info\n  colour: red\n", want: `f.yaml:3: there is no setting "log.colour"`},
		{name: "flag's name in the file", file: "data-dir: x\n", want: `did you mean "data_dir"?`},
		{name: "key twice", file: "http: 127.0.0.1:1\nhttp: 127.0.0.1:2\n", want: "already defined"},
		{name: "value in the file", file: "\n\nhttp: nonsense\n", want: `http: "nonsense" (from f.yaml:3)`},
		{name: "list for one value", file: "http: [a, b]\n", want: "f.yaml:1: http: it takes one value, not a list"},
		{name: "mapping for one value", file: "http: {a: b}\n", want: "it takes one value, not keys and values"},
		{name: "scalar for a group", file: "log: info\n", want: "log must hold keys and values"},
		{name: "no value", file: "http:\n", want: "http: it has no value"},
		{name: "not a mapping", file: "- a\n", want: "the file must hold keys and values"},
		{name: "two documents", file: "http: 127.0.0.1:1\n---\nmedia: 127.0.0.1:2\n", want: "a second document"},
		{name: "alias", file: "http: &x 127.0.0.1:1\nmedia: *x\n", want: "http: it takes a plain value"},
		{name: "rate of nothing", file: "quotas: {rates: {Create-Stage: 2}}\n", want: "is not the name of an operation"},
		{name: "negative rate", file: "quotas: {rates: {CreateStage: -2}}\n", want: "must be from 0 (no limit)"},
		{name: "quota", file: "quotas: {stages: -1}\n", want: "quotas.stages"},
		{name: "no file", args: []string{"--config", "missing.yaml"}, want: "missing.yaml"},
		{name: "deep nesting", file: strings.Repeat("[", 1000), want: "nested more than"},
		{name: "large file", file: strings.Repeat("#", maxFile+1), want: "the limit is"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := load(tc.args, tc.env, tc.file)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestLoad_NamesEveryWrongSettingAtOnce(t *testing.T) {
	_, err := load([]string{"--http", "x", "--media", "y"}, nil, "")
	if err == nil || !strings.Contains(err.Error(), `http: "x"`) || !strings.Contains(err.Error(), `media: "y"`) {
		t.Errorf("got %v, want both settings", err)
	}
}

func TestSecrets_AreNotShown(t *testing.T) {
	env := map[string]string{
		"PROSCENIUM_ACCESS_KEY_ID": "id", "PROSCENIUM_SECRET_ACCESS_KEY": "hidden-one",
		"PROSCENIUM_DATABASE": "postgres://u:hidden-two@h/d?password=hidden-three",
	}
	c, err := load(nil, env, "")
	if err != nil {
		t.Fatal(err)
	}
	_, refused := load(nil, map[string]string{"PROSCENIUM_SECRET_ACCESS_KEY": "hidden four", "PROSCENIUM_DATABASE": "mysql://u:hidden-five@h"}, "")
	shown := fmt.Sprintf("%v %+v %#v %v", c.SecretAccessKey, c.SecretAccessKey, c.SecretAccessKey, refused)
	for _, s := range c.Settings() {
		shown += s.Value()
	}
	if strings.Contains(shown, "hidden") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

func TestQuotas_FollowTheProfileWhereNotSet(t *testing.T) {
	open, err := load(nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if open.Quotas.Stages.N != 0 || open.Quotas.Rate("CreateStage", 5) != 0 {
		t.Errorf("open limits %+v", open.Quotas)
	}
	aws, err := load(nil, nil, "quotas: {profile: aws, publishers_per_stage: 50, rates: {CreateStage: 20}}\n")
	if err != nil {
		t.Fatal(err)
	}
	q := aws.Quotas
	if q.Stages.N != 1000 || q.PublishersPerStage.N != 50 || q.Rate("CreateStage", 5) != 20 || q.Rate("GetStage", 5) != 5 {
		t.Errorf("aws with two values of its own: %+v", q)
	}
	if got := aws.setting("quotas.stages").Origin.String(); got != "profile aws" {
		t.Errorf("quotas.stages comes from %s", got)
	}
	if short, err := load(nil, nil, "quotas: aws\n"); err != nil || short.Quotas.Stages.N != 1000 {
		t.Errorf("quotas: aws gives %v, %v", short.Quotas.Stages, err)
	}
	if _, err := q.RatesFrom(map[string]float64{"GetStage": 5}); err == nil {
		t.Error("a rate for an operation that does not exist is taken")
	}
}

func TestTLS_RefusesWhatCannotBeMeant(t *testing.T) {
	for want, args := range map[string][]string{
		"tls_cert and tls_key: give both":          {"--tls-cert=a"},
		"tls_cert and tls_domain: give one":        {"--tls-cert=a", "--tls-key=b", "--tls-domain=a.example.org"},
		"http_redirect: it needs tls_cert":         {"--http-redirect=127.0.0.1:80"},
		"public_url: with TLS it must begin":       {"--tls-cert=a", "--tls-key=b", "--public-url=http://a.example.org"},
		"proxy_protocol: it needs trusted_proxies": {"--proxy-protocol"},
		"http and http_redirect: both want":        {"--tls-cert=a", "--tls-key=b", "--http=127.0.0.1:80", "--http-redirect=127.0.0.1:80"},
		`"10.0.0.1": it must be a name in the DNS`: {"--tls-domain=10.0.0.1"},
		`"Example.org": it must be a name`:         {"--tls-domain=Example.org"},
		"tls_directory":                            {"--tls-directory=http://insecure.example.org"},
	} {
		if _, err := load(args, nil, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q, got %v", args, want, err)
		}
	}
	if _, err := load(nil, map[string]string{"PROSCENIUM_ACCESS_MASTER_KEY": "c2hvcnQ="}, ""); err == nil || strings.Contains(err.Error(), "c2hvcnQ") {
		t.Errorf("a short master key: %v", err)
	}
}

func TestUnknown_FindsMisspeltVariables(t *testing.T) {
	got := New().Unknown([]string{"PROSCENIUM_HTPP=x", "PROSCENIUM_HTTP=x", "PROSCENIUM_CONFIG=y", "HOME=/", "PROSCENIUM_QUOTAS_STAGES=1"})
	if !slices.Equal(got, []string{"PROSCENIUM_HTPP", "PROSCENIUM_QUOTAS_STAGES"}) {
		t.Errorf("unknown are %q", got)
	}
}

func TestLoopback_HoldsOnlyIfEveryListenerIs(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want bool
	}{
		{nil, true},
		{[]string{"--http", "[::1]:7400"}, true},
		{[]string{"--http", "localhost:7400"}, true},
		{[]string{"--http", "0.0.0.0:7400"}, false},
		{[]string{"--media", ":7401"}, false},
		{[]string{"--rtmp", "192.0.2.1:1935"}, false},
	} {
		c, err := load(tc.args, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if c.Loopback() != tc.want {
			t.Errorf("%q on loopback: %t", tc.args, c.Loopback())
		}
	}
}

func TestValues_ReachTheFields(t *testing.T) {
	c, err := load([]string{"--log-level", "WARN", "--reconnect-window", "1m30s", "--demo", "--media-address", "1.2.3.4, 5.6.7.8"}, nil, "account_id: 000000000042\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.LogLevel != slog.LevelWarn || c.ReconnectWindow != 90*time.Second || !c.Demo ||
		!slices.Equal(c.MediaAddress, []string{"1.2.3.4", "5.6.7.8"}) || c.AccountID != "000000000042" {
		t.Errorf("fields are %+v", c)
	}
}

func TestReference_IsFresh(t *testing.T) {
	const path = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != Reference() {
		t.Error("docs/configuration.md says something else than the settings: run `make docs` and read the difference")
	}
}

// Row 41 and the general rule: a file is untrusted until it has been read.
func FuzzParseFile(f *testing.F) {
	for _, seed := range []string{
		"", "http: 127.0.0.1:1\n", "log: {level: info}\n", "quotas: {profile: aws, rates: {CreateStage: 20}}\n",
		"a: &b [*b]\n", "? {x: y}\n: z\n", "- - - a\n", "!!binary x: y\n", "<<: {a: b}\n", "roles: [api, media]\n",
		"http: |\n  x\n  y\n", "\"\\u0000\": 1\n", "%YAML 1.2\n---\nhttp: 1\n...\n", "a: {b: {c: [}\n", "\t\n", "demo: ~\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := New()
		err := c.parseFile("f.yaml", data)
		c.Quotas.resolve()
		for _, s := range c.settings {
			if s.Origin.Place != File {
				continue
			}
			// What was taken can be said again, and means the same.
			before := s.value.get()
			if again := s.value.set(before); again != nil || s.value.get() != before {
				t.Errorf("%s: %q is taken from a file, but again: %v (%v)", s.Key, before, again, err)
			}
		}
	})
}
