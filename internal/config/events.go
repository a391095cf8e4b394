package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Events say who is told of what happens, and how long it is kept for them.
type Events struct {
	Keep         time.Duration
	AllowPrivate []string // CIDR prefixes
	Targets      Secret   // a JSON list, "" is none; what stands in it is notify's to read
}

// targetsKind is the kind of a value that is a list of targets. It may hold secrets.
const targetsKind = "targets"

func targets(p *Secret) value {
	return value{kind: targetsKind, get: func() string { return string(*p) }, set: func(s string) error {
		var list []map[string]any
		if s != "" && json.Unmarshal([]byte(s), &list) != nil {
			return errors.New("it must be a list of targets, each with keys and values")
		}
		*p = Secret(s)
		return nil
	}}
}

// jsonOf writes what stands in the file as JSON.
func jsonOf(node ast.Node) (string, error) {
	if text, ok := node.(*ast.StringNode); ok { // as in the environment
		return text.Value, nil
	}
	v, err := plainOf(node, 0)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(v)
	return string(text), err
}

func plainOf(node ast.Node, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("it is nested more than %d deep", maxNesting)
	}
	switch n := node.(type) {
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, v := range n.Values {
			var err error
			if list[i], err = plainOf(v, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *ast.MappingNode, *ast.MappingValueNode:
		pairs, _ := pairsOf(node)
		members := map[string]any{}
		for _, pair := range pairs {
			key, ok := keyOf(pair)
			if _, twice := members[key]; !ok || twice {
				return nil, errors.New("each key must be a plain word of its own")
			}
			v, err := plainOf(pair.Value, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			members[key] = v
		}
		return members, nil
	case *ast.IntegerNode, *ast.FloatNode:
		if text := n.GetToken().Value; json.Valid([]byte(text)) {
			return json.Number(text), nil
		}
		return nil, errors.New("it holds a number that is not written in decimal")
	case *ast.BoolNode:
		return strconv.ParseBool(strings.ToLower(n.GetToken().Value))
	case *ast.NullNode:
		return nil, nil //nolint:nilnil // null is a value
	}
	return scalar(node)
}
