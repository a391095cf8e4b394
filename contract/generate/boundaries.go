package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// boundary is one case of the boundary tests: a request just inside or just outside of one constraint.
type boundary struct {
	Operation string          `json:"operation"`
	Label     string          `json:"label,omitempty"`
	Query     string          `json:"query,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
	Member    string          `json:"member"`
	Breaks    string          `json:"breaks,omitempty"` // the constraint in words; "" where the request is fine
}

// value is something to put in a member's place.
type value struct {
	v      any
	breaks string
}

const wrongType = "SerializationException"

// boundaries returns the cases of all operations, one JSON object a line.
func boundaries(m *model) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for _, name := range m.Operations.names {
		for _, c := range operationCases(m, m.Operations.of[name]) {
			if err := e.Encode(c); err != nil {
				return nil, err
			}
		}
	}
	return out.Bytes(), nil
}

func operationCases(m *model, o operation) []boundary {
	in := m.shape(o.Input)
	cases := []boundary{request(m, o, minimal(m, in), "", "")}
	vary(m, in, func(path []string, v value) {
		root := minimal(m, in)
		put(m, in, root, path, v.v)
		cases = append(cases, request(m, o, root, strings.Join(path, "."), v.breaks))
	}, nil)
	return cases
}

// request lays the input's members out where they travel.
func request(m *model, o operation, root map[string]any, member, breaks string) boundary {
	in := m.shape(o.Input)
	c := boundary{Operation: o.Name, Member: member, Breaks: breaks}
	body := map[string]any{}
	for name, v := range root {
		switch in.Members.of[name].Location {
		case "uri":
			c.Label, _ = v.(string)
		case "querystring":
			c.Query = query(in.Members.of[name].LocationName, v)
		default:
			body[name] = v
		}
	}
	if len(in.bodyMembers()) > 0 {
		c.Body = mustJSON(body)
	}
	return c
}

func query(name string, v any) string {
	var parts []string
	list, _ := v.([]any)
	for _, element := range list {
		parts = append(parts, name+"="+escape(fmt.Sprint(element)))
	}
	return strings.Join(parts, "&")
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func mustJSON(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return json.RawMessage(bytes.TrimSpace(b.Bytes()))
}

// minimal is a valid structure with the members that are required and no others.
func minimal(m *model, s *shape) map[string]any {
	out := map[string]any{}
	for _, member := range s.Required {
		r := s.Members.of[member]
		out[member] = valid(m, m.shape(r))
		if inQuery(r) {
			out[member] = repeat(valid(m, m.shape(*m.shape(r).Member)), 1)
		}
	}
	return out
}

// inQuery says whether a member is a list in the query, which cannot tell an empty list from none.
func inQuery(r ref) bool { return r.Location == "querystring" }

func valid(m *model, s *shape) any {
	switch s.Type {
	case "string":
		return sample(s, least(s))
	case "structure":
		return minimal(m, s)
	case "list":
		return repeat(valid(m, m.shape(*s.Member)), least(s))
	case "map":
		return entries(m, s, least(s))
	case "boolean":
		return true
	case "timestamp":
		return "2026-01-02T03:04:05Z"
	default:
		return max(least(s), 1)
	}
}

func least(s *shape) int {
	if s.Min == nil {
		return 0
	}
	return int(*s.Min)
}

func repeat(v any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func entries(m *model, s *shape, n int) map[string]any {
	out := map[string]any{}
	for i := range n {
		out["key"+strconv.Itoa(i)] = sample(m.shape(*s.Value), least(m.shape(*s.Value)))
	}
	return out
}

// put sets the value at a path, and makes the structures and lists that lead to it. A nil value takes the
// member away.
func put(m *model, s *shape, in map[string]any, path []string, v any) {
	name := path[0]
	of := m.shape(s.Members.of[name])
	switch {
	case len(path) == 1 && v == nil:
		delete(in, name)
	case len(path) == 1:
		in[name] = v
	case of.Type == "structure":
		inner := minimal(m, of)
		put(m, of, inner, path[1:], v)
		in[name] = inner
	case of.Type == "list": // path goes on with "1", "member"
		element := m.shape(*of.Member)
		inner := minimal(m, element)
		put(m, element, inner, path[3:], v)
		in[name] = append([]any{inner}, repeat(minimal(m, element), max(least(of)-1, 0))...)
	}
}

// vary calls emit with each value worth trying at each member below s.
func vary(m *model, s *shape, emit func(path []string, v value), path []string) {
	for _, name := range s.Members.names {
		of := m.shape(s.Members.of[name])
		here := append(append([]string{}, path...), name)
		if s.requires(name) && s.Members.of[name].Location != "uri" {
			emit(here, value{nil, "Member must not be null"})
		}
		if s.Members.of[name].Location == "" {
			emit(here, value{wrongFor(of), wrongType})
		}
		for _, v := range edges(m, of) {
			if list, ok := v.v.([]any); ok && len(list) == 0 && inQuery(s.Members.of[name]) {
				continue
			}
			emit(here, v)
		}
		switch {
		case of.Type == "structure":
			vary(m, of, emit, here)
		case of.Type == "list" && m.shape(*of.Member).Type == "structure":
			vary(m, m.shape(*of.Member), emit, append(here, "1", "member"))
		}
	}
}

func wrongFor(s *shape) any {
	switch s.Type {
	case "string", "timestamp":
		return 1
	case "list":
		return map[string]any{}
	case "structure", "map":
		return []any{}
	default:
		return "text"
	}
}

// edges are values just inside and just outside of each constraint of a shape.
func edges(m *model, s *shape) []value {
	switch s.Type {
	case "string":
		return textEdges(s)
	case "integer", "long":
		return numberEdges(s, 1)
	case "float", "double":
		return numberEdges(s, 0.01)
	case "boolean":
		return []value{{true, ""}, {false, ""}}
	case "list":
		return listEdges(m, s)
	case "map":
		return mapEdges(m, s)
	default:
		return nil
	}
}

func textEdges(s *shape) []value {
	var out []value
	if s.Enum != nil {
		for _, v := range s.Enum {
			out = append(out, value{v, ""})
		}
		const breaks = "Member must satisfy enum value set"
		if s.FoldCase {
			return append(out, value{strings.ToLower(s.Enum[0]), ""}, value{s.Enum[0] + "_", breaks})
		}
		return append(out, value{strings.ToLower(s.Enum[0]), breaks})
	}
	shortest := sample(s, least(s))
	out = append(out, value{shortest, ""})
	if least(s) > 0 {
		short := sample(&shape{name: s.name}, least(s)-1)
		out = append(out, value{short, "Member must have length greater than or equal to " + strconv.Itoa(least(s))})
	}
	if s.Max != nil {
		n := max(int(*s.Max), utf8.RuneCountInString(shortest))
		out = append(out, value{sample(s, n), ""},
			value{sample(s, n+1), "Member must have length less than or equal to " + plain(*s.Max)})
	}
	if s.TotalBytes > 0 {
		fits := strings.Repeat("é", s.TotalBytes/2)
		out = append(out, value{fits, ""}, value{fits + "x", "Member must have at most " + strconv.Itoa(s.TotalBytes) + " bytes"})
	}
	if odd := stranger(s, sample(s, max(least(s), 1))); s.Pattern != "" && odd != "" {
		out = append(out, value{odd, "Member must satisfy regular expression pattern: " + s.Pattern})
	}
	if s.ReservedPrefix != "" {
		out = append(out, value{s.ReservedPrefix[:len(s.ReservedPrefix)-1] + "x", ""},
			value{strings.ToUpper(s.ReservedPrefix[:1]) + s.ReservedPrefix[1:] + "x", "Member must not begin with the reserved prefix"})
	}
	return out
}

func numberEdges(s *shape, step float64) []value {
	var out []value
	if s.Min != nil {
		out = append(out, value{*s.Min, ""},
			value{*s.Min - step, "Member must have value greater than or equal to " + plain(*s.Min)})
	}
	if s.Max != nil {
		out = append(out, value{*s.Max, ""},
			value{*s.Max + step, "Member must have value less than or equal to " + plain(*s.Max)})
	}
	return out
}

func listEdges(m *model, s *shape) []value {
	element := m.shape(*s.Member)
	one := valid(m, element)
	out := sizes(s, func(n int) any { return repeat(one, n) })
	if element.Type != "string" {
		return out
	}
	for _, v := range textEdges(element) {
		list := append([]any{v.v}, repeat(one, max(least(s)-1, 0))...)
		out = append(out, value{list, v.breaks})
	}
	return out
}

func mapEdges(m *model, s *shape) []value {
	out := sizes(s, func(n int) any { return entries(m, s, n) })
	for _, v := range textEdges(m.shape(*s.Key)) {
		out = append(out, value{map[string]any{v.v.(string): ""}, v.breaks})
	}
	for _, v := range textEdges(m.shape(*s.Value)) {
		out = append(out, value{map[string]any{"key": v.v}, v.breaks})
	}
	if s.TotalBytes > 0 {
		fits := strings.Repeat("é", (s.TotalBytes-4)/2)
		out = append(out, value{map[string]any{"name": fits}, ""},
			value{map[string]any{"names": fits}, "of at most " + strconv.Itoa(s.TotalBytes) + " bytes in total"})
	}
	return out
}

func sizes(s *shape, of func(n int) any) []value {
	out := []value{{of(least(s)), ""}}
	if least(s) > 0 {
		out = append(out, value{of(least(s) - 1), "Member must have length greater than or equal to " + strconv.Itoa(least(s))})
	}
	if s.Max != nil {
		n := int(*s.Max)
		out = append(out, value{of(n), ""}, value{of(n + 1), "Member must have length less than or equal to " + plain(*s.Max)})
	}
	return out
}
