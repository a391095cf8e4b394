package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestEveryAnswer_CarriesTheHeaders(t *testing.T) {
	w := newWorld(t)
	unsigned := w.request("POST", "/ListStages", []byte("{}"))
	seen := map[string]bool{}
	for name, a := range map[string]answer{
		"success":       w.post("ListStages", "{}"),
		"empty success": w.post("DeleteStage", `{"arn":"`+w.stage("{}")+`"}`),
		"error":         w.post("GetStage", `{}`),
		"front end":     w.send(unsigned),
		"unknown":       w.post("Nothing", `{}`),
		"preflight":     w.send(w.request("OPTIONS", "/CreateStage", nil)),
	} {
		for header, want := range map[string]string{
			"Access-Control-Allow-Origin": "*",
			"Cache-Control":               "no-store, no-cache",
			"Content-Security-Policy":     "default-src 'self'; upgrade-insecure-requests;",
			"X-Content-Type-Options":      "nosniff",
			"X-Frame-Options":             "DENY",
			"Strict-Transport-Security":   "", // plain HTTP
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "x-amzn-errortype") {
			t.Errorf("%s: exposes %q", name, a.header.Get("Access-Control-Expose-Headers"))
		}
		id := a.header.Get("X-Amzn-Requestid")
		if !uuid.MatchString(id) || seen[id] {
			t.Errorf("%s: request id %q", name, id)
		}
		seen[id] = true
		if date, err := http.ParseTime(a.header.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
			t.Errorf("%s: date %v, %v", name, date, err)
		}
		if a.body != "" && a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: content type %q", name, a.header.Get("Content-Type"))
		}
	}
}

func TestErrorBodies_CarryTheMembersTheSDKsRead(t *testing.T) {
	w := newWorld(t)
	service := w.post("GetStage", `{}`)
	if m := service.at(t, "message"); m == nil || m != service.at(t, "exceptionMessage") {
		t.Error(service.body)
	}
	front := w.post("GetStage", `{`)
	if front.at(t, "message") == nil || front.at(t, "exceptionMessage") != nil {
		t.Error(front.body)
	}
}

func TestPreflight_NeedsNoSignature(t *testing.T) {
	w := newWorld(t)
	for path, methods := range map[string]string{
		"/CreateStage": "POST,OPTIONS",
		"/tags/x":      "GET,POST,DELETE,OPTIONS",
		"/unknown":     "POST,OPTIONS",
	} {
		a := w.send(w.request("OPTIONS", path, nil))
		got := strings.Split(a.header.Get("Access-Control-Allow-Methods"), ",")
		if a.status != http.StatusNoContent || len(got) != len(strings.Split(methods, ",")) {
			t.Errorf("%s: %d %v", path, a.status, got)
		}
		for _, header := range []string{"Authorization", "X-Amz-Date", "Content-Type", "amz-sdk-request", "X-Amz-User-Agent"} {
			if !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), header) {
				t.Errorf("%s: %s is not allowed", path, header)
			}
		}
		if a.header.Get("Access-Control-Max-Age") != "600" {
			t.Errorf("%s: max age %q", path, a.header.Get("Access-Control-Max-Age"))
		}
	}
}

func TestNegotiation_TakesAndGivesJSONOnly(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		header, value string
		status        int
		exception     string
	}{
		{"Content-Type", "application/json; charset=utf-8", 200, ""},
		{"Content-Type", "", 200, ""},
		{"Content-Type", "text/plain", 415, "UnsupportedMediaTypeException"},
		{"Content-Type", "application/x-www-form-urlencoded", 415, "UnsupportedMediaTypeException"},
		{"Content-Type", ";;", 415, "UnsupportedMediaTypeException"},
		{"Accept", "*/*", 200, ""},
		{"Accept", "text/html, application/*;q=0.5", 200, ""},
		{"Accept", "text/html", 406, "NotAcceptableException"},
		{"Accept", "*/*, application/json;q=0", 406, "NotAcceptableException"},
	} {
		r := w.request("POST", "/ListStages", []byte("{}"))
		r.Header.Del("Content-Type")
		if c.value != "" {
			r.Header.Set(c.header, c.value)
		}
		a := w.send(sign(r, []byte("{}")))
		if a.status != c.status || a.exception() != c.exception {
			t.Errorf("%s %q: %d %s", c.header, c.value, a.status, a.body)
		}
	}
}

// brokenStages fails in all the ways there are.
type brokenStages struct {
	api.Stages
	list func(context.Context) error
}

func (b brokenStages) List(ctx context.Context, _ control.Page) ([]live.Stage, string, error) {
	return nil, "", b.list(ctx)
}

func TestFaultsOfOurs_TellTheRequestIDAndAreLoggedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		list      func(context.Context) error
		status    int
		exception string
		retry     string
	}{
		"plain error": {func(context.Context) error { return errors.New("disk on fire") }, 500, "InternalServerException", ""},
		"panic":       {func(context.Context) error { panic("disk on fire") }, 500, "InternalServerException", ""},
		"internal":    {func(context.Context) error { return live.Errorf(live.Internal, "disk on fire") }, 500, "InternalServerException", ""},
		"deadline":    {func(context.Context) error { return context.DeadlineExceeded }, 503, "ServiceUnavailableException", ""},
		"unavailable": {func(context.Context) error {
			return &live.Error{Kind: live.Unavailable, Message: "draining", RetryAfter: 1500 * time.Millisecond}
		}, 503, "ServiceUnavailableException", "2"},
	} {
		w := newWorld(t, func(o *api.Options) { o.Stages = brokenStages{list: c.list} })
		a := w.post("ListStages", "{}")
		a.want(t, c.status, c.exception, "message")
		if strings.Contains(a.body, "fire") || a.header.Get("Retry-After") != c.retry {
			t.Errorf("%s: %s %v", name, a.body, a.header)
		}
		log := w.log.String()
		if n := strings.Count(log, "level=ERROR"); n != 1 || !strings.Contains(log, a.header.Get("X-Amzn-Requestid")) {
			t.Errorf("%s: %d errors logged: %s", name, n, log)
		}
	}
}

