package wire

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Writer writes one JSON document. The zero value is ready for use.
type Writer struct {
	buf   []byte
	comma bool
}

// Bytes returns what has been written. It belongs to the writer.
func (w *Writer) Bytes() []byte { return w.buf }

// Open begins an object.
func (w *Writer) Open() { w.begin('{') }

// Close ends an object.
func (w *Writer) Close() { w.end('}') }

// Name writes the name of a member; its value comes next.
func (w *Writer) Name(name string) {
	w.value()
	w.buf = append(appendText(w.buf, name), ':')
	w.comma = false
}

// Text writes a string. What is not valid UTF-8 in it becomes U+FFFD.
func (w *Writer) Text(s string) {
	w.value()
	w.buf = appendText(w.buf, s)
}

// Bool writes a boolean.
func (w *Writer) Bool(b bool) {
	w.value()
	w.buf = strconv.AppendBool(w.buf, b)
}

// Int writes a whole number.
func (w *Writer) Int(n int64) {
	w.value()
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

// Float writes a number.
func (w *Writer) Float(f float64) {
	w.value()
	w.buf = strconv.AppendFloat(w.buf, f, 'g', -1, 64)
}

// Time writes a time in UTC as ISO 8601, with milliseconds where it has some.
func (w *Writer) Time(t time.Time) {
	w.value()
	w.buf = t.UTC().AppendFormat(append(w.buf, '"'), "2006-01-02T15:04:05.999Z")
	w.buf = append(w.buf, '"')
}

// WriteList writes a list; nil is written as [].
func WriteList[T any](w *Writer, list []T, write func(T)) {
	w.begin('[')
	for _, v := range list {
		write(v)
	}
	w.end(']')
}

// WriteMap writes a map in the order of its keys; nil is written as {}.
func WriteMap[K ~string](w *Writer, m map[K]string) {
	w.Open()
	for _, key := range sortedKeys(m) {
		w.Name(string(key))
		w.Text(m[key])
	}
	w.Close()
}

func (w *Writer) begin(bracket byte) {
	w.value()
	w.buf = append(w.buf, bracket)
	w.comma = false
}

func (w *Writer) end(bracket byte) {
	w.buf = append(w.buf, bracket)
	w.comma = true
}

// value puts the comma before a value that is not its container's first.
func (w *Writer) value() {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
}

const hexDigits = "0123456789abcdef"

func appendText(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			buf = append(buf, '\\', byte(c))
		case c < ' ' || c == 0x7f:
			buf = append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c == '\u2028' || c == '\u2029': // line ends to JavaScript
			buf = append(buf, '\\', 'u', '2', '0', '2', hexDigits[c&15])
		default:
			buf = utf8.AppendRune(buf, c)
		}
	}
	return append(buf, '"')
}
