// Package config holds everything an operator can set, with defaults and checks.
//
// There is one definition of every setting (settings.go). The flags, the PROSCENIUM_* environment, the YAML
// file, the help text and docs/configuration.md are all made from it, and mean the same things. A flag wins
// over the environment, the environment over the file, the file over the default; where a value came from is
// remembered.
//
// The package starts no goroutine and asks the system for nothing: whoever calls Load hands in the
// environment and a way to read the file. What follows from a value by looking at the machine (addresses,
// credentials made once) is node's to find out.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/pflag"
)

// Role is a part of the server's work that a node may take on.
type Role string

// The roles.
const (
	RoleAPI        Role = "api"        // decides: the AWS API and the records behind it
	RoleMedia      Role = "media"      // does: signalling and forwarding
	RoleCompositor Role = "compositor" // makes: compositions
)

// Secret is a text that must not reach a log: it prints as REDACTED.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "REDACTED"
}

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// Config is everything an operator has set. Fields are filled by Load and not changed afterwards.
type Config struct {
	DataDir string

	HTTP  string   // host:port
	Media []string // host:port, UDP and TCP
	RTMP  string   // host:port

	PublicURL    string   // "" derives it from HTTP
	MediaAddress []string // IP or IP:port; empty derives them from Media

	Region    string
	AccountID string
	Quotas    Quotas
	Limits    Limits // of publications
	Database  string // "sqlite" or a postgres:// URL
	Roles     []Role
	Demo      bool

	TLS   TLS
	TURN  TURN
	Door  Door
	Proxy Proxy

	AccessMasterKey Secret // "" is made and kept in the data dir
	AccessKeyID     string // "" follows the rule of root credentials
	SecretAccessKey Secret

	ReconnectWindow time.Duration
	SessionGrace    time.Duration
	DrainTimeout    time.Duration

	MaxDuration       time.Duration // of a participation
	PublishDuration   time.Duration // 0 is no limit
	SubscribeDuration time.Duration // 0 is no limit
	Storage           Storage

	MaxParticipants      int
	MaxSockets           int
	MaxMediaSessions     int // of one participant
	MaxPendingPerToken   int // media sessions that are not connected yet
	MaxPendingPerAddress int

	LogLevel  slog.Level
	LogFormat string // "text" or "json"
	LogAccess bool

	Events  Events
	History time.Duration // how long what happened in a session can be read

	MetricsAllow []string // CIDR prefixes
	Pprof        bool

	Tracing Tracing

	Adaptation Adaptation

	settings []*Setting
	flags    *pflag.FlagSet
	file     string // path given with --config or PROSCENIUM_CONFIG
}

// TLS says whether and with which certificates HTTP is encrypted.
type TLS struct {
	Cert, Key   string   // paths of files; "" without
	Domains     []string // for which certificates are got by ACME; none without
	Email       string
	Directory   string // of the ACME server
	DirectoryCA string // path of the certificates that the ACME server is trusted by; "" for the system's
	Redirect    string // host:port of plain HTTP that only redirects; "" without
}

// On says whether HTTP is encrypted.
func (t TLS) On() bool { return t.Cert != "" || len(t.Domains) > 0 }

// Door says how much of a request is read, and how patiently.
type Door struct {
	HeaderBytes   int
	BodyBytes     int // of an API call
	HeaderTimeout time.Duration
	BodyTimeout   time.Duration // header included
	AnswerTimeout time.Duration // header and body included
	IdleTimeout   time.Duration
	Streams       int // of one HTTP/2 connection at once
}

// Tracing says where traces go, and how many.
type Tracing struct {
	Endpoint string  // of an OTLP collector over HTTP; "" traces nothing
	Ratio    float64 // of calls and joins that are traced, 0..1
}

// Adaptation says how viewers are given what their lines bear.
type Adaptation struct {
	On         bool
	Start, Min int // of an estimate, bit/s; a Start of 0 is no bound until the line shows one
}

