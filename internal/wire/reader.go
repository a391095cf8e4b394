package wire

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDepth is how deep objects and arrays may be nested. The contract's deepest shape has 6 levels; the rest
// is room for members we do not know.
const maxDepth = 64

// Reader reads one JSON document (RFC 8259) member by member. The first thing that does not fit stops it:
// from then on every method returns nothing, and Close tells what it was.
//
// A JSON null reads as absent. Where a member comes twice the last one counts, because whoever reads simply
// assigns again.
type Reader struct {
	data  []byte
	at    int
	depth int
	path  []place
	err   error
}

// place is a step on the way to a value: a member of an object, or an element of a list. The name is part of
// the body, which does not change behind the reader.
type place struct {
	name  []byte
	index int // from 1; 0 for a member
}

// NewReader returns a reader of a request's body. An empty body reads as {}. The body is the reader's from then
// on: strings are unescaped where they stand.
func NewReader(body []byte) *Reader {
	r := &Reader{data: body}
	if r.space(); r.at == len(r.data) {
		r.data, r.at = []byte("{}"), 0
	}
	return r
}

// Close checks that nothing follows the document. It returns a SerializationException for whatever was wrong
// with it.
func (r *Reader) Close() error {
	if r.space(); r.err == nil && r.at < len(r.data) {
		r.fail("unexpected text after the end of the document")
	}
	return r.err
}

// Members steps through the members of an object; the caller reads each value, or has Skip do so. At the top
// of a document anything but an object is an error.
func (r *Reader) Members() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range r.names() {
			if !yield(string(name)) {
				return
			}
		}
	}
}

func (r *Reader) names() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !r.open('{', "an object") {
			return
		}
		defer func() { r.depth-- }()
		for first := true; r.more('}', first); first = false {
			name, ok := r.name()
			if !ok {
				return
			}
			r.path = append(r.path, place{name: name})
			if !yield(name) || r.err != nil {
				return
			}
			r.path = r.path[:len(r.path)-1]
		}
	}
}

func (r *Reader) elements(yield func(int)) {
	if !r.open('[', "a list") {
		return
	}
	defer func() { r.depth-- }()
	for i := 0; r.more(']', i == 0); i++ {
		if yield(i); r.err != nil {
			return
		}
	}
}

func (r *Reader) name() ([]byte, bool) {
	if !r.peekIs('"') {
		r.fail("expected the name of a member")
		return nil, false
	}
	name, ok := r.literal()
	if !ok {
		return nil, false
	}
	if !r.peekIs(':') {
		r.fail("expected ':' after the name of a member")
		return nil, false
	}
	r.at++
	return name, true
}

func (r *Reader) open(bracket byte, what string) bool {
	if !r.peekIs(bracket) {
		r.expected(what)
		return false
	}
	if r.depth++; r.depth > maxDepth {
		r.fail("nested more than %d levels deep", maxDepth)
		return false
	}
	r.at++
	return true
}

// more steps over the comma before the next member, or over the closing bracket, and says which it was.
func (r *Reader) more(closing byte, first bool) bool {
	if r.err != nil {
		return false
	}
	switch {
	case r.peekIs(closing):
		r.at++
		return false
	case first:
		return true
	case r.peekIs(','):
		r.at++
		return true
	default:
		r.fail("expected ',' or '%c'", closing)
		return false
	}
}

// Null steps over a null and says whether there was one.
func (r *Reader) Null() bool {
	if r.space(); r.err != nil {
		return true
	}
	if !bytes.HasPrefix(r.data[r.at:], []byte("null")) {
		return false
	}
	r.at += len("null")
	return true
}

// Text reads a string.
func (r *Reader) Text() *string { return ReadText[string](r) }

// ReadText reads a string into a type made of one.
func ReadText[T ~string](r *Reader) *T {
	b, ok := r.text()
	if !ok {
		return nil
	}
	t := T(b)
	return &t
}

// text reads a string without making one; ok is false for null as well as for an error.
func (r *Reader) text() (b []byte, ok bool) {
	if r.Null() {
		return nil, false
	}
	if !r.peekIs('"') {
		r.expected("a string")
		return nil, false
	}
	return r.literal()
}

// Bool reads a boolean.
func (r *Reader) Bool() *bool {
	if r.Null() {
		return nil
	}
	for _, v := range []bool{true, false} {
		if word := strconv.FormatBool(v); bytes.HasPrefix(r.data[r.at:], []byte(word)) {
			r.at += len(word)
			return &v
		}
	}
	r.expected("a boolean")
	return nil
}

