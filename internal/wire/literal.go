package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// literal reads a string literal at the reader's place (RFC 8259 section 7) and returns it unescaped. It is
// part of the body, and an escape is never shorter than what it stands for, so nothing is allocated.
func (r *Reader) literal() ([]byte, bool) {
	r.at++
	out := r.data[r.at:r.at]
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			return r.valid(out)
		case c == '\\':
			var ok bool
			if out, ok = r.escape(out); !ok {
				r.fail("a string holds an escape that is not valid")
				return nil, false
			}
		case c < ' ':
			r.fail("a control character in a string must be escaped")
			return nil, false
		default:
			out = append(out, c)
			r.at++
		}
	}
	r.fail("a string has no end")
	return nil, false
}

func (r *Reader) valid(b []byte) ([]byte, bool) {
	if !utf8.Valid(b) {
		r.fail("a string is not valid UTF-8")
		return nil, false
	}
	return b, true
}

func (r *Reader) escape(out []byte) ([]byte, bool) {
	if r.at+1 >= len(r.data) {
		return out, false
	}
	c := r.data[r.at+1]
	r.at += 2
	switch c {
	case '"', '\\', '/':
		return append(out, c), true
	case 'b':
		return append(out, '\b'), true
	case 'f':
		return append(out, '\f'), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'u':
		return r.unicodeEscape(out)
	default:
		return out, false
	}
}

// unicodeEscape reads the digits after \u, and the second half of a surrogate pair. Half a pair alone is
// refused: it has no form in UTF-8, so it could not be given back as it came.
func (r *Reader) unicodeEscape(out []byte) ([]byte, bool) {
	first, ok := r.hex4()
	if !ok {
		return out, false
	}
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(out, first), true
	}
	if r.at+1 >= len(r.data) || r.data[r.at] != '\\' || r.data[r.at+1] != 'u' {
		return out, false
	}
	r.at += 2
	second, ok := r.hex4()
	if !ok {
		return out, false
	}
	c := utf16.DecodeRune(first, second)
	return utf8.AppendRune(out, c), c != utf8.RuneError
}

func (r *Reader) hex4() (rune, bool) {
	if r.at+4 > len(r.data) {
		return 0, false
	}
	digits := r.data[r.at : r.at+4]
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(digits), 16, 16)
	r.at += 4
	return rune(n), err == nil
}

// maxNumber is how long a number may be written: every float64 fits into 25 characters, and nobody writes a
// value of the contract in more than this.
const maxNumber = 400

// number reads a number literal (RFC 8259 section 6); ok is false for null as well as for an error.
func (r *Reader) number() (literal string, ok bool) {
	if r.Null() {
		return "", false
	}
	start := r.at
	r.take('-')
	switch {
	case r.take('0'):
	case r.digits() == 0:
		r.expected("a number")
		return "", false
	}
	if r.take('.') && r.digits() == 0 {
		r.expected("a number")
		return "", false
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if r.digits() == 0 {
			r.expected("a number")
			return "", false
		}
	}
	if r.at-start > maxNumber {
		r.fail("a number is written with more than %d characters", maxNumber)
		return "", false
	}
	return string(r.data[start:r.at]), true
}

func (r *Reader) take(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *Reader) digits() int {
	start := r.at
	for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}
