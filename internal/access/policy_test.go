package access_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
)

func parse(t *testing.T, document string) *access.Policy {
	t.Helper()
	p, err := access.Parse([]byte(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return p
}

const stage = "arn:aws:ivs:us-east-1:000000000000:stage/abcdefghijkl"

func get(resource string) access.Request {
	return access.Request{Action: "ivs:GetStage", Resources: []string{resource}}
}

// tagged is a request about a stage that has the tags, and wants to set others.
func tagged(action string, has, wants map[string]string) access.Request {
	r := access.Request{Action: action, Resources: []string{stage}, RequestTags: wants}
	r.ResourceTags = func(string) (map[string]string, error) { return has, nil }
	for k := range maps.Keys(wants) {
		r.TagKeys = append(r.TagKeys, k)
	}
	return r
}

func TestDecide_FollowsEffectActionAndResource(t *testing.T) {
	const allowAll = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	for _, c := range []struct {
		name     string
		policies []string
		request  access.Request
		want     bool
	}{
		{"nothing is allowed by default", []string{`{"Statement":{"Effect":"Allow","Action":"ivs:ListStages","Resource":"*"}}`}, get(stage), false},
		{"everything", []string{allowAll}, get(stage), true},
		{"the service's everything", []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivs:*"],"Resource":["*"]}]}`}, get(stage), true},
		{"another service's everything", []string{`{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`}, get(stage), false},
		{"actions by prefix", []string{`{"Statement":{"Effect":"Allow","Action":"ivs:Get*","Resource":"*"}}`}, get(stage), true},
		{"actions in whatever case", []string{`{"Statement":{"Effect":"Allow","Action":"IVS:getstage","Resource":"*"}}`}, get(stage), true},
		{"actions with a question mark", []string{`{"Statement":{"Effect":"Allow","Action":"ivs:GetStag?","Resource":"*"}}`}, get(stage), true},
		{"explicit denial wins over the same document", []string{`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ivs:GetStage","Resource":"*"}]}`}, get(stage), false},
		{"explicit denial wins over another document", []string{`{"Statement":{"Effect":"Deny","Action":"ivs:*","Resource":"*"}}`, allowAll}, get(stage), false},
		{"denial written with escapes denies", []string{allowAll, `{"Statement":{"Effect":"\u0044eny","Action":"ivs:*","Resource":"*"}}`}, get(stage), false},
		{"denial of something else", []string{allowAll, `{"Statement":{"Effect":"Deny","Action":"ivs:DeleteStage","Resource":"*"}}`}, get(stage), true},
		{"NotAction allows the others", []string{`{"Statement":{"Effect":"Allow","NotAction":"ivs:Delete*","Resource":"*"}}`}, get(stage), true},
		{"NotAction leaves out what it names", []string{`{"Statement":{"Effect":"Allow","NotAction":"ivs:Get*","Resource":"*"}}`}, get(stage), false},
		{"the resource itself", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + stage + `"}}`}, get(stage), true},
		{"another resource", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + stage + `x"}}`}, get(stage), false},
		{"resources by wildcard", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*:*:stage/*"}}`}, get(stage), true},
		{"a wildcard stays in its part", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:*:000000000000:stage/*:x"}}`}, get(stage), false},
		{"resources are case-sensitive", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + strings.Replace(stage, "abc", "ABC", 1) + `"}}`}, get(stage), false},
		{"a new stage", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*:*:stage/*"}}`}, get("arn:aws:ivs:us-east-1:000000000000:stage/*"), true},
		{"one stage is not every new one", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + stage + `"}}`}, get("arn:aws:ivs:us-east-1:000000000000:stage/*"), false},
		{"no resource in particular wants *", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*:*:*/*"}}`}, get("*"), false},
		{"NotResource leaves out what it names", []string{`{"Statement":{"Effect":"Allow","Action":"*","NotResource":"` + stage + `"}}`}, get(stage), false},
		{"NotResource allows the others", []string{`{"Statement":{"Effect":"Allow","Action":"*","NotResource":"` + stage + `x"}}`}, get(stage), true},
		{"a call without resources is not allowed", []string{allowAll}, access.Request{Action: "ivs:GetStage"}, false},
		{"all resources must be allowed", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + stage + `"}}`}, access.Request{Action: "ivs:X", Resources: []string{stage, stage + "x"}}, false},
	} {
		var policies []*access.Policy
		for _, document := range c.policies {
			policies = append(policies, parse(t, document))
		}
		if d, err := access.Decide(policies, c.request); err != nil || d.Allowed != c.want {
			t.Errorf("%s: %+v, %v", c.name, d, err)
		}
	}
}

func TestDecide_FollowsConditionsOnTags(t *testing.T) {
	blue, red := map[string]string{"team": "blue"}, map[string]string{"team": "red"}
	for _, c := range []struct {
		condition  string
		has, wants map[string]string
		want       bool
	}{
		{`"StringEquals":{"aws:ResourceTag/team":"blue"}`, blue, nil, true},
		{`"StringEquals":{"aws:ResourceTag/team":["red","blue"]}`, blue, nil, true},
		{`"StringEquals":{"aws:ResourceTag/team":"blue"}`, red, nil, false},
		{`"StringEquals":{"aws:ResourceTag/team":"blue"}`, nil, nil, false},
		{`"StringEquals":{"aws:ResourceTag/team":"Blue"}`, blue, nil, false},
		{`"StringEqualsIgnoreCase":{"aws:ResourceTag/team":"Blue"}`, blue, nil, true},
		{`"StringEquals":{"aws:resourcetag/TEAM":"blue"}`, blue, nil, true},
		{`"StringEquals":{"aws:ResourceTag/team":"blue"}`, map[string]string{"team": "blue", "Team": "red"}, nil, false},
		{`"StringEqualsIfExists":{"aws:ResourceTag/team":"blue"}`, nil, nil, true},
		{`"StringEqualsIfExists":{"aws:ResourceTag/team":"blue"}`, red, nil, false},
		{`"StringNotEquals":{"aws:ResourceTag/team":"blue"}`, nil, nil, true},
		{`"StringNotEquals":{"aws:ResourceTag/team":["red","blue"]}`, blue, nil, false},
		{`"StringLike":{"aws:ResourceTag/team":"b*e"}`, blue, nil, true},
		{`"StringLike":{"aws:ResourceTag/team":"b?"}`, blue, nil, false},
		{`"StringNotLike":{"aws:ResourceTag/team":"b*"}`, red, nil, true},
		{`"StringEquals":{"aws:RequestTag/team":"blue"}`, red, blue, true},
		{`"StringEquals":{"aws:RequestTag/team":"blue"}`, blue, nil, false},
		{`"StringEquals":{"aws:RequestTag/team":"blue","aws:ResourceTag/team":"blue"}`, blue, blue, true},
		{`"StringEquals":{"aws:RequestTag/team":"blue","aws:ResourceTag/team":"blue"}`, red, blue, false},
		{`"StringEquals":{"aws:RequestTag/team":"blue"},"StringLike":{"aws:ResourceTag/team":"r*"}`, red, blue, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["team","cost"]}`, nil, blue, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["cost"]}`, nil, map[string]string{"team": "", "cost": ""}, false},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`, nil, nil, true},
		{`"ForAnyValue:StringLike":{"aws:TagKeys":"te*"}`, nil, map[string]string{"team": "", "cost": ""}, true},
		{`"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}`, nil, nil, false},
		{`"Null":{"aws:RequestTag/team":"false"}`, nil, blue, true},
		{`"Null":{"aws:RequestTag/team":"true"}`, nil, blue, false},
	} {
		p := parse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+c.condition+`}}}`)
		d, err := access.Decide([]*access.Policy{p}, tagged("ivs:GetStage", c.has, c.wants))
		if err != nil || d.Allowed != c.want {
			t.Errorf("%s of a resource with %v, to set %v: %+v, %v", c.condition, c.has, c.wants, d, err)
		}
	}
}

