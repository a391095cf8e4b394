package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a policy document may hold; AWS's limit for a managed policy is 6,144 characters.
const (
	MaxDocument   = 6144 // bytes
	maxStatements = 64
	maxValues     = 128 // in one list
	maxDepth      = 8
)

// Policy is a document that was read: what its statements allow and deny.
type Policy struct{ statements []statement }

type statement struct {
	deny       bool
	actions    []string // in lower case
	notActions bool
	resources  []resourcePattern
	notRes     bool
	conditions []condition
}

// Parse reads a policy document. The error names the statement and the element that is not understood.
func Parse(document []byte) (*Policy, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("the policy is %d bytes long, the limit is %d", len(document), MaxDocument)
	}
	if !utf8.Valid(document) {
		return nil, errors.New("the policy is not UTF-8")
	}
	top, err := readObject(document)
	if err != nil {
		return nil, err
	}
	var p Policy
	for _, m := range top {
		switch m.name {
		case "Version":
			err = oneOf(m.value, "2012-10-17", "2008-10-17")
		case "Id":
			_, err = readText(m.value)
		case "Statement":
			p.statements, err = readStatements(m.value)
		default:
			err = errors.New("there is no such element in a policy")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if len(p.statements) == 0 {
		return nil, errors.New("the policy has no Statement")
	}
	return &p, nil
}

func readStatements(raw json.RawMessage) ([]statement, error) {
	list, err := readList(raw)
	if err != nil {
		return nil, err
	}
	if len(list) > maxStatements {
		return nil, fmt.Errorf("there are %d, the limit is %d", len(list), maxStatements)
	}
	out := make([]statement, len(list))
	for i, one := range list {
		if out[i], err = readStatement(one); err != nil {
			return nil, fmt.Errorf("number %d: %w", i+1, err)
		}
	}
	return out, nil
}

func readStatement(raw json.RawMessage) (s statement, err error) {
	members, err := readObject(raw)
	if err != nil {
		return s, err
	}
	effect := false
	for _, m := range members {
		switch m.name {
		case "Sid":
			_, err = readText(m.value)
		case "Effect":
			effect = true
			var word string
			word, err = readText(m.value)
			if s.deny = word == "Deny"; err == nil && !s.deny && word != "Allow" {
				err = errors.New("it must be Allow or Deny")
			}
		case "Action", "NotAction":
			if s.actions != nil {
				return s, errors.New("there must be one of Action and NotAction, once")
			}
			s.notActions = m.name == "NotAction"
			s.actions, err = readActions(m.value)
		case "Resource", "NotResource":
			if s.resources != nil {
				return s, errors.New("there must be one of Resource and NotResource, once")
			}
			s.notRes = m.name == "NotResource"
			s.resources, err = readResources(m.value)
		case "Condition":
			s.conditions, err = readConditions(m.value)
		case "Principal", "NotPrincipal":
			err = errors.New("a key's policy has none: the principal is the key")
		default:
			err = errors.New("there is no such element in a statement")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	switch {
	case !effect:
		err = errors.New("there is no Effect")
	case s.actions == nil:
		err = errors.New("there is no Action")
	case s.resources == nil:
		err = errors.New("there is no Resource")
	}
	return s, err
}

func readActions(raw json.RawMessage) ([]string, error) {
	list, err := readTexts(raw)
	if err != nil {
		return nil, err
	}
	for i, action := range list {
		service, name, ok := strings.Cut(action, ":")
		if action != "*" && (!ok || !plain(service, "-") || !plain(name, "*?")) {
			return nil, fmt.Errorf("%q must be * or service:Action, such as ivs:GetStage or ivs:Get*", action)
		}
		list[i] = strings.ToLower(action)
	}
	return list, nil
}

// plain tells whether s is of ASCII letters, digits, and the extra characters, and not empty.
func plain(s, extra string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(extra, r)
	})
}

func readResources(raw json.RawMessage) ([]resourcePattern, error) {
	list, err := readTexts(raw)
	if err != nil {
		return nil, err
	}
	out := make([]resourcePattern, len(list))
	for i, text := range list {
		if out[i], err = newResourcePattern(text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// member is one name and value of an object, in the order of the document.
type member struct {
	name  string
	value json.RawMessage
}

// readObject reads an object. Names must differ: of two readings, the lenient one would win an argument.
func readObject(raw json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("it must be a JSON object")
	}
	var out []member
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		if slices.ContainsFunc(out, func(m member) bool { return m.name == name }) {
			return nil, fmt.Errorf("%q stands in it twice", name)
		}
		if deep(value) {
			return nil, fmt.Errorf("%q is nested more than %d deep", name, maxDepth)
		}
		out = append(out, member{name, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the end")
	}
	return out, nil
}

// deep tells whether brackets are nested deeper than any policy has them.
func deep(raw json.RawMessage) bool {
	depth, inText, escaped := 0, false, false
	for _, b := range raw {
		switch {
		case escaped:
			escaped = false
		case inText:
			escaped, inText = b == '\\', b != '"'
		case b == '"':
			inText = true
		case b == '{', b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}', b == ']':
			depth--
		}
	}
	return false
}

// readList reads a list, or one value as a list of one.
func readList(raw json.RawMessage) ([]json.RawMessage, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	var out []json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	return out, nil
}

// readTexts reads a text or a list of texts, at least one.
func readTexts(raw json.RawMessage) ([]string, error) {
	list, err := readList(raw)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > maxValues {
		return nil, fmt.Errorf("there must be from 1 to %d values", maxValues)
	}
	out := make([]string, len(list))
	for i, one := range list {
		if out[i], err = readText(one); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readText(raw json.RawMessage) (string, error) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", errors.New("it must be a text")
	}
	if strings.Contains(*s, "${") {
		return "", fmt.Errorf("%q: policy variables are not supported", *s)
	}
	return *s, nil
}

func oneOf(raw json.RawMessage, words ...string) error {
	if s, err := readText(raw); err != nil || !slices.Contains(words, s) {
		return fmt.Errorf("it must be %s", strings.Join(words, " or "))
	}
	return nil
}