func TestKinds_BecomeExceptionsThatTheOperationModels(t *testing.T) {
	for _, c := range []struct {
		kind      live.Kind
		status    int
		exception string
	}{
		{live.Invalid, 400, "ValidationException"},
		{live.NotFound, 400, "ValidationException"}, // ListStages does not model N
		{live.Conflict, 409, "ConflictException"},
		{live.Exhausted, 400, "ValidationException"}, // nor Q
		{live.Denied, 403, "AccessDeniedException"},
		{live.Unauthorized, 403, "AccessDeniedException"},
		{live.Throttled, 429, "ThrottlingException"},
		{live.Unsupported, 400, "UnsupportedOperationException"},
	} {
		w := newWorld(t, func(o *api.Options) {
			o.Stages = brokenStages{list: func(context.Context) error { return live.Errorf(c.kind, "because") }}
		})
		w.post("ListStages", "{}").want(t, c.status, c.exception, "because")
	}
}

func TestQuota_IsA402(t *testing.T) {
	w := newWorld(t, func(o *api.Options) {
		o.Tokens = exhaustedTokens{}
	})
	w.post("CreateParticipantToken", `{"stageArn":"arn:aws:ivs:us-east-1:123456789012:stage/a"}`).
		want(t, 402, "ServiceQuotaExceededException", "all used")
}

type exhaustedTokens struct{}

func (exhaustedTokens) Create(context.Context, live.ARN, control.TokenRequest) (live.IssuedToken, error) {
	return live.IssuedToken{}, live.Errorf(live.Exhausted, "all used")
}

func TestThrottle_AllowsTheRateAndForgetsRefusedCalls(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	w := newWorld(t, func(o *api.Options) { o.Limiter = api.NewLimiter(api.DefaultRates(), clock) })
	unsigned := func() answer { return w.send(w.request("POST", "/ListStages", []byte("{}"))) }
	for range 10 { // calls of nobody do not use up the account's
		unsigned().want(t, 403, "MissingAuthenticationTokenException", "")
	}
	for range 5 {
		w.post("ListStages", "{}").want(t, 200, "", "")
	}
	for range 20 {
		a := w.post("ListStages", "{}")
		a.want(t, 429, "ThrottlingException", `{"message":"Rate exceeded"}`)
		if said := a.header.Get("X-Amzn-Errormessage"); !strings.Contains(said, "times per second (setting quotas.rates)") {
			t.Errorf("which limit it was: %q", said)
		}
	}
	w.post("CreateStage", "{}").want(t, 200, "", "") // each operation has its own
	mu.Lock()
	now = now.Add(time.Second)
	mu.Unlock()
	for range 5 {
		w.post("ListStages", "{}").want(t, 200, "", "")
	}
	w.post("ListStages", "{}").want(t, 429, "ThrottlingException", "")
}

// security.md row 7: the dearest call ten thousand times; another tenant and another operation notice nothing.
func TestSecurityRow7_AFloodIsThrottledAndHurtsNobodyElse(t *testing.T) {
	now := time.Now()
	limiter := api.NewLimiter(api.DefaultRates(), func() time.Time { return now })
	allowed := 0
	for range 10_000 {
		if limiter.Allow("111111111111", "CreateStage") {
			allowed++
		}
	}
	if allowed != 5 {
		t.Errorf("%d calls of a flood were allowed", allowed)
	}
	for range 50 {
		if !limiter.Allow("111111111111", "CreateParticipantToken") {
			t.Error("another operation was refused")
		}
	}
	for range 5 {
		if !limiter.Allow("222222222222", "CreateStage") {
			t.Error("another account was refused")
		}
	}
	if !limiter.Allow("111111111111", "Unheard") {
		t.Error("what has no rate was refused")
	}
}

func TestObserve_SeesEveryCall(t *testing.T) {
	type seen struct {
		operation string
		status    int
	}
	var mu sync.Mutex
	got := map[seen]int{}
	w := newWorld(t, func(o *api.Options) {
		o.Observe = func(operation string, status int, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if d < 0 {
				t.Errorf("%s took %v", operation, d)
			}
			got[seen{operation, status}]++
		}
	})
	w.post("ListStages", "{}")
	w.post("GetStage", "{}")
	w.post("Nothing", "{}")
	w.send(w.request("OPTIONS", "/CreateStage", nil))
	w.Close() // waits for the handlers
	for _, want := range []seen{{"ListStages", 200}, {"GetStage", 400}, {"", 404}, {"", 204}} {
		if got[want] != 1 {
			t.Errorf("%v was seen %d times", want, got[want])
		}
	}
}

func TestClientGone_IsNoFaultOfOurs(t *testing.T) {
	status := 0
	h := api.New(api.Options{
		Parts: api.Parts{Stages: brokenStages{list: func(ctx context.Context) error { return ctx.Err() }}},
		Keys:  root, Region: region, Account: account,
		Observe: func(_ string, s int, _ time.Duration) { status = s },
	})
	r := sign(httptest.NewRequest(http.MethodPost, "http://localhost/ListStages", strings.NewReader("{}")), []byte("{}"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	if status != 499 {
		t.Errorf("counted as %d", status)
	}
}
