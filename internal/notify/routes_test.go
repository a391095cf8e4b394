package notify

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
)

// served returns a server of the routes, as operators see them once they are let in.
func served(t *testing.T, f *office) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for _, r := range f.Routes() {
		if !strings.HasPrefix(r.Action, "proscenium:") {
			t.Errorf("%s has the action %q", r.Pattern, r.Action)
		}
		mux.HandleFunc(r.Pattern, func(w http.ResponseWriter, req *http.Request) {
			err := r.Serve(w, req)
			if told := (*live.Error)(nil); errors.As(err, &told) {
				http.Error(w, told.Message, map[live.Kind]int{
					live.Invalid: 400, live.NotFound: 404, live.Conflict: 409, live.Exhausted: 429,
				}[told.Kind])
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		f.CloseStreams()
		s.Close()
	})
	return s
}

func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func TestRoutes_AnswerAsDocumented(t *testing.T) {
	f := open(t, nil)
	rec := receive(t, nil)
	url := served(t, f).URL + "/admin/v1"
	f.put(0, 9)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/targets", "", 200, `{"targets":[]}`},
		{"POST", "/targets", `{"name":"a","kind":"webhook","url":"` + rec.URL + `"}`, 201, `"secret":"whsec_`},
		{"POST", "/targets", `{"name":"a","kind":"webhook","url":"` + rec.URL + `"}`, 409, "already"},
		{"POST", "/targets", `{"name":"b","kind":"webhook","url":"http://10.0.0.1/"}`, 400, "events.allow_private"},
		{"POST", "/targets", `{"name":"B"}`, 400, "name must be"},
		{"POST", "/targets", `{"name":"b","kind":"x"}`, 400, "kind must be"},
		{"POST", "/targets", `{"name":"b","colour":"red"}`, 400, "docs/events.md"},
		{"POST", "/targets", `{"name":"b","kind":"stdout","pattern":{"a":"b"}}`, 400, "pattern: a must be an object, or a list"},
		{"GET", "/targets/a", "", 200, `"state":"on","position":9,"behind":0`},
		{"GET", "/targets/none", "", 404, "no target"},
		{"POST", "/targets/a/test", "", 200, `"ok":true`},
		{"POST", "/targets/none/test", "", 404, "no target"},
		{"POST", "/targets/a/replay", `{"after":7}`, 200, `"target"`},
		{"POST", "/targets/a/replay", `{"after":99}`, 400, "from 0 to 9"},
		{"POST", "/targets/a/replay", `{}`, 400, "one of after and from"},
		{"GET", "/events?after=7", "", 200, `"next":9,"first":1,"last":9`},
		{"GET", "/events?limit=2&pattern=%7B%22resources%22%3A%5B%7B%22suffix%22%3A%22stage2%22%7D%5D%7D", "", 200, `"next":6`},
		{"GET", "/events?after=x", "", 400, "after must be"},
		{"GET", "/events?from=yesterday", "", 400, "from must be"},
		{"GET", "/events?limit=0", "", 400, "limit must be"},
		{"GET", "/events?pattern=%5B", "", 400, "pattern: it is not JSON"},
		{"DELETE", "/targets/a", "", 204, ""},
		{"DELETE", "/targets/a", "", 404, "no target"},
	} {
		status, body := ask(t, step.method, url+step.path, step.body)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s %s: %d %s, want %d %s", step.method, step.path, step.body, status, body, step.status, step.want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestStream_GoesOnAfterABreak(t *testing.T) {
	f := open(t, nil)
	url := served(t, f).URL + "/admin/v1/events/stream"
	f.put(0, 5)
	follow := func(query, last string) (next func() (id, data string), stop func()) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("the stream is %s", got)
		}
		lines := bufio.NewScanner(answer.Body)
		return func() (id, data string) {
			for lines.Scan() {
				if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
					id = text
				} else if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					return id, text
				}
			}
			return "", ""
		}, func() { answer.Body.Close() }
	}
	next, stop := follow("", "") // those to come
	f.put(5, 1)
	if id, data := next(); id != "6" || !json.Valid([]byte(data)) {
		t.Errorf("got %s %s", id, data)
	}
	stop()
	f.put(6, 3)
	next, stop = follow("", "6") // a browser comes back
	for want := 7; want <= 9; want++ {
		if id, _ := next(); id != fmt.Sprint(want) {
			t.Errorf("got %s, want %d", id, want)
		}
	}
	stop()
	next, stop = follow("?after=0&pattern=%7B%22resources%22%3A%5B%7B%22suffix%22%3A%22stage1%22%7D%5D%7D", "")
	for _, want := range []string{"2", "5", "8"} {
		if id, _ := next(); id != want {
			t.Errorf("got %s, want %s", id, want)
		}
	}
	f.CloseStreams()
	if id, _ := next(); id != "" {
		t.Errorf("after the end: %s", id)
	}
	stop()
	http.DefaultClient.CloseIdleConnections()
}
