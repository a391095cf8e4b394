package main

func emitTypes(m *model, s *source) {
	s.imports = []string{"time"}
	for _, shape := range m.structures() {
		emitStruct(m, s, shape)
	}
	for _, name := range m.Shapes.names {
		switch shape := m.Shapes.of[name]; {
		case shape.Type == "string" && shape.Enum != nil:
			emitEnum(m, s, shape)
		case shape.Type == "string" && shape.Sensitive:
			emitSensitive(m, s, shape)
		}
	}
}

// structures are all structures that travel in a request or an answer.
func (m *model) structures() []*shape {
	var roots []string
	for _, o := range m.Operations.of {
		roots = append(roots, o.Input.Shape, o.Output.Shape)
	}
	return m.reachable(roots)
}

func emitStruct(m *model, s *source, shape *shape) {
	name := m.typeName(shape)
	s.line("\n// %s is the shape %s of the contract.", name, shape.name)
	s.line("type %s struct {", name)
	for _, member := range shape.Members.names {
		r := shape.Members.of[member]
		if r.Location == "header" {
			continue // sent with every answer
		}
		note := ""
		if shape.requires(member) {
			note = " // required"
		}
		s.line("%s %s%s", goName(member), m.fieldType(m.shape(r)), note)
	}
	s.line("}")
}

func emitEnum(m *model, s *source, shape *shape) {
	name := m.typeName(shape)
	s.line("\n// %s is an enum of the contract.", name)
	s.line("type %s string", name)
	s.line("\n// The values of %s.", name)
	s.line("const (")
	for _, value := range shape.Enum {
		s.line("%s%s %s = %q", name, enumName(value), name, value)
	}
	s.line(")")
}

func emitSensitive(m *model, s *source, shape *shape) {
	name := m.typeName(shape)
	s.line("\n// %s is a secret: it prints as REDACTED.", name)
	s.line("type %s string", name)
	s.line("\n// String hides the secret.")
	s.line("func (%s) String() string { return \"REDACTED\" }", name)
	s.line("\n// GoString hides the secret.")
	s.line("func (%s) GoString() string { return \"REDACTED\" }", name)
	s.line("\n// MarshalText hides the secret from encoders.")
	s.line("func (%s) MarshalText() ([]byte, error) { return []byte(\"REDACTED\"), nil }", name)
}
