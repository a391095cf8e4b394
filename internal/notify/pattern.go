package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Limits of a pattern.
const (
	maxPattern = 16 << 10 // bytes
	maxDeep    = 20
)

// Pattern chooses events, in the language of Amazon EventBridge's event patterns: exact values, prefix, suffix,
// equals-ignore-case, wildcard, anything-but (of values, or one of those four), numeric, cidr, exists and $or.
// A nil Pattern chooses every event. It does not change.
type Pattern struct{ root object }

// object is what of an object must match: all fields, and one of each list of alternatives.
type object struct {
	fields map[string]field
	ors    [][]object
}

// field is either an object or values of which one must match.
type field struct {
	object *object
	any    []matcher
}

// matcher tells whether a value matches; there false means that the event has no such field.
type matcher func(value any, there bool) bool

// ParsePattern reads a pattern; of nothing, or null, or {} comes nil. The error says what is wrong and where.
func ParsePattern(data []byte) (*Pattern, error) {
	if len(data) > maxPattern {
		return nil, fmt.Errorf("it is %d bytes long, the limit is %d", len(data), maxPattern)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil //nolint:nilnil // no pattern chooses every event
	}
	v, err := decode(data)
	if err != nil {
		return nil, errors.New("it is not JSON")
	}
	if v == nil {
		return nil, nil //nolint:nilnil // likewise
	}
	root, err := parseObject(v, "", 0)
	if err != nil {
		return nil, err
	}
	if len(root.fields)+len(root.ors) == 0 {
		return nil, nil //nolint:nilnil // likewise
	}
	return &Pattern{root}, nil
}

func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func parseObject(v any, path string, depth int) (object, error) {
	o := object{fields: map[string]field{}}
	members, ok := v.(map[string]any)
	if !ok || depth > maxDeep {
		return o, fmt.Errorf("%s must be an object, or a list of values", at(path))
	}
	if path != "" && len(members) == 0 {
		return o, fmt.Errorf("%s is empty", at(path))
	}
	for name, member := range members {
		where := strings.TrimPrefix(path+"."+name, ".")
		list, isList := member.([]any)
		switch {
		case name == "$or" && isList && len(list) > 1:
			var ors []object
			for _, one := range list {
				alternative, err := parseObject(one, where, depth+1)
				if err != nil {
					return o, err
				}
				ors = append(ors, alternative)
			}
			o.ors = append(o.ors, ors)
		case isList:
			matchers, err := parseList(list, where)
			if err != nil {
				return o, err
			}
			o.fields[name] = field{any: matchers}
		default:
			sub, err := parseObject(member, where, depth+1)
			if err != nil {
				return o, err
			}
			o.fields[name] = field{object: &sub}
		}
	}
	return o, nil
}

func at(path string) string {
	if path == "" {
		return "it"
	}
	return path[:min(len(path), 200)]
}

func parseList(list []any, where string) ([]matcher, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no values", at(where))
	}
	var out []matcher
	for _, v := range list {
		m, err := parseMatcher(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at(where), err)
		}
		out = append(out, m)
	}
	return out, nil
}

func parseMatcher(v any) (matcher, error) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) != 1 {
			return nil, errors.New("each operator needs an object of its own")
		}
		for op, operand := range v {
			return parseOperator(op, operand)
		}
	case []any:
		return nil, errors.New("a list stands in a list")
	}
	return func(value any, there bool) bool { return there && equal(v, value) }, nil
}

func parseOperator(op string, operand any) (matcher, error) {
	switch op {
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			return nil, errors.New("exists takes true or false")
		}
		return func(_ any, there bool) bool { return there == want }, nil
	case "anything-but":
		return parseAnythingBut(operand)
	case "numeric":
		return parseNumeric(operand)
	case "cidr":
		text, _ := operand.(string)
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, errors.New("cidr takes a network such as 10.0.0.0/24")
		}
		return onText(func(s string) bool {
			addr, err := netip.ParseAddr(s)
			return err == nil && network.Contains(addr)
		}), nil
	}
	test, err := parseTextTest(op, operand)
	if err != nil {
		return nil, err
	}
	return onText(test), nil
}

func onText(test func(string) bool) matcher {
	return func(value any, there bool) bool {
		text, ok := value.(string)
		return there && ok && test(text)
	}
}

// parseTextTest reads the operators that look at a text.
func parseTextTest(op string, operand any) (func(string) bool, error) {
	fold := false
	if inner, ok := operand.(map[string]any); ok && len(inner) == 1 && (op == "prefix" || op == "suffix") {
		if operand, fold = inner["equals-ignore-case"]; !fold {
			return nil, fmt.Errorf("%s knows no operator but equals-ignore-case", op)
		}
	}
	text, ok := operand.(string)
	if !ok {
		return nil, fmt.Errorf("%q takes a text", op[:min(len(op), 40)])
	}
	same := func(a, b string) bool { return a == b || fold && strings.EqualFold(a, b) }
	switch op {
	case "prefix":
		return func(s string) bool { return len(s) >= len(text) && same(s[:len(text)], text) }, nil
	case "suffix":
		return func(s string) bool { return len(s) >= len(text) && same(s[len(s)-len(text):], text) }, nil
	case "equals-ignore-case":
		return func(s string) bool { return strings.EqualFold(s, text) }, nil
	case "wildcard":
		return parseWildcard(text)
	}
	return nil, fmt.Errorf("there is no operator %q", op[:min(len(op), 40)])
}

