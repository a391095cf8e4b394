package main

import (
	"fmt"
	"regexp"
	"strings"
)

func emitOperations(m *model, s *source) {
	s.imports = []string{"context", "", wirePath}
	emitExceptions(m, s)
	emitInterface(m, s)
	emitNotServed(m, s)
	emitTable(m, s)
}

func emitExceptions(m *model, s *source) {
	s.line("\n// The exceptions of the contract.")
	s.line("var (")
	for _, name := range m.Shapes.names {
		if shape := m.Shapes.of[name]; shape.Exception {
			s.line("%s = wire.Exception{Name: %q, Status: %d}", goName(name), name, shape.Error.Status)
		}
	}
	s.line(")")
}

func signature(o operation) string {
	return fmt.Sprintf("%s(ctx context.Context, in *%sInput) (*%sOutput, error)", o.Name, o.Name, o.Name)
}

func emitInterface(m *model, s *source) {
	s.line("\n// Operations is what stands behind the contract. Inputs come decoded and valid: what is required is")
	s.line("// not nil. Methods may be called at once.")
	s.line("type Operations interface {")
	for _, name := range m.Operations.names {
		s.line("%s", signature(m.Operations.of[name]))
	}
	s.line("}")
}

func emitNotServed(m *model, s *source) {
	s.line("\n// NotServed answers every operation with an error that names it. Embed it, and write what is served.")
	s.line("type NotServed struct{}")
	for _, name := range m.Operations.names {
		s.line("\n// %s is not served.", name)
		s.line("func (NotServed) %s(context.Context, *%sInput) (*%sOutput, error) {", name, name, name)
		s.line("return nil, wire.NotServed(%q)\n}", name)
	}
}

var label = regexp.MustCompile(`\{[^}]+\}$`)

func emitTable(m *model, s *source) {
	s.line("\n// Table returns the table of operations.")
	s.line("func Table() []wire.Operation[Operations] {")
	s.line("return []wire.Operation[Operations]{")
	for _, name := range m.Operations.names {
		o := m.Operations.of[name]
		path := label.ReplaceAllString(o.HTTP.URI, "")
		if strings.ContainsAny(path, "{}") {
			panic("contract: a label in the middle of " + o.HTTP.URI)
		}
		s.line("{\nName: %q,\nMethod: %q,\nPath: %q,\nStatus: %d,", name, o.HTTP.Method, path, o.HTTP.Status)
		s.line("Body: %v,", len(m.shape(o.Input).bodyMembers()) > 0 || len(m.shape(o.Input).Members.names) == 0)
		s.line("Rate: %s,", plain(m.rates.of(name)))
		s.line("Errors: []wire.Exception{%s},", exceptionNames(o))
		s.line("New: func() wire.Input { return &%sInput{} },", name)
		s.line("Serve: func(ctx context.Context, to Operations, in wire.Input) (wire.Output, error) {")
		s.line("return wire.Answer(to.%s(ctx, in.(*%sInput)))\n},\n},", name, name)
	}
	s.line("}\n}")
}

func exceptionNames(o operation) string {
	names := make([]string, len(o.Errors))
	for i, e := range o.Errors {
		names[i] = goName(e.Shape)
	}
	return strings.Join(names, ", ")
}