// Int32 reads a whole number of 32 bits. 60.0 and 6e1 are whole numbers too.
func (r *Reader) Int32() *int32 { return readWhole[int32](r, math.MinInt32, math.MaxInt32) }

// Int64 reads a whole number of 64 bits.
func (r *Reader) Int64() *int64 { return readWhole[int64](r, math.MinInt64, math.MaxInt64) }

func readWhole[T int32 | int64](r *Reader, low, high int64) *T {
	literal, ok := r.number()
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(literal, 10, 64)
	if err != nil {
		// 2^53: beyond it a float64 no longer tells whole numbers apart.
		f, ferr := strconv.ParseFloat(literal, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			r.expected("a whole number")
			return nil
		}
		n = int64(f)
	}
	if n < low || n > high {
		r.expected(fmt.Sprintf("a whole number from %d to %d", low, high))
		return nil
	}
	t := T(n)
	return &t
}

// Float64 reads a number.
func (r *Reader) Float64() *float64 {
	literal, ok := r.number()
	if !ok {
		return nil
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		r.expected("a number of 64 bits")
		return nil
	}
	return &f
}

// Time reads an ISO 8601 time.
func (r *Reader) Time() *time.Time {
	s := r.Text()
	if s == nil {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil {
		r.fail("expected an ISO 8601 time%s", r.where())
		return nil
	}
	return &t
}

// ReadMap reads a map of strings to strings. Once it holds limit entries it goes on reading but keeps no
// new ones: the map is then known to break its constraint.
func ReadMap(r *Reader, limit int) map[string]string {
	if r.Null() {
		return nil
	}
	m := map[string]string{}
	for key := range r.names() {
		r.path[len(r.path)-1].name = []byte("value") // keys are the caller's own text: messages do not repeat it
		v, ok := r.text()
		_, known := m[string(key)]
		switch {
		case r.err != nil:
			return nil
		case !ok:
			delete(m, string(key)) // a null is an absent entry
		case known || len(m) < limit:
			m[string(key)] = string(v)
		}
	}
	return m
}

// ReadList reads a list whose elements read reads. Once it holds limit elements it goes on reading but keeps
// no more: the list is then known to break its constraint. A null element is an error.
func ReadList[T any](r *Reader, limit int, read func(*Reader) *T) []T {
	if r.Null() {
		return nil
	}
	list := []T{}
	r.elements(func(i int) {
		r.path = append(r.path, place{index: i + 1})
		if i >= limit {
			r.Skip()
		} else if v := read(r); v != nil {
			list = append(list, *v)
		} else {
			r.fail("expected no null%s", r.where())
			return
		}
		r.path = r.path[:len(r.path)-1]
	})
	return list
}

// Skip steps over a value of any kind.
func (r *Reader) Skip() {
	if r.Null() {
		return
	}
	switch r.peek() {
	case '{':
		for range r.Members() {
			r.Skip()
		}
	case '[':
		r.elements(func(int) { r.Skip() })
	case '"':
		r.literal()
	case 't', 'f':
		r.Bool()
	default:
		r.number()
	}
}

// peek returns the next byte that is not white space, 0 at the end.
func (r *Reader) peek() byte {
	if r.space(); r.at < len(r.data) && r.err == nil {
		return r.data[r.at]
	}
	return 0
}

func (r *Reader) peekIs(c byte) bool { return r.peek() == c }

func (r *Reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}

func (r *Reader) expected(what string) { r.fail("expected %s%s", what, r.where()) }

// where names the place by the members that lead to it. Names that the caller made up are left out, so that
// a message stays short and says nothing back.
func (r *Reader) where() string {
	if len(r.path) == 0 {
		return ""
	}
	steps := make([]string, len(r.path))
	for i, p := range r.path {
		if steps[i] = string(p.name); p.index > 0 {
			steps[i] = strconv.Itoa(p.index) + ".member" // as violations name it
		}
	}
	where := strings.Join(steps, ".")
	if len(where) > 128 || strings.ContainsFunc(where, func(c rune) bool { return c < ' ' || c > '~' }) {
		return ""
	}
	return " at '" + where + "'"
}

func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = Fault{
			Exception: Serialization,
			Message:   fmt.Sprintf("The request body is not valid: "+format+" (byte %d)", append(args, r.at)...),
		}
	}
}
