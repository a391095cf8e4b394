package main

import (
	"regexp"
	"strings"
	"unicode"
)

var initialisms = map[string]string{
	"Arn": "ARN", "Arns": "ARNs", "Id": "ID", "Ids": "IDs", "Hls": "HLS", "Os": "OS", "Sdk": "SDK", "Isp": "ISP",
	"Rtmp": "RTMP", "Rtmps": "RTMPS", "Whip": "WHIP", "Url": "URL", "Uri": "URI", "Http": "HTTP", "Cdn": "CDN", "Srt": "SRT",
}

var word = regexp.MustCompile(`[A-Z][a-z0-9]*|[a-z0-9]+`)

// goName turns a name of the model into an exported Go name: stageArn becomes StageARN.
func goName(name string) string {
	var b strings.Builder
	for _, part := range word.FindAllString(name, -1) {
		r := []rune(part)
		r[0] = unicode.ToUpper(r[0])
		part = string(r)
		if known, ok := initialisms[part]; ok {
			part = known
		}
		b.WriteString(part)
	}
	return b.String()
}

// enumName turns a value such as AUDIO_VIDEO into AudioVideo.
func enumName(value string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		b.WriteString(goName(strings.ToLower(part)))
	}
	return b.String()
}

// typeName is the Go name of a structure, enum or sensitive string. Inputs and outputs are named for their
// operation.
func (m *model) typeName(s *shape) string {
	for _, name := range m.Operations.names {
		o := m.Operations.of[name]
		switch s.name {
		case o.Input.Shape:
			return name + "Input"
		case o.Output.Shape:
			return name + "Output"
		}
	}
	return goName(s.name)
}

// isNamed says whether a string shape has a Go type of its own.
func isNamed(s *shape) bool { return s.Type == "string" && (s.Enum != nil || s.Sensitive) }

// textType is the Go type of a string shape.
func (m *model) textType(s *shape) string {
	if isNamed(s) {
		return m.typeName(s)
	}
	return "string"
}

// fieldType is the Go type of a member: everything but lists and maps is a pointer, nil where it is absent.
func (m *model) fieldType(s *shape) string {
	switch s.Type {
	case "string":
		return "*" + m.textType(s)
	case "integer":
		return "*int32"
	case "long":
		return "*int64"
	case "float", "double":
		return "*float64"
	case "boolean":
		return "*bool"
	case "timestamp":
		return "*time.Time"
	case "structure":
		return "*" + m.typeName(s)
	case "list":
		return "[]" + strings.TrimPrefix(m.fieldType(m.shape(*s.Member)), "*")
	case "map":
		if m.shape(*s.Key).Type == "string" && m.shape(*s.Value).Type == "string" {
			return "map[string]string"
		}
	}
	panic("contract: no Go type for shape " + s.name)
}
