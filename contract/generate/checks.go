package main

import (
	"fmt"
	"strconv"
	"strings"
)

func emitChecks(m *model, s *source) {
	s.imports = []string{wirePath}
	for _, name := range m.Operations.names {
		o := m.Operations.of[name]
		s.line("\n// Validate lists every constraint of the contract that the input of %s breaks.", name)
		s.line("func (in *%s) Validate() error {", m.typeName(m.shape(o.Input)))
		s.line("c := &wire.Check{}\nin.check(c)\nreturn c.Err(ValidationException)\n}")
	}
	rules := map[string]bool{}
	for _, shape := range m.inputs() {
		emitCheck(m, s, shape, rules)
	}
	s.line("\nvar (")
	for _, name := range m.Shapes.names {
		if rules[name] {
			s.line("rule%s = %s", goName(name), ruleLiteral(m.Shapes.of[name]))
		}
	}
	s.line(")")
}

func emitCheck(m *model, s *source, shape *shape, rules map[string]bool) {
	name := m.typeName(shape)
	s.line("\nfunc (in *%s) check(c *wire.Check) {", name)
	for _, member := range shape.Members.names {
		field := "in." + goName(member)
		if shape.requires(member) {
			s.line("c.Need(%q, %s != nil)", member, field)
		}
		if call := checkCall(m, m.shape(shape.Members.of[member]), member, field, rules); call != "" {
			s.line("%s", call)
		}
	}
	s.line("}")
}

// checkCall is the statement that checks a member, "" if it has no constraints. It notes the rules it needs.
func checkCall(m *model, s *shape, member, field string, rules map[string]bool) string {
	rule := func(s *shape) string {
		if !constrained(s) {
			return "nil"
		}
		rules[s.name] = true
		return "rule" + goName(s.name)
	}
	switch s.Type {
	case "structure":
		return fmt.Sprintf("if %s != nil {\nc.In(%q, %s.check)\n}", field, member, field)
	case "string":
		if constrained(s) {
			return fmt.Sprintf("wire.CheckText(c, %q, %s, %s)", member, field, rule(s))
		}
	case "integer", "long", "float", "double":
		if constrained(s) {
			return fmt.Sprintf("wire.CheckNumber(c, %q, %s, %s)", member, field, rule(s))
		}
	case "map":
		return fmt.Sprintf("wire.CheckMap(c, %q, %s, %s, %s, %s)", member, field, sizeLiteral(s),
			rule(m.shape(*s.Key)), rule(m.shape(*s.Value)))
	case "list":
		element := m.shape(*s.Member)
		if element.Type == "structure" {
			return fmt.Sprintf("wire.CheckList(c, %q, %s, %s, (*%s).check)", member, field, sizeLiteral(s), m.typeName(element))
		}
		return fmt.Sprintf("wire.CheckTexts(c, %q, %s, %s, %s)", member, field, sizeLiteral(s), rule(element))
	}
	return ""
}

func constrained(s *shape) bool {
	return s.Min != nil && (s.Type != "string" || *s.Min > 0) || s.Max != nil ||
		s.Pattern != "" || s.Enum != nil || s.ReservedPrefix != "" || s.TotalBytes > 0
}

func sizeLiteral(s *shape) string {
	var parts []string
	if s.Min != nil && *s.Min > 0 {
		parts = append(parts, "Min: "+plain(*s.Min))
	}
	if s.Max != nil {
		parts = append(parts, "Max: "+plain(*s.Max))
	}
	if s.TotalBytes > 0 {
		parts = append(parts, "TotalBytes: "+strconv.Itoa(s.TotalBytes))
	}
	return "wire.SizeRule{" + strings.Join(parts, ", ") + "}"
}

func ruleLiteral(s *shape) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.Type != "string" {
		if s.Min != nil {
			add("Min: new(%s)", float(*s.Min))
		}
		if s.Max != nil {
			add("Max: new(%s)", float(*s.Max))
		}
		return "wire.NumberRule{" + strings.Join(parts, ", ") + "}"
	}
	if s.Min != nil && *s.Min > 0 {
		add("Min: %s", plain(*s.Min))
	}
	if s.Max != nil {
		add("Max: %s", plain(*s.Max))
	}
	if s.Pattern != "" {
		add("Pattern: `%s`", s.Pattern)
	}
	if s.Enum != nil {
		add("Enum: []string{%s}", `"`+strings.Join(s.Enum, `", "`)+`"`)
	}
	if s.FoldCase {
		add("FoldCase: true")
	}
	if s.ReservedPrefix != "" {
		add("Reserved: %q", s.ReservedPrefix)
	}
	if s.TotalBytes > 0 {
		add("Bytes: %d", s.TotalBytes)
	}
	return "wire.TextRule{" + strings.Join(parts, ", ") + "}.Compile()"
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// float writes a number so that Go takes it for a float64.
func float(n float64) string {
	s := plain(n)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