func TestDecide_DeniesByAnyOfTagsThatDifferInCase(t *testing.T) {
	policies := []*access.Policy{
		parse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`),
		parse(t, `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}`),
	}
	d, err := access.Decide(policies, tagged("ivs:GetStage", map[string]string{"team": "blue", "TEAM": "red"}, nil))
	if err != nil || d.Allowed || !d.Explicit {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestDecide_AsksForTagsOnceAndOnlyIfNeeded(t *testing.T) {
	asked := 0
	r := get(stage)
	r.ResourceTags = func(string) (map[string]string, error) { asked++; return nil, nil }
	plain := parse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	if _, err := access.Decide([]*access.Policy{plain}, r); err != nil || asked != 0 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	both := parse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
		"StringEquals":{"aws:ResourceTag/a":"1","aws:ResourceTag/b":"1"},"StringNotEquals":{"aws:ResourceTag/c":"1"}}}}`)
	if _, err := access.Decide([]*access.Policy{both, both}, r); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	broken := errors.New("no database")
	r.ResourceTags = func(string) (map[string]string, error) { return nil, broken }
	if d, err := access.Decide([]*access.Policy{plain, both}, r); !errors.Is(err, broken) || err == nil && d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestParse_RefusesWhatItWouldNotHeed(t *testing.T) {
	statement := func(s string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivs:*","Resource":"*"` + s + `}]}`
	}
	parse(t, statement(``))
	for document, want := range map[string]string{
		``:                  "JSON object",
		`[]`:                "JSON object",
		`{}`:                "no Statement",
		`{"Statement":[]}`:  "no Statement",
		`{"Statement":{}}x`: "follows",
		`{"Version":"2020-01-01","Statement":{}}`:                                                "Version: it must be 2012-10-17",
		`{"Statement":{"Action":"*","Resource":"*"}}`:                                            "there is no Effect",
		`{"Statement":{"Effect":"Allow","Resource":"*"}}`:                                        "there is no Action",
		`{"Statement":{"Effect":"Allow","Action":"*"}}`:                                          "there is no Resource",
		`{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`:                           "Effect: it must be Allow or Deny",
		`{"Statement":{"Effect":null,"Action":"*","Resource":"*"}}`:                              "Effect",
		`{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}`:                            "Action: there must be from 1",
		`{"Statement":{"Effect":"Allow","Action":"GetStage","Resource":"*"}}`:                    "must be * or service:Action",
		`{"Statement":{"Effect":"Allow","Action":["ivs:*",1],"Resource":"*"}}`:                   "must be a text",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"stage/*"}}`:                     "must be * or an ARN",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:ivs:*"}}`:               "must be * or an ARN",
		`{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*"}}`:                          `"Effect" stands in it twice`,
		`{"Statement":{"Effect":"Deny","\u0045ffect":"Allow","Action":"*"}}`:                     `"Effect" stands in it twice`,
		statement(`,"NotAction":"ivs:*"`):                                                        ", once",
		statement(`,"NotResource":"*"`):                                                          ", once",
		statement(`,"Principal":"*"`):                                                            "the principal is the key",
		statement(`,"Conditions":{}`):                                                            "no such element",
		statement(`,"Condition":{"NumericEquals":{"aws:TagKeys":"1"}}`):                          "NumericEquals: aws:TagKeys: there is no such operator",
		statement(`,"Condition":{"stringEquals":{"aws:RequestTag/a":"1"}}`):                      "no such operator",
		statement(`,"Condition":{"StringEquals":{"aws:SourceIp":"1"}}`):                          "no such condition key",
		statement(`,"Condition":{"StringEquals":{"aws:ResourceTag/":"1"}}`):                      "no such condition key",
		statement(`,"Condition":{"StringEquals":{"aws:TagKeys":"1"}}`):                           "say ForAnyValue: or ForAllValues:",
		statement(`,"Condition":{"ForAllValues:StringLike":{"aws:RequestTag/a":""}}`):            "it has one value",
		statement(`,"Condition":{"ForSomeValues:StringLike":{"aws:TagKeys":""}}`):                "no such operator",
		statement(`,"Condition":{"NullIfExists":{"aws:RequestTag/a":"true"}}`):                   "no such operator",
		statement(`,"Condition":{"Null":{"aws:RequestTag/a":"yes"}}`):                            `"true" or "false"`,
		statement(`,"Condition":{"StringEquals":{"aws:RequestTag/a":true}}`):                     "must be a text",
		statement(`,"Condition":{"StringEquals":{"aws:RequestTag/a":"${aws:x}"}}`):               "policy variables",
		statement(`,"Condition":` + strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20)): "nested",
		statement(`,"Sid":"` + strings.Repeat("x", access.MaxDocument) + `"`):                    "the limit is 6144",
		"\xff": "UTF-8",
	} {
		if p, err := access.Parse([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: want %q, got %v, %v", document, want, p, err)
		}
	}
}

