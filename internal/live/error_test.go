package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestError_KeepsKindAndReasonThroughWrapping(t *testing.T) {
	err := fmt.Errorf("open: %w", Refuse(Unauthorized, TokenExpired, "too late by %d s", 3))
	if KindOf(err) != Unauthorized || ReasonOf(err) != TokenExpired || err.Error() != "open: too late by 3 s" {
		t.Errorf("got kind %d, reason %q, %v", KindOf(err), ReasonOf(err), err)
	}
	if other := errors.New("x"); KindOf(other) != Internal || ReasonOf(other) != "" {
		t.Error("a foreign error has a kind")
	}
}

// Security row 13: a secret does not reach a log by whatever way it is printed.
func TestSecret_Row13_PrintsAsRedacted(t *testing.T) {
	const text = "eyJhbGciOiJLTVMi"
	in := IssuedToken{Token: text}
	asJSON, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		fmt.Sprint(in), fmt.Sprintf("%v %+v %s", in, in, in.Token), fmt.Sprintf("%#v", in), string(asJSON),
	} {
		if strings.Contains(out, text) || !strings.Contains(out, "REDACTED") {
			t.Errorf("printed as %s", out)
		}
	}
	if string(in.Token) != text {
		t.Error("who needs the secret cannot get it")
	}
}
