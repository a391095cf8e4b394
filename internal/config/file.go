package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxFile = 64 << 10 // bytes; a file of every setting is under ten thousand
	// maxNesting bounds the parser's recursion: a setting is two levels deep, a list in it three.
	maxNesting = 64
)

// parseFile takes every setting that the YAML in data names. It is strict: a key that names no setting, a key
// given twice, and everything of YAML that a setting has no use for (anchors, aliases, tags, several
// documents) are errors that name the line.
func (c *Config) parseFile(path string, data []byte) error {
	if len(data) > maxFile {
		return fmt.Errorf("config: %s is %d bytes long, the limit is %d", path, len(data), maxFile)
	}
	if err := shallow(data); err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	f := fileReader{config: c, path: path, seen: map[string]bool{}}
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		if documents++; documents > 1 {
			f.refuse(doc.Body, "a second document: there must be one")
			break
		}
		f.mapping("", doc.Body)
	}
	return errors.Join(f.errs...)
}

// shallow refuses brackets nested deeper than any setting could need, before the parser recurses into them.
func shallow(data []byte) error {
	depth, line := 0, 1
	for _, b := range data {
		switch b {
		case '\n':
			line++
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		}
		if depth > maxNesting {
			return fmt.Errorf("line %d: brackets are nested more than %d deep", line, maxNesting)
		}
	}
	return nil
}

type fileReader struct {
	config *Config
	path   string
	seen   map[string]bool
	errs   []error
}

func (f *fileReader) refuse(at ast.Node, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s: %s", f.where(at), fmt.Sprintf(format, args...)))
}

func (f *fileReader) where(at ast.Node) string {
	if tk := at.GetToken(); tk != nil && tk.Position != nil {
		return fmt.Sprintf("%s:%d", f.path, tk.Position.Line)
	}
	return f.path
}

// mapping walks the keys of node, which stands under the key above ("" at the top).
func (f *fileReader) mapping(above string, node ast.Node) {
	pairs, ok := pairsOf(node)
	if !ok {
		f.refuse(node, "%s must hold keys and values", cmp.Or(above, "the file"))
		return
	}
	for _, pair := range pairs {
		name, ok := keyOf(pair)
		if !ok {
			f.refuse(pair, "a key must be a plain word")
			continue
		}
		key := name
		if above != "" {
			key = above + "." + name
		}
		if f.seen[key] {
			f.refuse(pair, "%s stands here a second time", key)
			continue
		}
		f.seen[key] = true
		f.entry(key, pair)
	}
}

func (f *fileReader) entry(key string, pair *ast.MappingValueNode) {
	_, nested := pairsOf(pair.Value)
	setting := f.config.find(key, nested)
	switch {
	case setting != nil:
		f.set(setting, pair.Value)
	case nested && f.config.isGroup(key):
		f.mapping(key, pair.Value)
	case f.config.isGroup(key):
		f.refuse(pair, "%s must hold keys and values", key)
	default:
		f.refuse(pair, "there is no setting %q%s", key, f.config.nearest(key))
	}
}

func (f *fileReader) set(s *Setting, node ast.Node) {
	if s.from&fromFile == 0 {
		f.refuse(node, "%s can't be set in a file", s.Key)
		return
	}
	text, err := textOf(node, s.value.kind)
	if err != nil {
		f.refuse(node, "%s: %v", s.Key, err)
		return
	}
	if err := s.take(text, Origin{File, f.where(node)}); err != nil {
		f.errs = append(f.errs, err)
	}
}

// find returns the setting of a key. A key above others may stand for the setting with its flag's name:
// quotas: aws is quotas.profile: aws.
func (c *Config) find(key string, nested bool) *Setting {
	for _, s := range c.settings {
		if s.Key == key || !nested && s.name == key {
			return s
		}
	}
	return nil
}

func (c *Config) isGroup(key string) bool {
	for _, s := range c.settings {
		if strings.HasPrefix(s.Key, key+".") {
			return true
		}
	}
	return false
}

// nearest suggests the key that was perhaps meant.
func (c *Config) nearest(key string) string {
	plain := strings.NewReplacer("-", "", "_", "", ".", "")
	for _, s := range c.settings {
		if strings.EqualFold(plain.Replace(s.Key), plain.Replace(key)) {
			return fmt.Sprintf("; did you mean %q?", s.Key)
		}
	}
	return ""
}

func pairsOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func keyOf(pair *ast.MappingValueNode) (string, bool) {
	key, ok := pair.Key.(*ast.StringNode)
	if !ok || key.Value == "" {
		return "", false
	}
	return key.Value, true
}

// textOf returns what node says in the form that a flag of the kind takes.
func textOf(node ast.Node, kind string) (string, error) {
	if kind == targetsKind {
		return jsonOf(node)
	}
	switch n := node.(type) {
	case *ast.SequenceNode:
		if kind != "list" {
			return "", errors.New("it takes one value, not a list")
		}
		words := make([]string, len(n.Values))
		for i, v := range n.Values {
			word, err := scalar(v)
			if err != nil {
				return "", err
			}
			words[i] = word
		}
		return strings.Join(words, ","), nil
	case *ast.MappingNode, *ast.MappingValueNode:
		if kind != "map" {
			return "", errors.New("it takes one value, not keys and values")
		}
		pairs, _ := pairsOf(node)
		return textOfPairs(pairs)
	}
	if kind == "map" {
		return "", errors.New("it takes keys and values")
	}
	return scalar(node)
}

func textOfPairs(pairs []*ast.MappingValueNode) (string, error) {
	words := make([]string, len(pairs))
	seen := map[string]bool{}
	for i, pair := range pairs {
		key, ok := keyOf(pair)
		if !ok || strings.ContainsAny(key, ",=") || seen[key] {
			return "", errors.New("each key must be a plain word of its own")
		}
		seen[key] = true
		word, err := scalar(pair.Value)
		if err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
		if strings.Contains(word, ",") {
			return "", fmt.Errorf("%s: it takes one value", key)
		}
		words[i] = key + "=" + word
	}
	return strings.Join(words, ","), nil
}

// scalar returns a value as it was written: 000000000000 keeps its zeros.
func scalar(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New("it has no value")
	}
	return "", fmt.Errorf("it takes a plain value, not YAML's %s", strings.ToLower(node.Type().YAMLName()))
}
