package kit

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// match says how got differs from want, "" if it does not. An object in want may leave members out, but not
// those in "$only": it lists all that may be there. null wants nothing to be there. A list wants as many elements;
// {"$has": [..]} wants each of its to be among those that are there, {"$lacks": [..]} none of them, {"$count": n}
// a number of them. A text that begins with "re:" is a regular expression for the whole of a text, "*" is anything
// that is not null; "?" is nothing, or a text that is empty: SDKs cannot tell the two apart everywhere.
func match(got, want any, where string) string {
	switch w := want.(type) {
	case nil:
		if got != nil {
			return fmt.Sprintf("%s is there: %s", where, short(got))
		}
	case string:
		return matchText(got, w, where)
	case []any:
		return matchList(got, w, where)
	case map[string]any:
		return matchObject(got, w, where)
	default:
		if !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("%s is %s, want %s", where, short(got), short(want))
		}
	}
	return ""
}

func matchText(got any, want, where string) string {
	if want == "*" {
		if got == nil {
			return where + " is not there"
		}
		return ""
	}
	if want == "?" && (got == nil || got == "") {
		return ""
	}
	text, ok := got.(string)
	pattern, isPattern := strings.CutPrefix(want, "re:")
	switch {
	case ok && isPattern:
		if matched, err := regexp.MatchString(`\A(?:`+pattern+`)\z`, text); err == nil && matched {
			return ""
		}
	case ok && text == want:
		return ""
	}
	return fmt.Sprintf("%s is %s, want %q", where, short(got), want)
}

func matchList(got any, want []any, where string) string {
	list, ok := got.([]any)
	if !ok || len(list) != len(want) {
		return fmt.Sprintf("%s is %s, want %d elements", where, short(got), len(want))
	}
	for i := range want {
		if differs := match(list[i], want[i], fmt.Sprintf("%s.%d", where, i)); differs != "" {
			return differs
		}
	}
	return ""
}

func matchObject(got any, want map[string]any, where string) string {
	if list, ok := got.([]any); ok {
		return matchElements(list, want, where)
	}
	object, ok := got.(map[string]any)
	if !ok {
		return fmt.Sprintf("%s is %s, want an object", where, short(got))
	}
	for name, w := range want {
		if name == "$only" {
			if differs := matchOnly(object, w, where); differs != "" {
				return differs
			}
			continue
		}
		if differs := match(object[name], w, where+"."+name); differs != "" {
			return differs
		}
	}
	return ""
}

func matchOnly(object map[string]any, want any, where string) string {
	allowed, _ := want.([]any)
	for name := range object {
		known := false
		for _, a := range allowed {
			known = known || a == name
		}
		if !known {
			return fmt.Sprintf("%s.%s should not be there", where, name)
		}
	}
	return ""
}

func matchElements(list []any, want map[string]any, where string) string {
	among := func(w any) bool {
		for _, element := range list {
			if match(element, w, "") == "" {
				return true
			}
		}
		return false
	}
	has, _ := want["$has"].([]any)
	for _, w := range has {
		if !among(w) {
			return fmt.Sprintf("%s has no element like %s", where, short(w))
		}
	}
	lacks, _ := want["$lacks"].([]any)
	for _, w := range lacks {
		if among(w) {
			return fmt.Sprintf("%s has an element like %s", where, short(w))
		}
	}
	if n, ok := want["$count"].(float64); ok && float64(len(list)) != n {
		return fmt.Sprintf("%s has %d elements, want %v", where, len(list), n)
	}
	return ""
}

func short(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > 200 {
		return string(text[:200]) + "…"
	}
	return string(text)
}
