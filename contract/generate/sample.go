package main

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// sample returns a string of n characters that a string shape's pattern matches, or the shortest there is
// when none is so short.
func sample(s *shape, n int) string {
	if s.Enum != nil {
		return s.Enum[0]
	}
	if s.Pattern == "" {
		return strings.Repeat("é", n) // two bytes each: lengths are in characters
	}
	tree, err := syntax.Parse(s.Pattern, syntax.Perl)
	if err != nil {
		panic("contract: pattern of " + s.name + ": " + err.Error())
	}
	shortest := expand(tree, 0, n)
	out := shortest
	if missing := n - utf8.RuneCountInString(shortest); missing > 0 {
		out = expand(tree, missing, n)
	}
	if !matches(s, out) {
		panic("contract: no sample for the pattern of " + s.name)
	}
	return out
}

func matches(s *shape, v string) bool {
	return s.Pattern == "" || regexp.MustCompile(`\A(?:`+s.Pattern+`)\z`).MatchString(v)
}

// expand writes a string that the tree matches; its last repetition is drawn out by extra characters. Of
// alternatives it takes the first, unless that is empty and something is wanted.
func expand(t *syntax.Regexp, extra, wanted int) string {
	switch t.Op {
	case syntax.OpLiteral:
		return string(t.Rune)
	case syntax.OpCharClass:
		return string(pick(t.Rune))
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return "x"
	case syntax.OpCapture:
		return expand(t.Sub[0], extra, wanted)
	case syntax.OpStar, syntax.OpQuest:
		return strings.Repeat(expand(t.Sub[0], 0, wanted), extra)
	case syntax.OpPlus:
		return strings.Repeat(expand(t.Sub[0], 0, wanted), 1+extra)
	case syntax.OpConcat:
		return concat(t.Sub, extra, wanted)
	case syntax.OpAlternate:
		if first := expand(t.Sub[0], 0, wanted); first != "" || wanted == 0 {
			return expand(t.Sub[0], extra, wanted)
		}
		return expand(t.Sub[1], extra, wanted)
	default: // anchors and the empty match
		return ""
	}
}

func concat(parts []*syntax.Regexp, extra, wanted int) string {
	last := -1
	for i, p := range parts {
		if repeats(p) {
			last = i
		}
	}
	var b strings.Builder
	for i, p := range parts {
		if i == last {
			b.WriteString(expand(p, extra, wanted))
		} else {
			b.WriteString(expand(p, 0, wanted))
		}
	}
	return b.String()
}

func repeats(t *syntax.Regexp) bool {
	switch t.Op {
	case syntax.OpStar, syntax.OpPlus:
		return true
	case syntax.OpCapture:
		return repeats(t.Sub[0])
	}
	return false
}

// pick returns a letter or digit of a class, its first character if it has none.
func pick(ranges []rune) rune {
	for _, want := range "a0A" {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	return ranges[0]
}

// stranger returns a string that the pattern does not match though its length is right, "" if there is none.
func stranger(s *shape, valid string) string {
	_, size := utf8.DecodeLastRuneInString(valid)
	for _, c := range []string{"!", "é", "\x00", "\n"} {
		for _, v := range []string{valid[:len(valid)-size] + c, valid + c} {
			n := utf8.RuneCountInString(v)
			if !matches(s, v) && (s.Max == nil || n <= int(*s.Max)) && (s.Min == nil || n >= int(*s.Min)) {
				return v
			}
		}
	}
	return ""
}
