package token

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/proscenium-live/proscenium/internal/live"
)

// header is what a token's first part says.
type header struct{ alg, kid string }

// readHeader reads a header and refuses every member that could change how the token is to be verified: jku,
// x5u, jwk, x5c, crit, zip, enc and whatever will be thought of.
func readHeader(text []byte) (header, error) {
	m, err := readMembers(text)
	if err != nil {
		return header{}, malformed("the token's header is not a JSON object")
	}
	for name := range m {
		if name != "alg" && name != "typ" && name != "kid" {
			return header{}, invalid("the token's header has a member other than alg, typ and kid")
		}
	}
	var h header
	if h.alg, err = m.text("alg"); err != nil {
		return header{}, err
	}
	typ, err := m.text("typ")
	if err != nil {
		return header{}, err
	}
	if typ != "JWT" {
		return header{}, invalid("the token's type is not JWT")
	}
	if _, ok := m["kid"]; ok {
		if h.kid, err = m.text("kid"); err != nil {
			return header{}, err
		}
	}
	if (h.kid != "") != (h.alg == "ES384") {
		return header{}, invalid("the token names a key that its algorithm does not have, or lacks the one it needs")
	}
	return h, nil
}

// readClaims reads the payload of a token of the version, and checks it against the time. With the reason
// TokenExpired the claims are there beside the error.
func readClaims(text []byte, version string, now time.Time) (live.Claims, error) {
	m, err := readMembers(text)
	if err != nil {
		return live.Claims{}, malformed("the token's payload is not a JSON object")
	}
	return m.claims(version, now)
}

func (m members) claims(version string, now time.Time) (live.Claims, error) {
	if err := m.version(version); err != nil {
		return live.Claims{}, err
	}
	var c live.Claims
	for _, read := range []func(members, *live.Claims) error{readPlace, readParticipant, readRights} {
		if err := read(m, &c); err != nil {
			return live.Claims{}, err
		}
	}
	var err error
	if c.IssuedAt, c.ExpiresAt, err = m.life(MaxLife, now); err != nil && live.ReasonOf(err) != live.TokenExpired {
		return live.Claims{}, err
	}
	return c, err
}

// version checks which form of claims the token says it has.
func (m members) version(want string) error {
	version, err := m.text("version")
	if err != nil {
		return err
	}
	if version != want {
		return invalid("the token's version is not %s", want)
	}
	return nil
}

// readPlace reads which stage the token is for, and where that is reached.
func readPlace(m members, c *live.Claims) error {
	resource, err := m.text("resource")
	if err != nil {
		return err
	}
	if c.Stage, err = live.ParseARN(resource); err != nil || c.Stage.Type != live.TypeStage {
		return malformed("the token's claim resource is not the ARN of a stage")
	}
	topic, err := m.text("topic")
	if err != nil {
		return err
	}
	if topic != c.Stage.ID {
		return invalid("the token's claims resource and topic name different stages")
	}
	c.Topic = live.StageID(topic)
	if c.EventsURL, err = m.text("events_url"); err != nil {
		return err
	}
	c.WHIPURL, err = m.text("whip_url")
	return err
}

// readParticipant reads who the token is for.
func readParticipant(m members, c *live.Claims) error {
	id, err := m.text("jti")
	if err != nil {
		return err
	}
	if c.Participant = live.ParticipantID(id); !c.Participant.Valid() {
		return malformed("the token's claim jti is not 1 to 64 letters, digits, - and _")
	}
	if c.UserID, err = m.optionalText("user_id"); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(c.UserID); n > maxUserID {
		return malformed("the token's claim user_id is %d characters long, the limit is %d", n, maxUserID)
	}
	c.Attributes, err = m.attributes()
	return err
}

// Limits of what a participant is told to be (control-plane.md 3.2).
const (
	maxUserID         = 128  // characters
	maxAttributeBytes = 1024 // keys and values together
)

