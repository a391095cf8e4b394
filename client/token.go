package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxToken bounds the tokens that are read, in bytes. Attributes may take 1 KiB, written as \uXXXX up to six.
const maxToken = 16 << 10

// Claims are what a participant token tells its holder. The client does not check the signature: the server does.
type Claims struct {
	Participant  string            `json:"jti"`
	Stage        string            `json:"topic"`
	StageARN     string            `json:"resource"`
	EventsURL    string            `json:"events_url"`
	WHIPURL      string            `json:"whip_url"`
	UserID       string            `json:"user_id"`
	Attributes   map[string]string `json:"attributes"`
	Capabilities struct {
		Publish   bool `json:"allow_publish"`
		Subscribe bool `json:"allow_subscribe"`
	} `json:"capabilities"`
}

// ParseToken reads the claims of a participant token. It returns an error that says what is wrong with the
// token, without repeating any of it.
func ParseToken(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, fmt.Errorf("token is %d bytes long, the limit is %d", len(token), maxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, errors.New("token is not of three parts")
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Claims{}, fmt.Errorf("token's claims: %w", err)
	}
	var c Claims
	if err := json.Unmarshal(body, &c); err != nil {
		return Claims{}, fmt.Errorf("token's claims: %w", err)
	}
	if c.Participant == "" || c.Stage == "" {
		return Claims{}, errors.New("token names no participant (jti) or no stage (topic)")
	}
	return c, nil
}

// checkURL refuses what is not an absolute URL of one of the schemes.
func checkURL(what, raw string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	for _, s := range schemes {
		if u.Scheme == s && u.Host != "" {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%s %q is not an absolute URL of %s", what, raw, strings.Join(schemes, " or "))
}
