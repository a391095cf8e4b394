package load

import (
	"strings"
	"testing"
)

func TestAdmitted_TellsARefusalByItsCode(t *testing.T) {
	if err := admitted([]byte(`{"type":"STAGE_STATE","payload":{"protocol":1}}`)); err != nil {
		t.Error(err)
	}
	for want, frame := range map[string]string{
		"STAGE_AT_CAPACITY": `{"type":"JOIN_ERROR","payload":{"code":"STAGE_AT_CAPACITY","message":"full"}}`,
		"first frame":       `nonsense`,
	} {
		if err := admitted([]byte(frame)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", frame, err)
		}
	}
}