// Proxy says whose word is taken about who a client is.
type Proxy struct {
	Trusted  []string // CIDR prefixes
	Protocol bool     // whether they speak the PROXY protocol
}

// New returns a Config in which every setting has its default.
func New() *Config {
	c := &Config{}
	c.settings = define(c)
	for _, s := range c.settings {
		if err := s.value.set(s.Default); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", s.Key, err))
		}
	}
	c.Quotas.resolve()
	c.Limits.resolve(c.Quotas.Profile)
	return c
}

// Sources are where Load looks for values.
type Sources struct {
	// Env looks up a variable of the environment. nil is an empty environment.
	Env func(name string) (value string, ok bool)
	// ReadFile reads the file that --config names. nil refuses to.
	ReadFile func(path string) ([]byte, error)
}

// Load fills c from the file, the environment and the flags that were given to AddFlags' set, in this order,
// and checks the result. The error names every setting that is wrong, its value, where that came from, and
// what is allowed.
func (c *Config) Load(from Sources) error {
	env := from.Env
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	var errs []error
	if err := c.loadFile(env, from.ReadFile); err != nil {
		errs = append(errs, err)
	}
	for _, s := range c.settings {
		if text, ok := env(s.Env()); ok && s.from&fromEnv != 0 {
			errs = append(errs, s.take(text, Origin{Environment, s.Env()}))
		}
		if flag := c.lookup(s); flag != nil && flag.Changed {
			errs = append(errs, s.take(flag.Value.String(), Origin{Flag, "--" + s.Name()}))
		}
	}
	c.Quotas.resolve()
	c.Limits.resolve(c.Quotas.Profile)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.check()
}

func (c *Config) loadFile(env func(string) (string, bool), read func(string) ([]byte, error)) error {
	c.file, _ = env(envPrefix + "CONFIG")
	if c.flags != nil {
		if flag := c.flags.Lookup("config"); flag != nil && flag.Changed {
			c.file = flag.Value.String()
		}
	}
	if c.file == "" {
		return nil
	}
	if read == nil {
		return fmt.Errorf("config: nothing reads the file %s", c.file)
	}
	data, err := read(c.file)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return c.parseFile(c.file, data)
}

func (c *Config) lookup(s *Setting) *pflag.Flag {
	if c.flags == nil || s.from&fromFlag == 0 {
		return nil
	}
	return c.flags.Lookup(s.Name())
}

// AddFlags defines a flag in set for every setting that has one, and --config. Load reads them from it.
func (c *Config) AddFlags(set *pflag.FlagSet) {
	c.addFlags(set, func(*Setting) bool { return true })
}

// AddFlagsOf is AddFlags for a command that takes some settings only, given by their keys. The others are read
// from environment and file.
func (c *Config) AddFlagsOf(set *pflag.FlagSet, keys ...string) {
	c.addFlags(set, func(s *Setting) bool { return slices.Contains(keys, s.Key) })
}

func (c *Config) addFlags(set *pflag.FlagSet, wanted func(*Setting) bool) {
	c.flags = set
	set.String("config", "", "YAML file of settings (environment: "+envPrefix+"CONFIG)")
	for _, s := range c.settings {
		if s.from&fromFlag == 0 || !wanted(s) {
			continue
		}
		flag := set.VarPF(&flagText{text: s.Default, kind: s.value.kind}, s.Name(), "", s.usage())
		if s.value.kind == "switch" {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagText keeps what was given on the command line; Load reads it when its turn comes.
type flagText struct{ text, kind string }

func (f *flagText) String() string { return f.text }
func (f *flagText) Type() string   { return f.kind }

func (f *flagText) Set(text string) error {
	f.text = text
	return nil
}

// HasRole says whether the node takes on the role.
func (c *Config) HasRole(r Role) bool {
	for _, have := range c.Roles {
		if have == r {
			return true
		}
	}
	return false
}
