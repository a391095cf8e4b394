package wire

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TextRule is what a string must satisfy. Lengths are in Unicode characters.
type TextRule struct {
	Min, Max int    // Max 0: no limit
	Pattern  string // as the contract has it; matched against the whole string
	Enum     []string
	Reserved string // a prefix that no value may have, in lower case
	FoldCase bool   // values of Enum may be in any case
	Bytes    int    // how long a value may be in UTF-8; 0: no limit

	match *regexp.Regexp
}

// Compile returns the rule ready for use. It panics if the pattern is no regular expression.
func (t TextRule) Compile() *TextRule {
	if t.Pattern != "" {
		t.match = regexp.MustCompile(`\A(?:` + t.Pattern + `)\z`)
	}
	return &t
}

// broken returns the constraints that s does not satisfy.
func (t *TextRule) broken(s string) []string {
	var out []string
	n := utf8.RuneCountInString(s)
	if t.Max > 0 && n > t.Max {
		out = append(out, atMost("length", t.Max))
	}
	if n < t.Min {
		out = append(out, atLeast("length", t.Min))
	}
	// What is far too long is not matched as well: it is refused already, and a megabyte takes its time.
	if t.match != nil && (t.Max == 0 || n <= 16*t.Max) && !t.match.MatchString(s) {
		out = append(out, "Member must satisfy regular expression pattern: "+t.Pattern)
	}
	if t.Enum != nil && !t.listed(s) {
		out = append(out, "Member must satisfy enum value set: ["+strings.Join(t.Enum, ", ")+"]")
	}
	if p := len(t.Reserved); p > 0 && len(s) >= p && strings.EqualFold(s[:p], t.Reserved) {
		out = append(out, "Member must not begin with the reserved prefix "+t.Reserved)
	}
	if t.Bytes > 0 && len(s) > t.Bytes {
		out = append(out, "Member must have at most "+strconv.Itoa(t.Bytes)+" bytes")
	}
	return out
}

func (t *TextRule) listed(s string) bool {
	return slices.ContainsFunc(t.Enum, func(v string) bool { return v == s || t.FoldCase && strings.EqualFold(v, s) })
}

// NumberRule is what a number must satisfy; nil: no limit.
type NumberRule struct{ Min, Max *float64 }

// SizeRule is how many elements a list or map may have; Max 0: no limit.
type SizeRule struct {
	Min, Max   int
	TotalBytes int // of all keys and values of a map together; 0: no limit
}

// Check collects what is wrong with an input.
type Check struct {
	path []string
	all  []string
}

// Err returns a ValidationException that lists every violation in the way AWS services do, nil if there is
// none.
func (c *Check) Err(validation Exception) error {
	switch len(c.all) {
	case 0:
		return nil
	case 1:
		return Fault{validation, "1 validation error detected: " + c.all[0]}
	default:
		return Fault{validation, fmt.Sprintf("%d validation errors detected: %s", len(c.all), strings.Join(c.all, "; "))}
	}
}

// Need complains unless a required member is there.
func (c *Check) Need(member string, present bool) {
	if !present {
		c.violate(member, "Member must not be null")
	}
}

// In has check look at a member that is a structure.
func (c *Check) In(member string, check func(*Check)) {
	c.path = append(c.path, member)
	check(c)
	c.path = c.path[:len(c.path)-1]
}

func (c *Check) violate(member, constraint string) {
	path := strings.Join(append(slices.Clip(c.path), member), ".")
	c.all = append(c.all, "Value at '"+path+"' failed to satisfy constraint: "+constraint)
}

func (c *Check) size(member string, n int, rule SizeRule) {
	if rule.Max > 0 && n > rule.Max {
		c.violate(member, atMost("length", rule.Max))
	}
	if n < rule.Min {
		c.violate(member, atLeast("length", rule.Min))
	}
}

// CheckText checks a string; nil is fine.
func CheckText[T ~string](c *Check, member string, v *T, rule *TextRule) {
	if v == nil {
		return
	}
	for _, constraint := range rule.broken(string(*v)) {
		c.violate(member, constraint)
	}
}

// CheckNumber checks a number; nil is fine.
func CheckNumber[T int32 | int64 | float64](c *Check, member string, v *T, rule NumberRule) {
	if v == nil {
		return
	}
	if rule.Max != nil && float64(*v) > *rule.Max {
		c.violate(member, atMost("value", *rule.Max))
	}
	if rule.Min != nil && float64(*v) < *rule.Min {
		c.violate(member, atLeast("value", *rule.Min))
	}
}

// CheckTexts checks a list of strings; nil is fine.
func CheckTexts[T ~string](c *Check, member string, list []T, size SizeRule, each *TextRule) {
	if list == nil {
		return
	}
	c.size(member, len(list), size)
	c.members(member, "Member must satisfy constraint: ", slices.Values(asStrings(list)), each)
}

// CheckList checks a list of structures; nil is fine.
func CheckList[T any](c *Check, member string, list []T, size SizeRule, each func(*T, *Check)) {
	if list == nil {
		return
	}
	c.size(member, len(list), size)
	for i := range list {
		// counted from one, as AWS does
		c.In(member+"."+strconv.Itoa(i+1)+".member", func(c *Check) { each(&list[i], c) })
	}
}

// CheckMap checks a map; nil is fine. The rules of keys and values may be nil.
func CheckMap[K ~string](c *Check, member string, m map[K]string, size SizeRule, keys, values *TextRule) {
	if m == nil {
		return
	}
	c.size(member, len(m), size)
	if size.TotalBytes > 0 && totalBytes(m) > size.TotalBytes {
		c.violate(member, "Member must have keys and values of at most "+strconv.Itoa(size.TotalBytes)+" bytes in total")
	}
	sorted := sortedKeys(m)
	c.members(member, "Map keys must satisfy constraint: ", slices.Values(asStrings(sorted)), keys)
	c.members(member, "Map value must satisfy constraint: ", maps.Values(m), values)
}

func totalBytes[K ~string](m map[K]string) int {
	n := 0
	for k, v := range m {
		n += len(k) + len(v)
	}
	return n
}

// members complains once about all elements that break the same rule, without repeating what they say.
func (c *Check) members(member, prefix string, each func(func(string) bool), rule *TextRule) {
	if rule == nil {
		return
	}
	var broken []string
	for s := range each {
		broken = append(broken, rule.broken(s)...)
	}
	if len(broken) > 0 {
		slices.Sort(broken)
		c.violate(member, prefix+"["+strings.Join(slices.Compact(broken), ", ")+"]")
	}
}

func atMost[T int | float64](what string, limit T) string {
	return "Member must have " + what + " less than or equal to " + plain(limit)
}

func atLeast[T int | float64](what string, limit T) string {
	return "Member must have " + what + " greater than or equal to " + plain(limit)
}

// plain writes a number without an exponent.
func plain[T int | float64](n T) string { return strconv.FormatFloat(float64(n), 'f', -1, 64) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func asStrings[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
