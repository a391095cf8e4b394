package kit

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestMatch_TakesWhatFitsAndSaysWhatDiffers(t *testing.T) {
	for _, c := range []struct{ got, want, says string }{
		{`{"a":1,"b":2}`, `{"a":1}`, ""},
		{`{"a":1}`, `{"a":2}`, "answer.a is 1, want 2"},
		{`{}`, `{"a":null}`, ""},
		{`{"a":0}`, `{"a":null}`, "answer.a is there"},
		{`{"a":"x1"}`, `{"a":"re:x[0-9]"}`, ""},
		{`{"a":"x1y"}`, `{"a":"re:x[0-9]"}`, "want \"re:"},
		{`{"a":false}`, `{"a":"*"}`, ""},
		{`{}`, `{"a":"*"}`, "answer.a is not there"},
		{`{}`, `{"a":"?"}`, ""},
		{`{"a":""}`, `{"a":"?"}`, ""},
		{`{"a":"x"}`, `{"a":"?"}`, "want \"?\""},
		{`{"a":[1,2]}`, `{"a":[1,2]}`, ""},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, "answer.a.0"},
		{`{"a":[1,2]}`, `{"a":[1]}`, "want 1 elements"},
		{`{"a":[{"b":1},{"b":2}]}`, `{"a":{"$has":[{"b":2}],"$lacks":[{"b":3}],"$count":2}}`, ""},
		{`{"a":[{"b":1}]}`, `{"a":{"$has":[{"b":2}]}}`, "no element like"},
		{`{"a":[{"b":1}]}`, `{"a":{"$lacks":[{"b":1}]}}`, "has an element like"},
		{`{"a":[{"b":1}]}`, `{"a":{"$count":2}}`, "has 1 elements"},
		{`{"a":{"b":1}}`, `{"a":{"$only":["b"]}}`, ""},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"$only":["b"]}}`, "answer.a.c should not be there"},
		{`{"a":1}`, `{"a":{}}`, "want an object"},
	} {
		var got, want any
		if json.Unmarshal([]byte(c.got), &got) != nil || json.Unmarshal([]byte(c.want), &want) != nil {
			t.Fatal(c)
		}
		if says := match(got, want, "answer"); (says == "") != (c.says == "") || !strings.Contains(says, c.says) {
			t.Errorf("%s against %s: %q, want %q", c.got, c.want, says, c.says)
		}
	}
}

func TestCheckOutput_FindsWhatTheContractForbids(t *testing.T) {
	contracts, err := Contracts()
	if err != nil {
		t.Fatal(err)
	}
	c := contracts[Realtime]
	const arn = `"arn":"arn:aws:ivs:us-east-1:1:stage/a"`
	for body, says := range map[string]string{
		`{"stages":[{` + arn + `,"tags":{"a":"b"}}],"nextToken":"x"}`: "",
		`{"stages":[{` + arn + `}],"more":1}`:                         "not in the contract",
		`{"stages":[{"name":"a"}]}`:                                   "answer.stages.0.arn is not there",
		`{"stages":{}}`:                                               "wants a list",
		`{"stages":[1]}`:                                              "wants an object",
		`{"stages":[{` + arn + `,"name":1}]}`:                         "wants a text",
		`{"stages":[{` + arn + `,"name":"a b"}]}`:                     "wants a match",
		`{"stages":[{` + arn + `,"tags":[]}]}`:                        "wants a map",
		`{}`:                                                          "answer.stages is not there",
	} {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if got := c.checkOutput(c.Operations["ListStages"], v); (got == "") != (says == "") || !strings.Contains(got, says) {
			t.Errorf("%s: %q, want %q", body, got, says)
		}
	}
	if got := c.checkOutput(c.Operations["DeleteStage"], nil); got != "" {
		t.Error(got)
	}
	if got := c.checkOutput(c.Operations["GetStage"], nil); got == "" {
		t.Error("an answer without a body was taken")
	}
	if got := contracts[Channel].checkOutput(contracts[Channel].Operations["DeleteChannel"], map[string]any{}); got == "" {
		t.Error("a body was taken where none may be")
	}
}

// scripted is a client that answers what it is told to.
type scripted struct{ answer Answer }

func (scripted) Name() string { return "raw" }
func (scripted) Close() error { return nil }
func (s scripted) Call(context.Context, Case, *Operation, map[string]any) (Answer, error) {
	return s.answer, nil
}

func results(t *testing.T, a Answer, c Case) Result {
	t.Helper()
	contracts, err := Contracts()
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	err = Run(t.Context(), Options{
		Client: scripted{a}, Cleaner: NewRaw(Target{}, contracts), Suites: []Suite{{Name: "s", Cases: []Case{c}}},
		Contracts: contracts, Result: func(r Result) { got = r },
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRun_PassesOnlyWhatIsAsItShouldBe(t *testing.T) {
	list := Case{ID: "c", API: Realtime, Operation: "ListStages", Want: Want{Status: 200, Body: json.RawMessage(`{"stages":[]}`)}}
	good := Answer{Status: 200, Body: map[string]any{"stages": []any{}}}
	if r := results(t, good, list); !r.Pass || r.Why != "" {
		t.Errorf("%+v", r)
	}
	refused := list
	refused.Want = Want{Status: 400, Error: "ValidationException", Message: "because"}
	accepts := list
	accepts.Want = Want{Accepts: "maxResults"}
	for why, c := range map[string]struct {
		a Answer
		c Case
	}{
		"answered 500":                   {Answer{Status: 500, Error: "InternalServerException", Message: "m"}, list},
		"wants a list":                   {Answer{Status: 200, Body: map[string]any{"stages": "x"}}, list},
		"not in the contract of":         {Answer{Status: 404, Error: "ResourceNotFoundException", Message: "m"}, list},
		"has no message":                 {Answer{Status: 400, Error: "ValidationException"}, refused},
		`says "other", want "because"`:   {Answer{Status: 400, Error: "ValidationException", Message: "other"}, refused},
		"answered 200":                   {good, refused},
		"refused: SerializationExceptio": {Answer{Status: 400, Error: "SerializationException", Message: "m"}, accepts},
	} {
		if r := results(t, c.a, c.c); r.Pass || !strings.Contains(r.Why, why) {
			t.Errorf("%s: %+v", why, r)
		}
	}
	missing := list
	missing.Input = json.RawMessage(`{"nextToken":"${nothing}"}`)
	if r := results(t, good, missing); r.Pass || r.Skipped != "needs ${nothing}" {
		t.Errorf("%+v", r)
	}
	saves := list
	saves.Save = map[string]string{"x": "nextToken"}
	if r := results(t, good, saves); r.Pass || !strings.Contains(r.Why, "no text at nextToken") {
		t.Errorf("%+v", r)
	}
}

func TestPage_IsGreenOnlyBecauseACasePassed(t *testing.T) {
	contracts, err := Contracts()
	if err != nil {
		t.Fatal(err)
	}
	row := func(page, operation string) string {
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "| "+operation+" |") {
				return strings.TrimSpace(line)
			}
		}
		return ""
	}
	r := &Report{}
	r.Add(Result{Client: "raw", API: Realtime, Operation: "GetStage", Pass: true})
	r.Add(Result{Client: "raw", API: Realtime, Operation: "ListStages", Pass: true})
	r.Add(Result{Client: "raw", API: Realtime, Operation: "ListStages"})
	r.Add(Result{Client: "raw", API: Realtime, Operation: "CreateStage", Skipped: "not sent"})
	page := r.Page("", contracts, nil, true)
	for operation, want := range map[string]string{
		"GetStage":    "| GetStage | ✅ 1 | – | – | – | – | – |",
		"ListStages":  "| ListStages | ❌ 1 of 2 | – | – | – | – | – |",
		"CreateStage": "| CreateStage | – | – | – | – | – | – |",
	} {
		if got := row(page, operation); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	r.Add(Result{Client: "boto3", API: Realtime, Operation: "GetStage", Pass: true})
	before := strings.Replace(page, "| GetStage | ✅ 1 | – | – | – | – | – |", "| GetStage | ✅ 9 | ✅ 2 | – | – | ✅ 7 | – |", 1)
	if got := row(r.Page(before, contracts, nil, false), "GetStage"); got != "| GetStage | ✅ 1 | ✅ 2 | – | – | ✅ 7 | – |" {
		t.Errorf("checked: %q", got)
	}
	if got := row(r.Page(before, contracts, nil, true), "GetStage"); got != "| GetStage | ✅ 1 | ✅ 2 | – | – | ✅ 1 | – |" {
		t.Errorf("rewritten: %q", got)
	}
}

func TestSuites_AreWellOver1500Cases(t *testing.T) {
	suites, err := Suites()
	if err != nil {
		t.Fatal(err)
	}
	derived, written := 0, 0
	for _, s := range suites {
		if s.Derived() {
			derived += len(s.Cases)
		} else {
			written += len(s.Cases)
		}
	}
	if derived < 1300 || written < 600 {
		t.Errorf("%d cases were derived, %d written", derived, written)
	}
}
