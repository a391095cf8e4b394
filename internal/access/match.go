package access

import (
	"fmt"
	"strings"
)

// like tells whether s is what the pattern describes: * is any run of characters, ? is any one.
//
// It remembers the last star only, so the work is bounded by the product of both lengths.
func like(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			i += width(s[i:])
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// width is how many bytes the first character of s has.
func width(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// resourcePattern is a Resource of a policy: "*", or an ARN whose parts may hold wildcards. A wildcard does
// not reach beyond its part.
type resourcePattern struct {
	any   bool
	parts []string // six
}

const arnParts = 6

func newResourcePattern(text string) (resourcePattern, error) {
	if text == "*" {
		return resourcePattern{any: true}, nil
	}
	parts := strings.SplitN(text, ":", arnParts)
	if len(parts) != arnParts || parts[0] != "arn" || parts[5] == "" {
		return resourcePattern{}, fmt.Errorf("%q must be * or an ARN, such as arn:aws:ivs:*:*:stage/*", text)
	}
	return resourcePattern{parts: parts}, nil
}

func (p resourcePattern) matches(resource string) bool {
	if p.any {
		return true
	}
	parts := strings.SplitN(resource, ":", arnParts)
	if len(parts) != arnParts {
		return false
	}
	for i, pattern := range p.parts {
		if !like(pattern, parts[i]) {
			return false
		}
	}
	return true
}
