package notify

import (
	"encoding/json"
	"strings"
	"testing"
)

const anEvent = `{"detail-type":"IVS Stage Update","source":"aws.ivs","account":"000000000000","resources":["arn:aws:ivs:us-east-1:000000000000:stage/AbCdef1G2hij"],
	"detail":{"event_name":"Participant Published","user_id":"Ada*","replica":false,"n":12.5,"none":null,"ip":"10.1.2.3","list":[{"a":1,"b":2},{"a":3,"b":4}],"empty":[]}}`

func TestPattern_ChoosesAsEventBridgeDoes(t *testing.T) {
	for pattern, want := range map[string]bool{
		``:                       true,
		`null`:                   true,
		`{}`:                     true,
		`{"source":["aws.ivs"]}`: true,
		`{"source":["aws.s3","aws.ivs"],"account":["000000000000"]}`: true,
		`{"source":["aws.s3"]}`:                                                                       false,
		`{"resources":[{"suffix":"stage/AbCdef1G2hij"}]}`:                                             true,
		`{"resources":["x",{"prefix":"arn:aws:s3"}]}`:                                                 false,
		`{"detail":{"event_name":[{"prefix":"Participant "}]}}`:                                       true,
		`{"detail":{"event_name":[{"prefix":{"equals-ignore-case":"PARTICIPANT"}}]}}`:                 true,
		`{"detail":{"event_name":[{"suffix":{"equals-ignore-case":"LISHED"}}]}}`:                      true,
		`{"detail":{"event_name":[{"equals-ignore-case":"participant published"}]}}`:                  true,
		`{"detail":{"event_name":[{"anything-but":"Participant Published"}]}}`:                        false,
		`{"detail":{"event_name":[{"anything-but":["a","b"]}]}}`:                                      true,
		`{"detail":{"event_name":[{"anything-but":{"prefix":"Part"}}]}}`:                              false,
		`{"detail":{"event_name":[{"anything-but":{"suffix":["x","y"]}}]}}`:                           true,
		`{"detail":{"event_name":[{"anything-but":{"wildcard":"*Pub*"}}]}}`:                           false,
		`{"detail":{"event_name":[{"anything-but":{"equals-ignore-case":"PARTICIPANT PUBLISHED"}}]}}`: false,
		`{"detail":{"missing":[{"anything-but":"x"}]}}`:                                               false,
		`{"detail":{"event_name":[{"wildcard":"Part*Pub*ed"}]}}`:                                      true,
		`{"detail":{"event_name":[{"wildcard":"*x*"}]}}`:                                              false,
		`{"detail":{"user_id":[{"wildcard":"Ada\\*"}]}}`:                                              true,
		`{"detail":{"n":[{"numeric":[">",12,"<=",12.5]}]}}`:                                           true,
		`{"detail":{"n":[{"numeric":["=",12]}]}}`:                                                     false,
		`{"detail":{"n":[12.50]}}`:                                                                    true,
		`{"detail":{"n":["12.5"]}}`:                                                                   false,
		`{"detail":{"replica":[false]}}`:                                                              true,
		`{"detail":{"none":[null]}}`:                                                                  true,
		`{"detail":{"ip":[{"cidr":"10.0.0.0/8"}]}}`:                                                   true,
		`{"detail":{"ip":[{"cidr":"10.2.0.0/16"}]}}`:                                                  false,
		`{"detail":{"missing":[{"exists":false}]}}`:                                                   true,
		`{"nothing":{"at":{"all":[{"exists":false}]}}}`:                                               true,
		`{"detail":{"event_name":[{"exists":false}]}}`:                                                false,
		`{"detail":{"none":[{"exists":true}]}}`:                                                       true,
		`{"detail":{"empty":[{"exists":true}]}}`:                                                      false,
		`{"detail":{"list":{"a":[1],"b":[2]}}}`:                                                       true,
		`{"detail":{"list":{"a":[1],"b":[4]}}}`:                                                       false, // of different elements
		`{"$or":[{"source":["x"]},{"detail":{"replica":[false]}}]}`:                                   true,
		`{"detail":{"$or":[{"n":[1]},{"n":[2]}]}}`:                                                    false,
		`{"detail":{"n":[{"numeric":[">",0]}],"$or":[{"n":[1]},{"replica":[false]}]}}`:                true,
	} {
		p, err := ParsePattern([]byte(pattern))
		if err != nil {
			t.Errorf("%s is refused: %v", pattern, err)
			continue
		}
		if got := p.Matches([]byte(anEvent)); got != want {
			t.Errorf("%s: %t, want %t", pattern, got, want)
		}
	}
}

func TestPattern_RefusesWhatMeansNothing(t *testing.T) {
	for _, pattern := range []string{
		`[]`, `"a"`, `{`, `{} {}`, `{"a":"b"}`, `{"a":[]}`, `{"a":{}}`, `{"a":[["b"]]}`, `{"a":[{"prefix":"x","suffix":"y"}]}`, `{"a":[{}]}`,
		`{"a":[{"regex":"x"}]}`, `{"a":[{"prefix":1}]}`, `{"a":[{"prefix":{"x":"y"}}]}`, `{"a":[{"numeric":[">"]}]}`, `{"a":[{"numeric":["~",1]}]}`,
		`{"a":[{"numeric":[">","1"]}]}`, `{"a":[{"cidr":"x"}]}`, `{"a":[{"exists":1}]}`, `{"a":[{"anything-but":[]}]}`, `{"a":[{"anything-but":[true]}]}`,
		`{"a":[{"anything-but":{"numeric":[1]}}]}`, `{"a":[{"wildcard":"**"}]}`, `{"a":[{"wildcard":"a\\b"}]}`,
		strings.Repeat(`{"a":`, 30) + `["x"]` + strings.Repeat(`}`, 30), `{"a":["` + strings.Repeat("x", maxPattern) + `"]}`,
	} {
		if p, err := ParsePattern([]byte(pattern)); err == nil {
			t.Errorf("%.60s is taken: %+v", pattern, p)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add([]byte(`{"detail":{"n":[{"numeric":[">",12,"<=",12.5]}],"$or":[{"a":[null]},{"b":[{"exists":false}]}]}}`), []byte(anEvent))
	f.Add([]byte(`{"a":[{"anything-but":{"wildcard":"*\\**"}}]}`), []byte(`{"a":["x*",[],{}]}`))
	f.Add([]byte(`{"a":[{"prefix":{"equals-ignore-case":"é"}}]}`), []byte(`{"a":"É"}`))
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		if p.Matches(event) && p != nil && !json.Valid(event) {
			t.Errorf("%q matches %q", pattern, event)
		}
	})
}
