package wire_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/proscenium-live/proscenium/internal/wire"
)

// thing has a member of each kind.
type thing struct {
	Text  *string
	Bool  *bool
	Int   *int32
	Long  *int64
	Float *float64
	Time  *time.Time
	Map   map[string]string
	List  []string
	Inner *thing
}

func readThing(r *wire.Reader) *thing {
	if r.Null() {
		return nil
	}
	v := &thing{}
	v.read(r)
	return v
}

func (v *thing) read(r *wire.Reader) {
	for name := range r.Members() {
		switch name {
		case "text":
			v.Text = r.Text()
		case "bool":
			v.Bool = r.Bool()
		case "int":
			v.Int = r.Int32()
		case "long":
			v.Long = r.Int64()
		case "float":
			v.Float = r.Float64()
		case "time":
			v.Time = r.Time()
		case "map":
			v.Map = wire.ReadMap(r, 3)
		case "list":
			v.List = wire.ReadList(r, 3, wire.ReadText[string])
		case "inner":
			v.Inner = readThing(r)
		default:
			r.Skip()
		}
	}
}

func read(body string) (thing, error) {
	r := wire.NewReader([]byte(body))
	var v thing
	v.read(r)
	return v, r.Close()
}

func TestReader_ReadsEachKind(t *testing.T) {
	v, err := read(` { "text" : "a\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t" , "bool":true,"int":-5,"long":9007199254740993,"float":2.5e1,
		"time":"2026-01-02T03:04:05.5Z","map":{"k":"v"},"list":["a","b"],"inner":{"text":""},"other":[{"a":[null,1.5,"x",false,{}]}] } `)
	if err != nil {
		t.Fatal(err)
	}
	if *v.Text != "aé😀\"\\/\b\f\n\r\t" || !*v.Bool || *v.Int != -5 || *v.Long != 9007199254740993 || *v.Float != 25 {
		t.Errorf("%+v", v)
	}
	if !v.Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC)) || v.Map["k"] != "v" || !slices.Equal(v.List, []string{"a", "b"}) || *v.Inner.Text != "" {
		t.Errorf("%+v", v)
	}
}

func TestReader_TakesNothingForAnEmptyObject(t *testing.T) {
	for _, body := range []string{"", " \r\n", "{}", `{"text":null,"map":null,"list":null,"inner":null,"int":null,"bool":null}`} {
		v, err := read(body)
		if err != nil || v.Text != nil || v.Map != nil || v.List != nil || v.Inner != nil {
			t.Errorf("%q: %+v, %v", body, v, err)
		}
	}
}

func TestReader_LetsTheLastDuplicateCount(t *testing.T) {
	v, err := read(`{"text":"a","text":"b","map":{"a":"1"},"map":{"b":"2","b":"3"},"inner":{"text":"x"},"inner":{"bool":true},"list":["a"],"list":null}`)
	if err != nil || *v.Text != "b" || len(v.Map) != 1 || v.Map["b"] != "3" || v.Inner.Text != nil || v.List != nil {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestReader_StopsKeepingBeyondTheLimit(t *testing.T) {
	v, err := read(`{"map":{"a":"","b":"","c":"","d":"","e":"","a":"new"},"list":["1","2","3","4","5"]}`)
	if err != nil || len(v.Map) != 3 || v.Map["a"] != "new" || len(v.List) != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestReader_RefusesWhatIsNotJSON(t *testing.T) {
	for _, body := range []string{
		"{", "}", "[]", "null", "1", `"a"`, "{} x", "{}{}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a" 1}`, `{"a":1 "b":2}`,
		`{"a":tru}`, `{"a":nul}`, `{"a":NaN}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e}`, `{"a":+1}`, `{"a":0x1}`,
		`{"a":"`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\udc00"}`, "{\"a\":\"\n\"}", "{\"a\":\"\\n\n\"}",
		"{\"a\":\"\xff\"}", "{\"\xff\":1}", "\xef\xbb\xbf{}", `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":'x'}`, `{"a":1}//`, `{"a":1` + strings.Repeat("0", 400) + `}`,
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		_, err := read(body)
		var f wire.Fault
		if !errors.As(err, &f) || f.Name != "SerializationException" || f.Status != 400 {
			t.Errorf("%.80q: %v", body, err)
		}
	}
}

func TestReader_RefusesWrongTypesAndNamesTheMember(t *testing.T) {
	for body, want := range map[string]string{
		`{"text":1}`:                            "expected a string at 'text'",
		`{"text":{}}`:                           "expected a string at 'text'",
		`{"bool":"true"}`:                       "expected a boolean at 'bool'",
		`{"int":"1"}`:                           "expected a number at 'int'",
		`{"int":1.5}`:                           "expected a whole number at 'int'",
		`{"int":2147483648}`:                    "expected a whole number from -2147483648 to 2147483647 at 'int'",
		`{"int":1e400}`:                         "expected a whole number at 'int'",
		`{"long":1e19}`:                         "expected a whole number at 'long'",
		`{"long":99999999999999999999}`:         "expected a whole number at 'long'",
		`{"float":1e400}`:                       "expected a number of 64 bits at 'float'",
		`{"time":"yesterday"}`:                  "expected an ISO 8601 time at 'time'",
		`{"time":1}`:                            "expected a string at 'time'",
		`{"map":[]}`:                            "expected an object at 'map'",
		`{"map":{"secret":1}}`:                  "expected a string at 'map.value'",
		`{"list":{}}`:                           "expected a list at 'list'",
		`{"list":["a",null]}`:                   "expected no null at 'list.2.member'",
		`{"list":["a",1]}`:                      "expected a string at 'list.2.member'",
		`{"inner":[]}`:                          "expected an object at 'inner'",
		`{"inner":{"inner":{"bool":0}}}`:        "expected a boolean at 'inner.inner.bool'",
		"{\"\\u0001\":[}":                       "(byte ",
		`{"` + strings.Repeat("a", 500) + `":x`: "expected a number (byte",
	} {
		if _, err := read(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: want %q, got %v", body, want, err)
		}
	}
}

func TestReader_AcceptsWholeNumbersHoweverWritten(t *testing.T) {
	for body, want := range map[string]int32{`{"int":60.0}`: 60, `{"int":6e1}`: 60, `{"int":-0}`: 0, `{"int":0.6e+2}`: 60, `{"int":600E-1}`: 60} {
		if v, err := read(body); err != nil || *v.Int != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// security.md row 4: a body that is nothing but brackets costs no more than its own length.
func TestSecurityRow4_DepthIsLimitedWithoutRecursion(t *testing.T) {
	for _, body := range []string{
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), `{"a":` + strings.Repeat("[", 100_000),
		strings.Repeat(`{"inner":`, 100_000), `{"a":` + strings.Repeat(`[{"b":`, 50_000),
	} {
		allocs := testing.AllocsPerRun(1, func() {
			if _, err := read(body); err == nil {
				t.Error("accepted")
			}
		})
		if allocs > 500 {
			t.Errorf("%.10s…: %v allocations", body, allocs)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a\u00e9\ud83d\ude00","bool":true,"int":1,"float":1e3,"time":"2026-01-02T03:04:05Z","map":{"a":"b"},"list":["x"],"inner":{"inner":null}}`,
		`{"a":[1,2,{"b":"\\"}]}`, "", " ", "null", "\xef\xbb\xbf{}", `{"a":1e400}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := read(string(body))
		if err == nil && len(strings.TrimSpace(string(body))) > 0 && !json.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
		if err != nil && !utf8.ValidString(err.Error()) {
			t.Fatalf("a message that is not UTF-8: %q", err.Error())
		}
	})
}
