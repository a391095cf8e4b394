package kit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var variable = regexp.MustCompile(`\$\{([a-zA-Z0-9]+)(?::([^:}]*):(\d+))?\}`)

// vars are what cases saved.
type vars map[string]string

// missingError says that a variable has no value: the case that saves it failed, or nobody set it.
type missingError string

func (m missingError) Error() string { return "needs ${" + string(m) + "}" }

// expand replaces the variables in a JSON text.
func (v vars) expand(text []byte) ([]byte, error) {
	var failed error
	out := variable.ReplaceAllFunc(text, func(found []byte) []byte {
		m := variable.FindSubmatch(found)
		value, err := v.value(string(m[1]), string(m[2]), string(m[3]))
		if err != nil {
			failed = err
			return found
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			failed = err
			return found
		}
		return quoted[1 : len(quoted)-1]
	})
	return out, failed
}

func (v vars) value(name, text, count string) (string, error) {
	switch name {
	case "repeat":
		n, err := strconv.Atoi(count)
		return strings.Repeat(text, n), err
	case "newkey":
		return newKey(elliptic.P384())
	case "newkey256":
		return newKey(elliptic.P256())
	}
	value, ok := v[name]
	if !ok {
		return "", missingError(name)
	}
	return value, nil
}

func newKey(curve elliptic.Curve) (string, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// newUUID makes a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// save keeps what the answer has at the places that the case names.
func (v vars) save(places map[string]string, body any) error {
	for name, place := range places {
		found := at(body, place)
		text, ok := found.(string)
		if !ok {
			return fmt.Errorf("the answer has no text at %s", place)
		}
		v[name] = text
	}
	return nil
}

// at returns what is at a place: names and numbers separated by dots.
func at(body any, place string) any {
	for step := range strings.SplitSeq(place, ".") {
		switch v := body.(type) {
		case map[string]any:
			body = v[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(v) {
				return nil
			}
			body = v[n]
		default:
			return nil
		}
	}
	return body
}