// parseAnythingBut reads the operator that turns others around. The field must be there.
func parseAnythingBut(operand any) (matcher, error) {
	var not []matcher
	add := func(v any, read func(any) (matcher, error)) error {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			m, err := read(one)
			if err != nil {
				return err
			}
			not = append(not, m)
		}
		if len(not) == 0 {
			return errors.New("anything-but has no values")
		}
		return nil
	}
	var err error
	if inner, ok := operand.(map[string]any); ok {
		if len(inner) != 1 {
			return nil, errors.New("anything-but takes values, or one operator")
		}
		for op, v := range inner {
			err = add(v, func(one any) (matcher, error) {
				test, err := parseTextTest(op, one)
				return onText(test), err
			})
		}
	} else {
		err = add(operand, func(one any) (matcher, error) {
			switch one.(type) {
			case string, json.Number:
				return parseMatcher(one)
			}
			return nil, errors.New("anything-but takes texts or numbers")
		})
	}
	return func(value any, there bool) bool {
		for _, m := range not {
			if m(value, there) {
				return false
			}
		}
		return there
	}, err
}

func parseNumeric(operand any) (matcher, error) {
	list, _ := operand.([]any)
	if len(list) != 2 && len(list) != 4 {
		return nil, errors.New(`numeric takes a comparison or two, such as [">", 0, "<=", 5]`)
	}
	var all []func(float64) bool
	for i := 0; i < len(list); i += 2 {
		number, ok := list[i+1].(json.Number)
		limit, err := number.Float64()
		if !ok || err != nil {
			return nil, errors.New("numeric compares with numbers")
		}
		compare := map[any]func(float64) bool{
			"<": func(f float64) bool { return f < limit }, "<=": func(f float64) bool { return f <= limit },
			">": func(f float64) bool { return f > limit }, ">=": func(f float64) bool { return f >= limit },
			"=": func(f float64) bool { return f == limit },
		}
		text, _ := list[i].(string)
		if compare[text] == nil {
			return nil, errors.New("numeric knows <, <=, =, >= and >")
		}
		all = append(all, compare[text])
	}
	return func(value any, there bool) bool {
		number, ok := value.(json.Number)
		f, err := number.Float64()
		if !there || !ok || err != nil {
			return false
		}
		for _, holds := range all {
			if !holds(f) {
				return false
			}
		}
		return true
	}, nil
}

// parseWildcard reads a text in which * stands for anything, \* for itself and \\ for a backslash.
func parseWildcard(text string) (func(string) bool, error) {
	var parts []string
	var part strings.Builder
	star := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '\\'):
			i++
			part.WriteByte(text[i])
			star = false
		case text[i] == '\\':
			return nil, errors.New(`wildcard: a backslash stands before * or \ only`)
		case text[i] == '*' && star:
			return nil, errors.New("wildcard: two * stand side by side")
		case text[i] == '*':
			parts, star = append(parts, part.String()), true
			part.Reset()
		default:
			part.WriteByte(text[i])
			star = false
		}
	}
	parts = append(parts, part.String())
	return func(s string) bool { return matchParts(parts, s) }, nil
}

func matchParts(parts []string, s string) bool {
	last := len(parts) - 1
	if last == 0 {
		return s == parts[0]
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1:last] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, parts[last])
}

// equal compares a value of a pattern with one of an event; numbers by their value.
func equal(a, b any) bool {
	x, ok := a.(json.Number)
	y, ok2 := b.(json.Number)
	if !ok || !ok2 {
		switch b.(type) {
		case map[string]any, []any:
			return false
		}
		return a == b
	}
	f, err := x.Float64()
	g, err2 := y.Float64()
	return err == nil && err2 == nil && f == g
}

// Matches tells whether an event, in JSON, is chosen. What is not JSON is not.
func (p *Pattern) Matches(event []byte) bool {
	if p == nil {
		return true
	}
	v, err := decode(event)
	if err != nil {
		return false
	}
	members, _ := v.(map[string]any)
	return p.root.matches(members)
}

func (o object) matches(members map[string]any) bool {
	for name, f := range o.fields {
		value, there := members[name]
		if !f.matches(value, there) {
			return false
		}
	}
	for _, ors := range o.ors {
		one := false
		for _, alternative := range ors {
			one = one || alternative.matches(members)
		}
		if !one {
			return false
		}
	}
	return true
}

// matches looks at a field of an event. Of a list, one element must match.
func (f field) matches(value any, there bool) bool {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	} else if len(list) == 0 {
		list, there = []any{nil}, false
	}
	for _, one := range list {
		if f.object != nil {
			members, _ := one.(map[string]any)
			if f.object.matches(members) {
				return true
			}
			continue
		}
		_, inner := one.(map[string]any) // exists is asked of leaves
		for _, m := range f.any {
			if m(one, there && !inner) {
				return true
			}
		}
	}
	return false
}
