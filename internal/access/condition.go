package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// condition is one operator with one key and the values it is compared with.
type condition struct {
	operator operator
	set      setOperator
	ifExists bool
	key      conditionKey
	tag      string // of ResourceTag and RequestTag
	values   []string
}

type conditionKey uint8

const (
	resourceTag conditionKey = iota
	requestTag
	tagKeys
)

type setOperator uint8

const (
	single setOperator = iota
	forAllValues
	forAnyValue
)

// operator compares a value of the request with those of the policy.
type operator struct {
	equal func(want, have string) bool
	not   bool
	null  bool
}

var operators = map[string]operator{
	"StringEquals":              {equal: same},
	"StringNotEquals":           {equal: same, not: true},
	"StringEqualsIgnoreCase":    {equal: strings.EqualFold},
	"StringNotEqualsIgnoreCase": {equal: strings.EqualFold, not: true},
	"StringLike":                {equal: like},
	"StringNotLike":             {equal: like, not: true},
	"Null":                      {null: true},
}

func same(want, have string) bool { return want == have }

const knownOperators = "StringEquals, StringLike, their Not and IgnoreCase forms, and Null"

func readConditions(raw json.RawMessage) ([]condition, error) {
	blocks, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	var out []condition
	for _, block := range blocks {
		keys, err := readObject(block.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", block.name, err)
		}
		for _, k := range keys {
			c, err := readCondition(block.name, k)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", block.name, k.name, err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func readCondition(name string, k member) (c condition, err error) {
	if c, err = newOperator(name); err != nil {
		return c, err
	}
	if c.key, c.tag, err = newKey(k.name); err != nil {
		return c, err
	}
	if c.values, err = readTexts(k.value); err != nil {
		return c, err
	}
	switch {
	case c.operator.null:
		if len(c.values) != 1 || c.values[0] != "true" && c.values[0] != "false" {
			return c, errors.New(`the value must be "true" or "false"`)
		}
	case c.key == tagKeys && c.set == single:
		return c, errors.New("it has several values: say ForAnyValue: or ForAllValues: before the operator")
	case c.key != tagKeys && c.set != single:
		return c, errors.New("it has one value: leave out ForAnyValue: or ForAllValues:, or use the operator ending in IfExists")
	}
	return c, nil
}

func newOperator(name string) (c condition, err error) {
	plainName, ok := strings.CutPrefix(name, "ForAllValues:")
	if ok {
		c.set = forAllValues
	} else if plainName, ok = strings.CutPrefix(name, "ForAnyValue:"); ok {
		c.set = forAnyValue
	}
	plainName, c.ifExists = strings.CutSuffix(plainName, "IfExists")
	if c.operator, ok = operators[plainName]; !ok || c.operator.null && plainName != name {
		return c, fmt.Errorf("there is no such operator here: known are %s", knownOperators)
	}
	return c, nil
}

func newKey(name string) (conditionKey, string, error) {
	lower := strings.ToLower(name) // the names of condition keys are not case-sensitive
	for prefix, key := range map[string]conditionKey{"aws:resourcetag/": resourceTag, "aws:requesttag/": requestTag} {
		if strings.HasPrefix(lower, prefix) && len(lower) > len(prefix) {
			return key, name[len(prefix):], nil
		}
	}
	if lower == "aws:tagkeys" {
		return tagKeys, "", nil
	}
	return 0, "", errors.New("there is no such condition key here: known are aws:ResourceTag/..., aws:RequestTag/... and aws:TagKeys")
}

// holds tells whether the request fulfils the condition. Where a tag's key is there in several cases, a
// statement that denies takes any of their values and one that allows wants all.
func (c condition) holds(r Request, resource map[string]string, deny bool) bool {
	var have []string
	switch c.key {
	case resourceTag:
		have = folded(resource, c.tag)
	case requestTag:
		have = folded(r.RequestTags, c.tag)
	case tagKeys:
		have = r.TagKeys
	}
	if c.operator.null {
		return (len(have) == 0) == (c.values[0] == "true")
	}
	if len(have) == 0 {
		return c.ifExists || c.set == forAllValues || c.set == single && c.operator.not
	}
	all := c.set == forAllValues || c.set == single && !deny
	for _, v := range have {
		if c.compare(v) != all {
			return !all
		}
	}
	return all
}

// compare tells whether the operator holds for one value of the request.
func (c condition) compare(have string) bool {
	for _, want := range c.values {
		if c.operator.equal(want, have) {
			return !c.operator.not
		}
	}
	return c.operator.not
}

// folded returns the values of the tags whose keys differ from key in case at most.
func folded(tags map[string]string, key string) []string {
	var out []string
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			out = append(out, v)
		}
	}
	return out
}
