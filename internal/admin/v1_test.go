package admin

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// ring knows two keys with the secret "test": root may do everything, and reader what the action says.
type ring struct{ may string }

func (r ring) Key(id string) (sigv4.Key, bool) {
	return sigv4.Key{Secret: "test"}, id == "root" || id == "reader"
}

func (r ring) MayAll(id string) bool { return id == "root" }

func (r ring) Decide(_ string, q access.Request) (access.Decision, error) {
	return access.Decision{Allowed: q.Action == r.may && q.Resources[0] == "*"}, nil
}

func v1(t *testing.T) *V1 {
	t.Helper()
	v := NewV1(V1Options{Keys: ring{may: "proscenium:Echo"}, Region: "us-east-1", MaxBody: 100})
	v.Add(
		Endpoint{Pattern: "POST /admin/v1/echo", Action: "proscenium:Echo", Serve: func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			WriteJSON(w, http.StatusOK, string(body))
			return err
		}},
		Endpoint{Pattern: "GET /admin/v1/things/{name}", Action: "proscenium:Look", Serve: func(_ http.ResponseWriter, r *http.Request) error {
			if r.PathValue("name") == "secret" {
				return errors.New("dial postgres://secret-host")
			}
			return live.Errorf(live.NotFound, "there is no %s", r.PathValue("name"))
		}},
	)
	return v
}

func askV1(t *testing.T, v *V1, method, path, body, key string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: key, SecretKey: "test"}, Region: "us-east-1", Service: "ivs"}.Sign(r, []byte(body), time.Now())
	}
	w := httptest.NewRecorder()
	v.ServeHTTP(w, r)
	return w
}

func TestV1_ServesWhatIsSignedAndAllowed(t *testing.T) { // rows 1 to 4
	v := v1(t)
	for _, c := range []struct {
		method, path, body, key string
		status                  int
		want                    string
	}{
		{"POST", "/admin/v1/echo", "hello", "root", 200, `"hello"`},
		{"POST", "/admin/v1/echo", "hello", "reader", 200, `"hello"`},
		{"POST", "/admin/v1/echo", "hello", "", 403, "Missing Authentication Token"},
		{"POST", "/admin/v1/echo", "hello", "stranger", 403, "security token"},
		{"POST", "/admin/v1/echo", strings.Repeat("a", 101), "root", 413, "too long"},
		{"GET", "/admin/v1/things/a", "", "root", 404, "there is no a"},
		{"GET", "/admin/v1/things/a", "", "reader", 403, "may not proscenium:Look"},
		{"GET", "/admin/v1/things/secret", "", "root", 500, "internal error"},
		{"DELETE", "/admin/v1/things/a", "", "root", 404, "another method"},
		{"GET", "/admin/v1/elsewhere", "", "root", 404, "no such endpoint"},
	} {
		w := askV1(t, v, c.method, c.path, c.body, c.key)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s as %q: %d %s", c.method, c.path, c.key, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "secret-host") {
			t.Errorf("a fault of ours is told: %s", w.Body)
		}
	}
}

func TestV1_AnswersPreflightsWithoutSignature(t *testing.T) {
	w := askV1(t, v1(t), "OPTIONS", "/admin/v1/echo", "", "")
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestV1_RefusesABodyThatWasNotSigned(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/admin/v1/echo", strings.NewReader("other"))
	sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: "root", SecretKey: "test"}, Region: "us-east-1", Service: "ivs"}.Sign(r, []byte("hello"), time.Now())
	w := httptest.NewRecorder()
	v1(t).ServeHTTP(w, r)
	if w.Code != 403 || w.Header().Get("X-Amzn-Errortype") != "InvalidSignatureException" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
