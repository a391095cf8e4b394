package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value reads and writes one field of a Config as a text.
type value struct {
	kind string // as the help shows it
	set  func(string) error
	get  func() string
}

// check refuses a text: the error says what is allowed, to stand after "is refused:".
type check func(string) error

func text[T ~string](p *T, kind string, checks ...check) value {
	return value{kind: kind, get: func() string { return string(*p) }, set: func(s string) error {
		for _, c := range checks {
			if err := c(s); err != nil {
				return err
			}
		}
		*p = T(s)
		return nil
	}}
}

func list[T ~string](p *[]T, kind string, checks ...check) value {
	get := func() string {
		var words []string
		for _, v := range *p {
			words = append(words, string(v))
		}
		return strings.Join(words, ",")
	}
	return value{kind: kind, get: get, set: func(s string) error {
		var out []T
		for word := range strings.SplitSeq(s, ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			for _, c := range checks {
				if err := c(word); err != nil {
					return fmt.Errorf("%q: %w", word, err)
				}
			}
			if slices.Contains(out, T(word)) {
				return fmt.Errorf("%q stands in it twice", word)
			}
			out = append(out, T(word))
		}
		*p = out
		return nil
	}}
}

func onOff(p *bool) value {
	return value{kind: "switch", get: func() string { return strconv.FormatBool(*p) }, set: func(s string) error {
		switch strings.ToLower(s) {
		case "true", "1", "yes", "on":
			*p = true
		case "false", "0", "no", "off":
			*p = false
		default:
			return fmt.Errorf("it must be true or false")
		}
		return nil
	}}
}

func number(p *int, least, most int) value {
	return value{kind: "number", get: func() string { return strconv.Itoa(*p) }, set: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("it must be a whole number from %d to %d", least, most)
		}
		*p = n
		return nil
	}}
}

func ratio(p *float64) value {
	return value{kind: "0..1", get: func() string { return strconv.FormatFloat(*p, 'g', -1, 64) }, set: func(s string) error {
		r, err := strconv.ParseFloat(s, 64)
		// The comparison is written so that NaN fails it.
		if err != nil || !(r >= 0 && r <= 1) {
			return fmt.Errorf("it must be a number from 0 to 1, such as 0.1")
		}
		*p = r
		return nil
	}}
}

func duration(p *time.Duration, least, most time.Duration) value {
	return value{kind: "duration", get: func() string { return short(*p) }, set: func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < least || d > most {
			return fmt.Errorf("it must be a duration from %s to %s, such as 90s or 2m", short(least), short(most))
		}
		*p = d
		return nil
	}}
}

// short writes a duration without the zeros that time.Duration ends with: 2m rather than 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func level(p *slog.Level) value {
	return value{kind: "level", get: func() string { return strings.ToLower(p.String()) }, set: func(s string) error {
		switch strings.ToLower(s) {
		case "debug", "info", "warn", "error":
			return p.UnmarshalText([]byte(s))
		}
		return fmt.Errorf("it must be debug, info, warn or error")
	}}
}

// quota is a number that its profile decides while it is not set.
func quota(p *Limit) value {
	get := func() string {
		if !p.set {
			return ""
		}
		return strconv.Itoa(p.N)
	}
	return value{kind: "number", get: get, set: func(s string) error {
		if s == "" {
			*p = Limit{}
			return nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > maxQuota {
			return fmt.Errorf("it must be a whole number from 0 (no limit) to %d", maxQuota)
		}
		*p = Limit{N: n, set: true}
		return nil
	}}
}

// rates are calls per second by operation; as a text: CreateStage=20,GetStage=5.
func rates(p *map[string]float64) value {
	get := func() string {
		var words []string
		for _, op := range slices.Sorted(maps.Keys(*p)) {
			words = append(words, op+"="+strconv.FormatFloat((*p)[op], 'g', -1, 64))
		}
		return strings.Join(words, ",")
	}
	return value{kind: "map", get: get, set: func(s string) error {
		out := map[string]float64{}
		for word := range strings.SplitSeq(s, ",") {
			if word == "" {
				continue
			}
			op, rate, _ := strings.Cut(word, "=")
			r, err := strconv.ParseFloat(rate, 64)
			// The comparison is written so that NaN fails it.
			if err != nil || !(r >= 0 && r <= maxRate) {
				return fmt.Errorf("the rate of %q must be from 0 (no limit) to %d calls per second", op, maxRate)
			}
			if !isOperation(op) {
				return fmt.Errorf("%q is not the name of an operation", op)
			}
			out[op] = r
		}
		*p = out
		return nil
	}}
}

func isOperation(s string) bool {
	for _, r := range s {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
