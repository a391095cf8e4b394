package bus

import (
	"fmt"
	"strings"
)

// CheckSubject tells whether text can be sent to: parts joined by ".", none empty, of printable ASCII without
// "*" and ">".
func CheckSubject(text string) error { return check(text, false) }

// CheckPattern tells whether text can be subscribed to: a subject in which "*" may stand for a whole part.
func CheckPattern(text string) error { return check(text, true) }

func check(text string, pattern bool) error {
	for part := range strings.SplitSeq(text, ".") {
		if part == "" {
			return fmt.Errorf("bus: subject %q has an empty part", text)
		}
		if pattern && part == "*" {
			continue
		}
		for _, r := range part {
			if r <= ' ' || r > '~' || r == '*' || r == '>' {
				return fmt.Errorf("bus: subject %q holds %q", text, r)
			}
		}
	}
	return nil
}
