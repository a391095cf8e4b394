package wire_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/wire"
)

func TestWriter_WritesEachKind(t *testing.T) {
	w := &wire.Writer{}
	w.Open()
	w.Name("text")
	w.Text("a\"\\\n\x00é😀<\u2028\x7f\xff")
	w.Name("bool")
	w.Bool(false)
	w.Name("int")
	w.Int(-5)
	w.Name("float")
	w.Float(29.97)
	w.Name("time")
	w.Time(time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("", 3600)))
	w.Name("times")
	wire.WriteList(w, []time.Time{time.Unix(0, 5e8), time.Unix(0, 999)}, w.Time)
	w.Name("none")
	wire.WriteList(w, nil, w.Text)
	w.Name("map")
	wire.WriteMap(w, map[string]string{"b": "2", "a": "1"})
	w.Name("empty")
	wire.WriteMap[string](w, nil)
	w.Close()
	want := `{"text":"a\"\\\u000a\u0000é😀<\u2028\u007f` + "\ufffd" + `","bool":false,"int":-5,"float":29.97,` +
		`"time":"2026-01-02T03:04:05Z","times":["1970-01-01T00:00:00.5Z","1970-01-01T00:00:00Z"],"none":[],"map":{"a":"1","b":"2"},"empty":{}}`
	if got := string(w.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("a\"\\\n\x00é😀\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		w := &wire.Writer{}
		w.Text(s)
		var back string
		if err := json.Unmarshal(w.Bytes(), &back); err != nil || back != string([]rune(s)) {
			t.Fatalf("%q became %q, %v", s, back, err)
		}
	})
}

var validation = wire.Exception{Name: "ValidationException", Status: 400}

func TestCheck_SaysItAsAWSDoes(t *testing.T) {
	rule := wire.TextRule{Min: 2, Max: 3, Pattern: "[a-z]*", Reserved: "aws:"}.Compile()
	enum := wire.TextRule{Enum: []string{"A", "B"}}.Compile()
	c := &wire.Check{}
	wire.CheckText(c, "fine", new("ab"), rule)
	wire.CheckText[string](c, "absent", nil, rule)
	wire.CheckText(c, "short", new("é"), rule)
	wire.CheckText(c, "long", new("aWs:"), rule)
	c.Need("there", true)
	c.Need("missing", false)
	c.In("outer", func(c *wire.Check) { wire.CheckNumber(c, "inner", new(int32(7)), wire.NumberRule{Max: new(6.0)}) })
	wire.CheckNumber(c, "float", new(0.5), wire.NumberRule{Min: new(1.0)})
	wire.CheckNumber(c, "big", new(int64(9_000_000)), wire.NumberRule{Max: new(8_500_000.0)})
	wire.CheckTexts(c, "list", []string{"A", "C", "D"}, wire.SizeRule{Max: 2}, enum)
	wire.CheckTexts(c, "empty", []string{}, wire.SizeRule{Min: 1}, nil)
	wire.CheckList(c, "things", []thing{{}, {}}, wire.SizeRule{}, func(v *thing, c *wire.Check) { c.Need("text", v.Text != nil) })
	wire.CheckMap(c, "map", map[string]string{"": "C", "ok": "A"}, wire.SizeRule{TotalBytes: 2}, rule, enum)
	want := "17 validation errors detected: " + strings.Join([]string{
		"Value at 'short' failed to satisfy constraint: Member must have length greater than or equal to 2",
		"Value at 'short' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]*",
		"Value at 'long' failed to satisfy constraint: Member must have length less than or equal to 3",
		"Value at 'long' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]*",
		"Value at 'long' failed to satisfy constraint: Member must not begin with the reserved prefix aws:",
		"Value at 'missing' failed to satisfy constraint: Member must not be null",
		"Value at 'outer.inner' failed to satisfy constraint: Member must have value less than or equal to 6",
		"Value at 'float' failed to satisfy constraint: Member must have value greater than or equal to 1",
		"Value at 'big' failed to satisfy constraint: Member must have value less than or equal to 8500000",
		"Value at 'list' failed to satisfy constraint: Member must have length less than or equal to 2",
		"Value at 'list' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [A, B]]",
		"Value at 'empty' failed to satisfy constraint: Member must have length greater than or equal to 1",
		"Value at 'things.1.member.text' failed to satisfy constraint: Member must not be null",
		"Value at 'things.2.member.text' failed to satisfy constraint: Member must not be null",
		"Value at 'map' failed to satisfy constraint: Member must have keys and values of at most 2 bytes in total",
		"Value at 'map' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length greater than or equal to 2]",
		"Value at 'map' failed to satisfy constraint: Map value must satisfy constraint: [Member must satisfy enum value set: [A, B]]",
	}, "; ")
	var f wire.Fault
	if err := c.Err(validation); !errors.As(err, &f) || f.Message != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := (&wire.Check{}).Err(validation); err != nil {
		t.Error(err)
	}
}

