package main

import "fmt"

// uncapped is how many entries of a map without a limit are kept while reading: one more than can be in a
// map whose keys and values may have 1 KB together.
const uncapped = 1026

func emitReaders(m *model, s *source) {
	s.imports = []string{wirePath}
	for _, name := range m.Operations.names {
		emitDecode(m, s, m.Operations.of[name])
	}
	for _, shape := range m.inputs() {
		if len(shape.bodyMembers()) == 0 {
			continue
		}
		emitReader(m, s, shape)
	}
}

func emitDecode(m *model, s *source, o operation) {
	in := m.shape(o.Input)
	s.line("\n// Decode fills the input of %s from a request.", o.Name)
	s.line("func (in *%s) Decode(r *wire.Request) error {", m.typeName(in))
	for _, member := range in.Members.names {
		ref := in.Members.of[member]
		switch {
		case ref.Location == "uri" && m.shape(ref).Type == "string":
			s.line("in.%s = &r.Label", goName(member))
		case ref.Location == "querystring" && m.shape(ref).Type == "list":
			s.line("in.%s = r.Query[%q]", goName(member), ref.LocationName)
		case ref.Location != "":
			panic("contract: no way to decode " + in.name + "." + member)
		}
	}
	if len(in.bodyMembers()) == 0 {
		s.line("return nil\n}")
		return
	}
	s.line("body := wire.NewReader(r.Body)")
	s.line("in.read(body)")
	s.line("return body.Close()\n}")
}

func emitReader(m *model, s *source, shape *shape) {
	name := m.typeName(shape)
	s.line("\nfunc (in *%s) read(r *wire.Reader) {", name)
	s.line("for name := range r.Members() {\nswitch name {")
	for _, member := range shape.bodyMembers() {
		s.line("case %q:\nin.%s = %s", member, goName(member), readExpr(m, m.shape(shape.Members.of[member])))
	}
	s.line("default:\nr.Skip()\n}\n}\n}")
	if m.isInput(shape) {
		return
	}
	s.line("\nfunc read%s(r *wire.Reader) *%s {", name, name)
	s.line("if r.Null() {\nreturn nil\n}")
	s.line("in := &%s{}\nin.read(r)\nreturn in\n}", name)
}

func (m *model) isInput(s *shape) bool {
	for _, o := range m.Operations.of {
		if o.Input.Shape == s.name {
			return true
		}
	}
	return false
}

func readExpr(m *model, s *shape) string {
	switch s.Type {
	case "list":
		return fmt.Sprintf("wire.ReadList(r, %d, %s)", capacity(s), readFunc(m, m.shape(*s.Member)))
	case "map":
		return fmt.Sprintf("wire.ReadMap(r, %d)", capacity(s))
	case "structure":
		return "read" + m.typeName(s) + "(r)"
	case "string":
		if isNamed(s) {
			return fmt.Sprintf("wire.ReadText[%s](r)", m.typeName(s))
		}
	}
	return "r." + scalar(s) + "()"
}

func readFunc(m *model, s *shape) string {
	switch s.Type {
	case "structure":
		return "read" + m.typeName(s)
	case "string":
		return fmt.Sprintf("wire.ReadText[%s]", m.textType(s))
	default:
		return "(*wire.Reader)." + scalar(s)
	}
}

// capacity is how many elements are kept while reading: one too many is enough to know.
func capacity(s *shape) int {
	if s.Max == nil {
		return uncapped
	}
	return int(*s.Max) + 1
}

func scalar(s *shape) string {
	switch s.Type {
	case "string":
		return "Text"
	case "integer":
		return "Int32"
	case "long":
		return "Int64"
	case "float", "double":
		return "Float64"
	case "boolean":
		return "Bool"
	case "timestamp":
		return "Time"
	}
	panic("contract: no reader for shape " + s.name)
}

func emitWriters(m *model, s *source) {
	s.imports = []string{wirePath}
	for _, name := range m.Operations.names {
		out := m.shape(m.Operations.of[name].Output)
		s.line("\n// Encode writes the answer of %s.", name)
		if len(out.bodyMembers()) == 0 {
			s.line("func (*%s) Encode(*wire.Writer) {}", m.typeName(out))
		} else {
			s.line("func (out *%s) Encode(w *wire.Writer) { out.write(w) }", m.typeName(out))
		}
	}
	for _, shape := range m.outputs() {
		if len(shape.bodyMembers()) > 0 {
			emitWriter(m, s, shape)
		}
	}
}

func emitWriter(m *model, s *source, shape *shape) {
	s.line("\nfunc (out *%s) write(w *wire.Writer) {", m.typeName(shape))
	s.line("w.Open()")
	for _, member := range shape.bodyMembers() {
		of := m.shape(shape.Members.of[member])
		field := "out." + goName(member)
		put := fmt.Sprintf("w.Name(%q)\n%s", member, writeStmt(m, of, field))
		if always(shape, member, of) {
			s.line("%s", put)
		} else {
			s.line("if %s != nil {\n%s\n}", field, put)
		}
	}
	s.line("w.Close()\n}")
}

// always says whether a member is written even when it is empty: required lists and maps, and tags
// (control-plane.md 1.4 and 1.7).
func always(shape *shape, member string, of *shape) bool {
	container := of.Type == "list" || of.Type == "map"
	return container && (member == "tags" || shape.requires(member))
}

func writeStmt(m *model, s *shape, field string) string {
	switch s.Type {
	case "structure":
		return field + ".write(w)"
	case "map":
		return fmt.Sprintf("wire.WriteMap(w, %s)", field)
	case "list":
		element := m.shape(*s.Member)
		name := m.fieldType(s)[len("[]"):]
		return fmt.Sprintf("wire.WriteList(w, %s, func(v %s) { %s })", field, name, writeElement(element))
	case "string":
		if isNamed(s) {
			return fmt.Sprintf("w.Text(string(*%s))", field)
		}
		return fmt.Sprintf("w.Text(*%s)", field)
	case "boolean":
		return fmt.Sprintf("w.Bool(*%s)", field)
	case "integer", "long":
		return fmt.Sprintf("w.Int(int64(*%s))", field)
	case "float", "double":
		return fmt.Sprintf("w.Float(*%s)", field)
	case "timestamp":
		return fmt.Sprintf("w.Time(*%s)", field)
	}
	panic("contract: no writer for shape " + s.name)
}

func writeElement(s *shape) string {
	switch {
	case s.Type == "structure":
		return "v.write(w)"
	case isNamed(s):
		return "w.Text(string(v))"
	case s.Type == "string":
		return "w.Text(v)"
	}
	panic("contract: no writer for elements of shape " + s.name)
}
