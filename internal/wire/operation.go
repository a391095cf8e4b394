package wire

import (
	"context"
	"net/url"
	"strings"
)

// Input is what an operation takes.
type Input interface {
	// Decode fills the input from a request. It returns a Fault.
	Decode(r *Request) error
	// Validate returns a Fault that lists every constraint of the contract that the input breaks.
	Validate() error
}

// Output is what an operation answers. Encode writes nothing where the contract has no members for the body.
type Output interface {
	Encode(w *Writer)
}

// Request is what inputs are decoded from.
type Request struct {
	Label string     // the decoded end of the path, "" if the operation has none
	Query url.Values // nil if there is none
	Body  []byte
}

// Operation is one row of a contract's table. S is the typed interface behind which hand-written code begins.
type Operation[S any] struct {
	Name   string
	Method string
	Path   string  // ends in "/" where the rest of the path is a label
	Body   bool    // whether members travel in a JSON body
	Status int     // of the answer when all went well
	Rate   float64 // calls per second and account in the profile aws
	Errors []Exception
	New    func() Input
	Serve  func(ctx context.Context, to S, in Input) (Output, error)
}

// Models says whether the contract lets the operation answer with the exception.
func (o *Operation[S]) Models(e Exception) bool {
	for _, modelled := range o.Errors {
		if modelled.Name == e.Name {
			return true
		}
	}
	return false
}

// None stands in for the interface of operations that are tied to what serves them.
type None struct{}

// Bind ties operations to what serves them, so that those of different contracts become alike.
func Bind[S any](operations []Operation[S], to S) []Operation[None] {
	bound := make([]Operation[None], len(operations))
	for i, o := range operations {
		bound[i] = Operation[None]{
			Name: o.Name, Method: o.Method, Path: o.Path, Body: o.Body, Status: o.Status, Rate: o.Rate, Errors: o.Errors, New: o.New,
			Serve: func(ctx context.Context, _ None, in Input) (Output, error) { return o.Serve(ctx, to, in) },
		}
	}
	return bound
}

// Table finds operations.
type Table[S any] struct {
	exact  map[string]*Operation[S] // by method, space, path
	labels []*Operation[S]
	paths  map[string][]string
}

// NewTable returns a table of the operations.
func NewTable[S any](operations []Operation[S]) *Table[S] {
	t := &Table[S]{exact: map[string]*Operation[S]{}, paths: map[string][]string{}}
	for i := range operations {
		o := &operations[i]
		t.paths[o.Path] = append(t.paths[o.Path], o.Method)
		if strings.HasSuffix(o.Path, "/") {
			t.labels = append(t.labels, o)
		} else {
			t.exact[o.Method+" "+o.Path] = o
		}
	}
	return t
}

// Find returns the operation of a method and a path as it came (percent-encoded), with the path's label
// decoded once; nil if there is none.
func (t *Table[S]) Find(method, path string) (o *Operation[S], label string) {
	if o := t.exact[method+" "+path]; o != nil {
		return o, ""
	}
	for _, o := range t.labels {
		rest, ok := strings.CutPrefix(path, o.Path)
		if !ok || rest == "" || o.Method != method {
			continue
		}
		if label, err := url.PathUnescape(rest); err == nil {
			return o, label
		}
	}
	return nil, ""
}

// Methods returns the methods that a path has operations for.
func (t *Table[S]) Methods(path string) []string {
	if methods := t.paths[path]; methods != nil {
		return methods
	}
	for _, o := range t.labels {
		if rest, ok := strings.CutPrefix(path, o.Path); ok && rest != "" {
			return t.paths[o.Path]
		}
	}
	return nil
}

// ParseQuery reads a query. Unlike a form's, its "+" is a plus: signatures take it so, and both must agree.
func ParseQuery(raw string) (url.Values, error) {
	values, err := url.ParseQuery(strings.ReplaceAll(raw, "+", "%2B"))
	if err != nil {
		return nil, Fault{Serialization, "The query string is not valid."}
	}
	return values, nil
}

// Answer turns a typed answer into an Output.
func Answer[O Output](out O, err error) (Output, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}

// NotServed is the error of an operation that the contract knows and this server does not do. It is a client
// error (a 5xx would be tried again), with a name that other AWS services use for the same.
func NotServed(operation string) error {
	return Fault{UnsupportedOperation, "The operation " + operation + " is not served yet by this server."}
}
