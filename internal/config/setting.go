package config

import (
	"fmt"
	"slices"
	"strings"
)

const envPrefix = "PROSCENIUM_"

// Place is a kind of source that a value can come from.
type Place string

// The places, weakest first.
const (
	Default     Place = "default"
	Profile     Place = "profile" // of quotas
	File        Place = "file"
	Environment Place = "environment"
	Flag        Place = "flag"
)

// Origin says where a value came from.
type Origin struct {
	Place  Place
	Detail string // the flag, the variable, or the file and line; "" for a default
}

// String returns the origin as a person would say it.
func (o Origin) String() string {
	if o.Detail == "" {
		return string(o.Place)
	}
	return o.Detail
}

// places is a set of sources that may set a setting.
type places uint8

const (
	fromFlag places = 1 << iota
	fromEnv
	fromFile

	everywhere = fromFlag | fromEnv | fromFile
)

// Setting is one thing an operator can set.
type Setting struct {
	Key     string // in the file, with a dot for each level: "log.level"
	Group   string // the heading it stands under
	Doc     string // whole sentences
	Default string
	Derived string // what an empty default becomes, in words
	Origin  Origin

	name  string // of the flag, when it does not follow from Key
	from  places
	hide  func(string) string // takes the secrets out of a value; nil where there are none
	value value
}

// Name returns the flag's name, without dashes in front.
func (s *Setting) Name() string {
	if s.name != "" {
		return s.name
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.Key)
}

// Env returns the name of the variable in the environment.
func (s *Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Name(), "-", "_"))
}

// Value returns the value in force as a text, with REDACTED for what is secret.
func (s *Setting) Value() string { return s.shown(s.value.get()) }

func (s *Setting) shown(text string) string {
	if s.hide == nil {
		return text
	}
	return s.hide(text)
}

func (s *Setting) take(text string, origin Origin) error {
	if err := s.value.set(text); err != nil {
		return fmt.Errorf("%s: %q (from %s) is refused: %w", s.Key, s.shown(text), origin, err)
	}
	s.Origin = origin
	return nil
}

func (s *Setting) usage() string {
	text := s.Doc
	if s.Derived != "" {
		text += " Default: " + s.Derived + "."
	}
	return text
}

// Settings returns every setting with its value in force and where that came from, in the order of the reference.
func (c *Config) Settings() []Setting {
	out := make([]Setting, len(c.settings))
	for i, s := range c.settings {
		out[i] = *s
	}
	return out
}

// File returns the path of the file that was read, "" if none was.
func (c *Config) File() string { return c.file }

// Unknown returns the names in environ ("NAME=value") that begin with PROSCENIUM_ and name no setting: most
// likely misspelt.
func (c *Config) Unknown(environ []string) []string {
	known := map[string]bool{envPrefix + "CONFIG": true}
	for _, s := range c.settings {
		known[s.Env()] = s.from&fromEnv != 0
	}
	var out []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && !known[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
