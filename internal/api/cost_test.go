package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/api"
)

// security.md row 4: what a hard body costs the server, client and network left out.
func TestSecurityRow4_TheCostIsBounded(t *testing.T) {
	h := api.New(api.Options{Keys: root, Region: region, Account: account})
	var tags, members strings.Builder
	for i := 0; tags.Len() < 1_000_000; i++ {
		fmt.Fprintf(&tags, `"%x":"",`, i)
	}
	for members.Len() < 1_000_000 {
		members.WriteString(`"abcdef":"ghijkl",`)
	}
	const limit = 2*api.MaxBody + 64<<10 + raceAllocates // the body, and a megabyte
	for name, body := range map[string]string{
		"tags":        `{"tags":{` + tags.String() + `"z":""}}`,
		"members":     `{` + members.String() + `"name":"not valid"}`,
		"long name":   `{"name":"` + strings.Repeat("a", 1_000_000) + `"}`,
		"long key":    `{"tags":{"` + strings.Repeat(`\u00e9`, 170_000) + `":""}}`,
		"brackets":    `{"a":` + strings.Repeat("[", 1_000_000),
		"elements":    `{"participantTokenConfigurations":[` + strings.Repeat("{},", 300_000) + `{}]}`,
		"empty lists": `{"a":[` + strings.Repeat("[],", 300_000) + `[]],"name":"not valid"}`,
	} {
		var took time.Duration
		var allocated uint64
		for range 5 { // others run on the machine, too: one of a few tries tells what it costs
			took, allocated = cost(t, h, body)
			if took <= patience && allocated <= limit {
				break
			}
		}
		t.Logf("%s: %v, %d bytes", name, took, allocated)
		if took > patience || allocated > limit {
			t.Errorf("%s: took %v and %d bytes", name, took, allocated)
		}
	}
}

func cost(t *testing.T, h http.Handler, body string) (took time.Duration, allocated uint64) {
	t.Helper()
	r := sign(httptest.NewRequest(http.MethodPost, "http://localhost/CreateStage", bytes.NewReader([]byte(body))), []byte(body))
	w := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	h.ServeHTTP(w, r)
	took = time.Since(started)
	runtime.ReadMemStats(&after)
	if w.Code != http.StatusBadRequest {
		t.Fatalf("%.40s: %d %.200s", body, w.Code, w.Body)
	}
	return took, after.TotalAlloc - before.TotalAlloc
}
