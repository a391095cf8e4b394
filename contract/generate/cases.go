package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// conformanceCase is a boundary as the conformance kit reads it: a call and what is to come back.
type conformanceCase struct {
	ID        string         `json:"id"`
	API       string         `json:"api"`
	Operation string         `json:"operation"`
	Input     map[string]any `json:"input"`
	Want      wanted         `json:"want"`
}

type wanted struct {
	Status  int    `json:"status,omitempty"`
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
	Accepts string `json:"accepts,omitempty"`
}

func writeCases(modelFile, patchFile, out string) error {
	data, err := conformanceCases(modelFile, patchFile)
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o644) //nolint:gosec // test data is for all to read
}

// conformanceCases returns the boundaries of all operations, one JSON object a line.
func conformanceCases(modelFile, patchFile string) ([]byte, error) {
	m, err := load(modelFile, patchFile)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for _, name := range m.Operations.names {
		o := m.Operations.of[name]
		n := map[string]int{}
		emit := func(input map[string]any, member, breaks string) error {
			if input[member] == "" && m.shape(o.Input).Members.of[member].Location == "uri" {
				return nil // an empty label makes another path
			}
			n[member]++
			return e.Encode(conformanceCase{
				ID:  strings.TrimRight(fmt.Sprintf("%s/%s/%d", name, member, n[member]), "/"),
				API: m.api(), Operation: name, Input: input, Want: want(member, breaks),
			})
		}
		in := m.shape(o.Input)
		if err := emit(minimal(m, in), "", ""); err != nil {
			return nil, err
		}
		var failed error
		vary(m, in, func(path []string, v value) {
			root := minimal(m, in)
			put(m, in, root, path, v.v)
			if err := emit(root, strings.Join(path, "."), v.breaks); err != nil {
				failed = err
			}
		}, nil)
		if failed != nil {
			return nil, failed
		}
	}
	return out.Bytes(), nil
}

func want(member, breaks string) wanted {
	switch breaks {
	case "":
		if member == "" {
			member = "the least there may be"
		}
		return wanted{Accepts: member}
	case wrongType:
		return wanted{Status: 400, Error: wrongType, Message: "'" + member + "'"}
	default:
		return wanted{Status: 400, Error: "ValidationException", Message: breaks}
	}
}

// api is the name of the model's API.
func (m *model) api() string {
	if m.file == "ivs-channel.json" {
		return "channel"
	}
	return "realtime"
}