// attributes returns a map of strings that need not be there.
func (m members) attributes() (map[string]string, error) {
	raw, ok := m["attributes"]
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	given, err := readMembers(raw)
	if err != nil {
		return nil, malformed("the token's claim attributes is not a map of strings")
	}
	total := 0
	all := make(map[string]string, len(given))
	for name, value := range given {
		var text *string
		if err := json.Unmarshal(value, &text); err != nil || text == nil {
			return nil, malformed("the token's claim attributes is not a map of strings")
		}
		all[name] = *text
		total += len(name) + len(*text)
	}
	if total > maxAttributeBytes {
		return nil, malformed("the token's claim attributes has %d bytes, the limit is %d", total, maxAttributeBytes)
	}
	return all, nil
}

// readRights reads what the token allows. Absent is not allowed.
func readRights(m members, c *live.Claims) error {
	rights, err := readMembers(m["capabilities"])
	if err != nil {
		return malformed("the token has no claim capabilities")
	}
	for name, right := range map[string]*bool{
		"allow_publish": &c.Capabilities.Publish, "allow_subscribe": &c.Capabilities.Subscribe,
	} {
		switch value := string(rights[name]); value {
		case "true":
			*right = true
		case "", "false":
		default:
			return malformed("the token's capability %s is not a boolean", name)
		}
	}
	return nil
}

// life reads from when until when the token is good, which is no longer than most.
func (m members) life(most time.Duration, now time.Time) (iat, exp time.Time, err error) {
	if exp, err = m.seconds("exp"); err != nil {
		return iat, exp, err
	}
	if iat, err = m.seconds("iat"); err != nil {
		return iat, exp, err
	}
	if _, ok := m["nbf"]; ok {
		nbf, err := m.seconds("nbf")
		if err != nil {
			return iat, exp, err
		}
		if nbf.After(now.Add(Leeway)) {
			return iat, exp, invalid("the token is not good yet (claim nbf)")
		}
	}
	switch {
	case !now.Before(exp):
		err = live.Refuse(live.Unauthorized, live.TokenExpired, "the token expired at %s", exp.Format(time.RFC3339))
	case iat.After(now.Add(Leeway)):
		err = invalid("the token was issued in the future (claim iat)")
	case exp.Sub(iat) > most:
		err = invalid("the token lasts longer than %d days", int(most.Hours())/24)
	}
	return iat, exp, err
}

// members are those of a JSON object. Names are case-sensitive and occur once.
type members map[string]json.RawMessage

// readMembers reads an object and nothing after it. Unlike json.Unmarshal it refuses a name that occurs twice,
// which two readers could take for different things.
func readMembers(text []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	m := members{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNotObject
		}
		var value json.RawMessage
		if _, twice := m[name]; twice || d.Decode(&value) != nil {
			return nil, errNotObject
		}
		m[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotObject
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return nil, errNotObject
	}
	return m, nil
}

// text returns a string that must be there and not be empty.
func (m members) text(name string) (string, error) {
	var s *string
	if err := json.Unmarshal(m[name], &s); err != nil || s == nil || *s == "" {
		return "", malformed("the token has no text called %s", name)
	}
	return *s, nil
}

// optionalText returns a string, "" if it is not there.
func (m members) optionalText(name string) (string, error) {
	raw, ok := m[name]
	if !ok {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", malformed("the token's claim %s is not a text", name)
	}
	if s == nil {
		return "", nil
	}
	return *s, nil
}

// lastSecond is the end of the year 9999, behind which times cannot be written in ISO 8601.
const lastSecond = 253402300799

// seconds returns a time in whole seconds since 1970 that must be there.
func (m members) seconds(name string) (time.Time, error) {
	raw := string(m[name])
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || strings.HasPrefix(raw, "+") || n < 0 || n > lastSecond {
		return time.Time{}, malformed("the token has no time in whole seconds called %s", name)
	}
	return time.Unix(n, 0).UTC(), nil
}
