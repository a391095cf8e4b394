package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Route is something that operators may ask for by HTTP. Errors for them are *live.Error.
type Route struct {
	Pattern string // http.ServeMux's
	Action  string // what a policy must allow
	Serve   func(w http.ResponseWriter, r *http.Request) error
}

// Routes returns what operators may ask for; docs/events.md describes it.
func (s *Service) Routes() []Route {
	return []Route{
		{"GET /admin/v1/targets", "proscenium:ListTargets", s.serveList},
		{"POST /admin/v1/targets", "proscenium:AddTarget", s.serveAdd},
		{"GET /admin/v1/targets/{name}", "proscenium:ListTargets", s.serveGet},
		{"DELETE /admin/v1/targets/{name}", "proscenium:RemoveTarget", s.serveRemove},
		{"POST /admin/v1/targets/{name}/test", "proscenium:TestTarget", s.serveTest},
		{"POST /admin/v1/targets/{name}/rotate", "proscenium:RotateTarget", s.serveRotate},
		{"POST /admin/v1/targets/{name}/replay", "proscenium:ReplayTarget", s.serveReplay},
		{"GET /admin/v1/events", "proscenium:ListEvents", s.serveEvents},
		{"GET /admin/v1/events/stream", "proscenium:ListEvents", s.serveStream},
	}
}

func answer(w http.ResponseWriter, status int, value any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // the client has gone: nobody to tell
	return nil
}

func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return live.Errorf(live.Invalid, "the body must be a JSON object of the members that docs/events.md names")
	}
	return nil
}

func (s *Service) serveList(w http.ResponseWriter, r *http.Request) error {
	views, err := s.List(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"targets": views})
}

func (s *Service) serveGet(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Get(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"target": v})
}

func (s *Service) serveAdd(w http.ResponseWriter, r *http.Request) error {
	var it Settings
	if err := read(r, &it); err != nil {
		return err
	}
	v, secret, err := s.Add(r.Context(), it)
	if err != nil {
		return err
	}
	out := map[string]any{"target": v}
	if it.Kind == Webhook {
		out["secret"] = string(secret)
	}
	return answer(w, http.StatusCreated, out)
}

func (s *Service) serveRemove(w http.ResponseWriter, r *http.Request) error {
	if err := s.Remove(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) serveRotate(w http.ResponseWriter, r *http.Request) error {
	secret, err := s.Rotate(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]string{"secret": string(secret)})
}

func (s *Service) serveTest(w http.ResponseWriter, r *http.Request) error {
	took, err := s.Test(r.Context(), r.PathValue("name"))
	var failed *testError
	if errors.As(err, &failed) {
		return answer(w, http.StatusOK, map[string]any{"ok": false, "error": failed.text, "milliseconds": took.Milliseconds()})
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"ok": true, "milliseconds": took.Milliseconds()})
}

