package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestTargets_OfTheFileAreJSON(t *testing.T) {
	c := New()
	err := c.parseFile("c.yaml", []byte(`
events:
  retention: 24h
  allow_private: [127.0.0.0/8]
  targets:
    - name: one
      kind: webhook
      url: https://example.org/hook
      secret: whsec_hidden
      pattern: {detail: {replica: [false], n: [{numeric: [">", 1.5]}], none: [null]}}
    - {name: two, kind: stdout}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	_ = json.Unmarshal([]byte(`[{"name":"one","kind":"webhook","url":"https://example.org/hook","secret":"whsec_hidden",
		"pattern":{"detail":{"replica":[false],"n":[{"numeric":[">",1.5]}],"none":[null]}}},{"name":"two","kind":"stdout"}]`), &want)
	if err := json.Unmarshal([]byte(c.Events.Targets), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %s, %v", string(c.Events.Targets), err)
	}
	for _, s := range c.Settings() {
		if strings.Contains(s.Value(), "whsec") {
			t.Errorf("%s shows a secret: %s", s.Key, s.Value())
		}
	}
	for _, bad := range []string{"events: {targets: x}", "events: {targets: [x]}", "events: {targets: [{a: 1, a: 2}]}", "events: {targets: [{a: 0x10}]}", "events: {targets: [&a {}]}"} {
		if err := New().parseFile("c.yaml", []byte(bad)); err == nil || strings.Contains(err.Error(), "whsec") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
