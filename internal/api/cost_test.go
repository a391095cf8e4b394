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
	for name, body := range map[string]string{
		"tags":        `{"tags":{` + tags.String() + `"z":""}}`,
		"members":     `{` + members.String() + `"name":"not valid"}`,
		"long name":   `{"name":"` + strings.Repeat("a", 1_000_000) + `"}`,
		"long key":    `{"tags":{"` + strings.Repeat(`\u00e9`, 170_000) + `":""}}`,
		"brackets":    `{"a":` + strings.Repeat("[", 1_000_000),
		"elements":    `{"participantTokenConfigurations":[` + strings.Repeat("{},", 300_000) + `{}]}`,
		"empty lists": `{"a":[` + strings.Repeat("[],", 300_000) + `[]],"name":"not valid"}`,
	} {
		best, least := time.Hour, uint64(1<<62)
		for range 5 { // the machine is shared: the best of a few says what it costs
			r := sign(httptest.NewRequest(http.MethodPost, "http://localhost/CreateStage", bytes.NewReader([]byte(body))), []byte(body))
			w := httptest.NewRecorder()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			started := time.Now()
			h.ServeHTTP(w, r)
			took := time.Since(started)
			runtime.ReadMemStats(&after)
			if w.Code != http.StatusBadRequest {
				t.Fatalf("%s: %d %.200s", name, w.Code, w.Body)
			}
			best, least = min(best, took), min(least, after.TotalAlloc-before.TotalAlloc)
		}
		t.Logf("%s: %v, %d bytes", name, best, least)
		if least > 2*api.MaxBody+64<<10+raceAllocates {
			t.Errorf("%s: %d bytes were allocated", name, least)
		}
		if best > 500*time.Millisecond { // 50 ms on a quiet machine without -race
			t.Errorf("%s: took %v", name, best)
		}
	}
}
