package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// model is a service model as AWS publishes it, as far as it concerns us.
type model struct {
	Operations ordered[operation] `json:"operations"`
	Shapes     ordered[*shape]    `json:"shapes"`

	file  string
	rates rates
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
		Status int    `json:"responseCode"`
	} `json:"http"`
	Input  ref   `json:"input"`
	Output ref   `json:"output"`
	Errors []ref `json:"errors"`
}

type ref struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
}

type shape struct {
	Type      string       `json:"type"`
	Required  []string     `json:"required"`
	Members   ordered[ref] `json:"members"`
	Member    *ref         `json:"member"`
	Key       *ref         `json:"key"`
	Value     *ref         `json:"value"`
	Min       *float64     `json:"min"`
	Max       *float64     `json:"max"`
	Pattern   string       `json:"pattern"`
	Enum      []string     `json:"enum"`
	Sensitive bool         `json:"sensitive"`
	Exception bool         `json:"exception"`
	Error     struct {
		Status int `json:"httpStatusCode"`
	} `json:"error"`

	// what only patches.json can say
	ReservedPrefix string `json:"reservedPrefix"`
	TotalBytes     int    `json:"totalBytes"`
	FoldCase       bool   `json:"foldCase"`

	name string
}

// ordered is a JSON object whose members keep their order.
type ordered[T any] struct {
	names []string
	of    map[string]T
}

func (o *ordered[T]) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &o.of); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		o.names = append(o.names, name.(string))
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

type patches struct {
	Shapes []struct {
		Shape  string          `json:"shape"`
		Set    json.RawMessage `json:"set"`
		Reason string          `json:"reason"`
	} `json:"shapes"`
	Rates rates `json:"rates"`
}

type rates struct {
	Reason     string             `json:"reason"`
	Default    float64            `json:"default"`
	Operations map[string]float64 `json:"operations"`
}

func (r rates) of(operation string) float64 {
	if rate, ok := r.Operations[operation]; ok {
		return rate
	}
	return r.Default
}

// load reads a model and applies its patches. A patch without a reason, or of a shape that is not there, is
// an error: it would be a deviation that nobody can check.
func load(modelFile, patchFile string) (*model, error) {
	m := &model{file: filepath.Base(modelFile)}
	if err := read(modelFile, m); err != nil {
		return nil, err
	}
	m.addOutputs()
	for name, s := range m.Shapes.of {
		s.name = name
	}
	all := map[string]patches{}
	if err := read(patchFile, &all); err != nil {
		return nil, err
	}
	return m, m.patch(all[m.file])
}

// addOutputs gives operations that answer with nothing at all an empty output, so that all are alike.
func (m *model) addOutputs() {
	for name, o := range m.Operations.of {
		if o.Output.Shape == "" {
			o.Output.Shape = name + "Response"
			m.Operations.of[name] = o
			m.Shapes.of[o.Output.Shape] = &shape{Type: "structure"}
			m.Shapes.names = append(m.Shapes.names, o.Output.Shape)
		}
	}
	slices.Sort(m.Shapes.names)
}

func read(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

func (m *model) patch(p patches) error {
	for _, change := range p.Shapes {
		s := m.Shapes.of[change.Shape]
		if s == nil || change.Reason == "" {
			return fmt.Errorf("patch of %s: no such shape, or no reason", change.Shape)
		}
		set := bytes.ReplaceAll(change.Set, []byte(`"pattern": null`), []byte(`"pattern": ""`))
		if err := json.Unmarshal(set, s); err != nil {
			return fmt.Errorf("patch of %s: %w", change.Shape, err)
		}
	}
	for name := range p.Rates.Operations {
		if _, known := m.Operations.of[name]; !known {
			return fmt.Errorf("rate of %s: no such operation", name)
		}
	}
	m.rates = p.Rates
	return nil
}

func (m *model) shape(r ref) *shape {
	s := m.Shapes.of[r.Shape]
	if s == nil {
		panic("contract: no shape " + r.Shape)
	}
	return s
}

// bodyMembers are the members that travel in the body; those in headers go out with every answer anyway.
func (s *shape) bodyMembers() []string {
	var names []string
	for _, name := range s.Members.names {
		if s.Members.of[name].Location == "" {
			names = append(names, name)
		}
	}
	return names
}

func (s *shape) requires(member string) bool {
	for _, name := range s.Required {
		if name == member {
			return true
		}
	}
	return false
}

// reachable returns the structures that hang on the roots, in the model's order.
func (m *model) reachable(roots []string) []*shape {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		s := m.shape(ref{Shape: name})
		for _, member := range s.Members.names {
			visit(s.Members.of[member].Shape)
		}
		if s.Member != nil {
			visit(s.Member.Shape)
		}
	}
	for _, root := range roots {
		visit(root)
	}
	var out []*shape
	for _, name := range m.Shapes.names {
		if s := m.Shapes.of[name]; seen[name] && s.Type == "structure" {
			out = append(out, s)
		}
	}
	return out
}

func (m *model) inputs() []*shape {
	var roots []string
	for _, o := range m.Operations.of {
		roots = append(roots, o.Input.Shape)
	}
	return m.reachable(roots)
}

func (m *model) outputs() []*shape {
	var roots []string
	for _, o := range m.Operations.of {
		roots = append(roots, o.Output.Shape)
	}
	return m.reachable(roots)
}
