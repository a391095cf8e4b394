package kit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/contract"
)

// The two APIs.
const (
	Realtime = "realtime"
	Channel  = "channel"
)

// Contract is a model, as far as requests are laid out by it and answers are checked.
type Contract struct {
	Operations map[string]*Operation `json:"operations"`
	shapes     map[string]*shape
}

// Operation is one of a contract's.
type Operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
		Status int    `json:"responseCode"`
	} `json:"http"`
	Input  member   `json:"input"`
	Output member   `json:"output"`
	Errors []member `json:"errors"`
}

// Models says whether the contract has the operation answer with the exception.
func (o *Operation) Models(exception string) bool {
	return slices.ContainsFunc(o.Errors, func(m member) bool { return m.Shape == exception })
}

type member struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
}

type shape struct {
	Type     string            `json:"type"`
	Required []string          `json:"required"`
	Members  map[string]member `json:"members"`
	Member   *member           `json:"member"`
	Value    *member           `json:"value"`
	Pattern  string            `json:"pattern"`
	Enum     []string          `json:"enum"`
	Min      *float64          `json:"min"`
	Max      *float64          `json:"max"`
	match    *regexp.Regexp
}

// Contracts returns both, by the names of their APIs.
func Contracts() (map[string]*Contract, error) {
	var patches map[string]struct {
		Shapes []struct {
			Shape string          `json:"shape"`
			Set   json.RawMessage `json:"set"`
		} `json:"shapes"`
	}
	if err := json.Unmarshal(contract.Patches, &patches); err != nil {
		return nil, err
	}
	all := map[string]*Contract{}
	for api, source := range map[string]struct {
		model []byte
		file  string
	}{Realtime: {contract.Realtime, "ivsrealtime.json"}, Channel: {contract.Channel, "ivs-channel.json"}} {
		c := &Contract{}
		var shapes struct {
			Shapes map[string]*shape `json:"shapes"`
		}
		if err := json.Unmarshal(source.model, c); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(source.model, &shapes); err != nil {
			return nil, err
		}
		c.shapes = shapes.Shapes
		for _, p := range patches[source.file].Shapes {
			set := bytes.ReplaceAll(p.Set, []byte(`"pattern": null`), []byte(`"pattern": ""`))
			if err := json.Unmarshal(set, c.shapes[p.Shape]); err != nil {
				return nil, err
			}
		}
		for _, s := range c.shapes {
			if s.Pattern != "" {
				s.match = regexp.MustCompile(`\A(?:` + s.Pattern + `)\z`)
			}
		}
		all[api] = c
	}
	return all, nil
}

// request lays an input out: path with query, and body (nil if the operation has none).
func (c *Contract) request(o *Operation, input map[string]any) (target string, body []byte, err error) {
	target = o.HTTP.URI
	inBody := map[string]any{}
	var query []string
	in := c.shapes[o.Input.Shape]
	for name, v := range input {
		switch m := in.Members[name]; m.Location {
		case "uri":
			target = strings.Replace(target, "{"+m.LocationName+"}", escape(fmt.Sprint(v)), 1)
		case "querystring":
			list, _ := v.([]any)
			for _, element := range list {
				query = append(query, m.LocationName+"="+escape(fmt.Sprint(element)))
			}
		default:
			inBody[name] = v
		}
	}
	if len(query) > 0 {
		target += "?" + strings.Join(query, "&")
	}
	if o.HTTP.Method != http.MethodPost {
		return target, nil, nil
	}
	body, err = json.Marshal(inBody)
	return target, body, err
}

// escape writes a text as SDKs write it into a URL: all but RFC 3986's unreserved characters are encoded.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "%7E", "~")
}

// checkOutput says what is wrong with an answer by the contract, "" if nothing is.
func (c *Contract) checkOutput(o *Operation, body any) string {
	if o.Output.Shape == "" {
		if body != nil {
			return "the answer should have no body"
		}
		return ""
	}
	out := c.shapes[o.Output.Shape]
	if body == nil {
		for name, m := range out.Members {
			if m.Location == "" {
				return "the answer has no body, but may have " + name
			}
		}
		return ""
	}
	return c.check(o.Output, body, "answer")
}

func (c *Contract) check(m member, v any, where string) string {
	s := c.shapes[m.Shape]
	wrong := func(what string) string { return fmt.Sprintf("%s is %s, the contract wants %s", where, short(v), what) }
	switch s.Type {
	case "structure":
		object, ok := v.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		return c.checkMembers(s, object, where)
	case "list":
		list, ok := v.([]any)
		if !ok {
			return wrong("a list")
		}
		for i, element := range list {
			if bad := c.check(*s.Member, element, fmt.Sprintf("%s.%d", where, i)); bad != "" {
				return bad
			}
		}
	case "map":
		object, ok := v.(map[string]any)
		if !ok {
			return wrong("a map")
		}
		for key, value := range object {
			if bad := c.check(*s.Value, value, where+"."+key); bad != "" {
				return bad
			}
		}
	case "string":
		return s.checkText(v, wrong)
	case "timestamp":
		text, ok := v.(string)
		if _, err := time.Parse(time.RFC3339Nano, text); !ok || err != nil {
			return wrong("an ISO 8601 time")
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong("a boolean")
		}
	default:
		if _, ok := v.(float64); !ok {
			return wrong("a number")
		}
	}
	return ""
}

func (s *shape) checkText(v any, wrong func(string) string) string {
	text, ok := v.(string)
	switch {
	case !ok:
		return wrong("a text")
	case text == "":
		return "" // stands for nothing in many answers (control-plane.md 1.4)
	case s.Enum != nil && !slices.Contains(s.Enum, text):
		return wrong("one of " + strings.Join(s.Enum, ", "))
	case s.match != nil && !s.match.MatchString(text):
		return wrong("a match of " + s.Pattern)
	}
	return ""
}

func (c *Contract) checkMembers(s *shape, object map[string]any, where string) string {
	for name, v := range object {
		m, known := s.Members[name]
		if !known {
			return where + "." + name + " is not in the contract"
		}
		if v == nil {
			continue
		}
		if bad := c.check(m, v, where+"."+name); bad != "" {
			return bad
		}
	}
	for _, name := range s.Required {
		if object[name] == nil && s.Members[name].Location == "" {
			return where + "." + name + " is not there"
		}
	}
	return ""
}