func TestDecide_TakesNoLongerForHostilePatterns(t *testing.T) {
	// 128 patterns of many stars against a long text: naive backtracking would not come back.
	hostile := `"` + strings.Repeat("*a", 20) + `*b"`
	document := `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:ResourceTag/x":[` +
		hostile + strings.Repeat(","+hostile, 100) + `]}}}}`
	p := parse(t, document)
	began := time.Now()
	d, err := access.Decide([]*access.Policy{p}, tagged("ivs:GetStage", map[string]string{"x": strings.Repeat("a", 256)}, nil))
	if err != nil || d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":["ivs:Get*","ivs:List*"],"Resource":"*"},
		{"Effect":"Deny","NotAction":"ivs:?","NotResource":["arn:aws:ivs:*:*:stage/*"],"Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"},
		"ForAnyValue:StringLike":{"aws:TagKeys":["a*"]},"Null":{"aws:RequestTag/x":"true"}}}]}`))
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	f.Add([]byte(`{"Statement":[[[[{}]]]]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := access.Parse(document)
		if err != nil {
			if len(err.Error()) > 2*access.MaxDocument+512 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		for _, r := range []access.Request{get(stage), get("*"), tagged("ivs:TagResource", map[string]string{"team": "blue"}, map[string]string{"a": "b"})} {
			first, err := access.Decide([]*access.Policy{p}, r)
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := access.Decide([]*access.Policy{p, p}, r); again.Allowed != first.Allowed {
				t.Fatal("saying it twice changed it")
			}
		}
	})
}