func (s *Service) serveReplay(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		After *int64     `json:"after"`
		From  *time.Time `json:"from"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if (in.After == nil) == (in.From == nil) {
		return live.Errorf(live.Invalid, "one of after and from is needed")
	}
	var after int64
	var from time.Time
	if in.After != nil {
		after = *in.After
	} else {
		from = *in.From
	}
	v, err := s.Replay(r.Context(), r.PathValue("name"), after, from)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"target": v})
}

// question is what a query asks for.
type question struct {
	after   int64 // -1 if neither after nor from is given
	limit   int
	pattern *Pattern
}

const (
	usualEvents = 100
	mostEvents  = 1000
)

func (s *Service) question(ctx context.Context, q url.Values) (question, error) {
	out := question{after: -1, limit: usualEvents}
	var err error
	if text := q.Get("after"); text != "" {
		if out.after, err = strconv.ParseInt(text, 10, 64); err != nil || out.after < 0 {
			return out, live.Errorf(live.Invalid, "after must be the number of an event, or 0")
		}
	}
	if text := q.Get("from"); text != "" {
		from, err := time.Parse(time.RFC3339, text)
		if err != nil || out.after >= 0 {
			return out, live.Errorf(live.Invalid, "from must be a time such as 2026-01-02T03:04:05Z, and stand without after")
		}
		err = s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
			out.after, err = tx.OutBefore(ctx, from)
			return err
		})
		if err != nil {
			return out, err
		}
	}
	if text := q.Get("limit"); text != "" {
		if out.limit, err = strconv.Atoi(text); err != nil || out.limit < 1 || out.limit > mostEvents {
			return out, live.Errorf(live.Invalid, "limit must be from 1 to %d", mostEvents)
		}
	}
	if out.pattern, err = ParsePattern([]byte(q.Get("pattern"))); err != nil {
		return out, live.Errorf(live.Invalid, "pattern: %v", err)
	}
	return out, nil
}

// shown is an event with its number.
type shown struct {
	Seq   int64           `json:"seq"`
	Event json.RawMessage `json:"event"`
}

// serveEvents answers with events that are kept. next is where to go on: it may be beyond the last event shown,
// when those after it do not match.
func (s *Service) serveEvents(w http.ResponseWriter, r *http.Request) error {
	q, err := s.question(r.Context(), r.URL.Query())
	if err != nil {
		return err
	}
	q.after = max(0, q.after)
	out := struct {
		Events []shown `json:"events"`
		Next   int64   `json:"next"`
		First  int64   `json:"first"`
		Last   int64   `json:"last"`
	}{Events: []shown{}, Next: q.after}
	err = s.o.Store.Read(r.Context(), func(tx *store.Tx) (err error) {
		if out.First, out.Last, err = tx.OutRange(r.Context()); err != nil {
			return err
		}
		for looked := 0; len(out.Events) < q.limit && looked < 20*mostEvents; {
			events, err := tx.Out(r.Context(), out.Next, mostEvents)
			if err != nil || len(events) == 0 {
				return err
			}
			looked += len(events)
			for _, e := range events {
				if len(out.Events) == q.limit {
					break
				}
				out.Next = e.Seq
				if q.pattern.Matches([]byte(e.Body)) {
					out.Events = append(out.Events, shown{e.Seq, json.RawMessage(e.Body)})
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, out)
}

const (
	maxStreams = 64
	heartbeat  = 15 * time.Second
	// streamPatience is how long a client may take to read what it is sent.
	streamPatience = 30 * time.Second
)

// serveStream sends events as they come, as server-sent events.
func (s *Service) serveStream(w http.ResponseWriter, r *http.Request) error {
	q, err := s.question(r.Context(), r.URL.Query())
	if err != nil {
		return err
	}
	if id, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && id >= 0 {
		q.after = id
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return live.Errorf(live.Exhausted, "there are %d streams, the limit is %[1]d", maxStreams)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.streaming, cancel)()
	if q.after < 0 {
		err := s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
			_, q.after, err = tx.OutRange(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that holds it back would defeat it
	w.WriteHeader(http.StatusOK)
	s.stream(ctx, w, q)
	return nil
}

// stream sends until ctx ends or the client does not read.
func (s *Service) stream(ctx context.Context, w http.ResponseWriter, q question) {
	control := http.NewResponseController(w)
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(streamPatience)) // a recorder in a test has none
		_, err := w.Write([]byte(text))
		return err == nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if !send(": \n\n") || control.Flush() != nil {
		return
	}
	for ctx.Err() == nil {
		news := s.bell.next()
		var events []store.OutEvent
		err := s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
			events, err = tx.Out(ctx, q.after, together)
			return err
		})
		for _, e := range events {
			q.after = e.Seq
			if q.pattern.Matches([]byte(e.Body)) && !send(fmt.Sprintf("id: %d\ndata: %s\n\n", e.Seq, e.Body)) {
				return
			}
		}
		if len(events) > 0 {
			if control.Flush() != nil {
				return
			}
			continue
		}
		_ = err // the database is away: the next ring asks again
		select {
		case <-news:
		case <-beat.C:
			if !send(": \n\n") || control.Flush() != nil {
				return
			}
		case <-ctx.Done():
		}
	}
}
