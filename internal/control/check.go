package control

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Limits of values (control-plane.md 1.10 and 1.11). Lengths are in characters unless they say bytes.
const (
	maxName           = 128
	maxUserID         = 128
	maxAttributeBytes = 1024 // keys and values together
	maxReason         = 128
	maxTagKey         = 128
	maxTagValue       = 256
)

// stageARN tells whether arn may name a stage here.
func (c *core) stageARN(arn live.ARN) error { return c.home.Check(arn, live.TypeStage) }

// noStage gives a look-up that found nothing its message. Other errors pass.
func noStage(err error, arn live.ARN) error {
	if errors.Is(err, store.ErrNotFound) {
		return live.Errorf(live.NotFound, "there is no stage %s", arn)
	}
	return err
}

func checkName(name string) error {
	if len(name) > maxName {
		return live.Errorf(live.Invalid, "name is %d characters long, the limit is %d", len(name), maxName)
	}
	for _, r := range name {
		if !isNameRune(r) {
			return live.Errorf(live.Invalid, "name holds %q, allowed are letters, digits, - and _", r)
		}
	}
	return nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// checkText checks a text of any characters.
func checkText(what, text string, limit int) error {
	if !utf8.ValidString(text) {
		return live.Errorf(live.Invalid, "%s is not UTF-8", what)
	}
	if n := utf8.RuneCountInString(text); n > limit {
		return live.Errorf(live.Invalid, "%s is %d characters long, the limit is %d", what, n, limit)
	}
	return nil
}

func checkAttributes(attributes map[string]string) error {
	total := 0
	for k, v := range attributes {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return live.Errorf(live.Invalid, "attributes are not UTF-8")
		}
		total += len(k) + len(v)
	}
	if total > maxAttributeBytes {
		return live.Errorf(live.Invalid, "attributes are %d bytes in total, the limit is %d", total, maxAttributeBytes)
	}
	return nil
}

// checkTags checks the tags of a request, not how many a resource has in the end.
func checkTags(tags live.Tags) error {
	for k, v := range tags {
		if err := checkTagKey(k); err != nil {
			return err
		}
		if err := checkText("the value of tag "+k, v, maxTagValue); err != nil {
			return err
		}
		if err := checkTagText("the value of tag "+k, v); err != nil {
			return err
		}
	}
	return nil
}

func checkTagKey(key string) error {
	if key == "" {
		return live.Errorf(live.Invalid, "a tag key is empty")
	}
	if err := checkText("a tag key", key, maxTagKey); err != nil {
		return err
	}
	return checkTagText("a tag key", key)
}

func checkTagText(what, text string) error {
	const reserved = "aws:"
	if len(text) >= len(reserved) && strings.EqualFold(text[:len(reserved)], reserved) {
		return live.Errorf(live.Invalid, "%s begins with %s, which is reserved", what, reserved)
	}
	for _, r := range text {
		if !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r) {
			return live.Errorf(live.Invalid, "%s holds %q, allowed are letters, digits, spaces and _.:/=+-@", what, r)
		}
	}
	return nil
}