func TestFault_WritesBothForms(t *testing.T) {
	for _, c := range []struct {
		fault wire.Fault
		body  string
	}{
		{wire.Fault{Exception: validation, Message: `a "b"`}, `{"exceptionMessage":"a \"b\"","message":"a \"b\""}`},
		{wire.Fault{Exception: wire.Throttling, Message: "Rate exceeded"}, `{"message":"Rate exceeded"}`},
	} {
		w := httptest.NewRecorder()
		if err := c.fault.Write(w); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.fault.Status || w.Body.String() != c.body || w.Header().Get("X-Amzn-Errortype") != c.fault.Name {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
		}
	}
}

type none struct{}

func TestTable_FindsByMethodAndPath(t *testing.T) {
	table := wire.NewTable([]wire.Operation[none]{
		{Name: "Do", Method: "POST", Path: "/Do"},
		{Name: "Get", Method: "GET", Path: "/tags/"},
		{Name: "Set", Method: "POST", Path: "/tags/"},
	})
	for target, want := range map[string]string{
		"POST /Do": "Do ", "GET /Do": "", "POST /do": "", "POST /Do/": "", "POST //Do": "",
		"GET /tags/a%3Ab%2Fc": "Get a:b/c", "GET /tags/a:b/c": "Get a:b/c", "POST /tags/a": "Set a", "GET /tags/": "", "PUT /tags/a": "", "GET /tags/%zz": "",
	} {
		method, path, _ := strings.Cut(target, " ")
		got := ""
		if o, label := table.Find(method, path); o != nil {
			got = o.Name + " " + label
		}
		if got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if got := table.Methods("/tags/x"); !slices.Equal(got, []string{"GET", "POST"}) {
		t.Error(got)
	}
	if got := table.Methods("/none"); got != nil {
		t.Error(got)
	}
}

func TestParseQuery_KeepsThePlus(t *testing.T) {
	got, err := wire.ParseQuery("tagKeys=a%20b&tagKeys=c+d&tagKeys=%2B")
	if want := []string{"a b", "c+d", "+"}; err != nil || !reflect.DeepEqual(got["tagKeys"], want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := wire.ParseQuery("a=%zz"); err == nil {
		t.Error("accepted")
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("text/html, */*;q=0.1")
	f.Add(";q=,,*")
	f.Fuzz(func(t *testing.T, header string) {
		var fault wire.Fault
		for _, err := range []error{wire.CheckAccept([]string{header}), wire.CheckContentType(header)} {
			if err != nil && (!errors.As(err, &fault) || fault.Status < http.StatusNotAcceptable) {
				t.Fatal(err)
			}
		}
	})
}

func TestReader_ReadsWhatTheWriterWrote(t *testing.T) {
	for _, n := range []float64{0, 1, -2.5, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21} {
		w := &wire.Writer{}
		w.Open()
		w.Name("float")
		w.Float(n)
		w.Close()
		if v, err := read(string(w.Bytes())); err != nil || *v.Float != n {
			t.Errorf("%s: %v", w.Bytes(), err)
		}
	}
}
