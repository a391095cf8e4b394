package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// message is an event on its way to a target.
type message struct {
	id    string
	seq   int64 // 0 for a test
	stage string
	at    time.Time
	body  string // the event's JSON
}

// sender brings one message to a target. An error that is errGone ends the target; any other is tried again.
type sender interface {
	send(ctx context.Context, m message) error
	close()
}

// errGone says that a target wants to hear no more.
var errGone = errors.New("the receiver answered 410 Gone")

func (s *Service) newSender(it Settings) (sender, error) {
	switch it.Kind {
	case Webhook:
		return &webhook{it: it, client: s.guard().client(), now: s.o.Now}, nil
	case EventBridge:
		return newBridge(it, s.guard()), nil
	case SQS:
		return newQueue(it, s.guard()), nil
	case NATS:
		return &subject{it: it, guard: s.guard()}, nil
	case Stdout:
		return &stdout{it: it, s: s}, nil
	}
	return nil, fmt.Errorf("there is no kind of target %q", it.Kind)
}

// wrap puts a message into its envelope.
func wrap(m message, envelope string) (body []byte, contentType string, err error) {
	if envelope != CloudEvents {
		return []byte(m.body), "application/json", nil
	}
	var inside struct {
		DetailType string   `json:"detail-type"`
		Source     string   `json:"source"`
		Resources  []string `json:"resources"`
	}
	if err := json.Unmarshal([]byte(m.body), &inside); err != nil {
		return nil, "", fmt.Errorf("read event: %w", err)
	}
	e := event.New()
	e.SetID(m.id)
	e.SetType(inside.DetailType)
	e.SetSource(inside.Source)
	if len(inside.Resources) > 0 {
		e.SetSubject(inside.Resources[0])
	}
	e.SetTime(m.at)
	e.SetExtension("sequence", fmt.Sprintf("%020d", m.seq)) // the extension compares texts
	if err := e.SetData(event.ApplicationJSON, json.RawMessage(m.body)); err != nil {
		return nil, "", fmt.Errorf("write envelope: %w", err)
	}
	if err := e.Validate(); err != nil {
		return nil, "", fmt.Errorf("write envelope: %w", err)
	}
	body, err = json.Marshal(e)
	return body, event.ApplicationCloudEventsJSON, err
}

// webhook sends by HTTP, signed after Standard Webhooks.
type webhook struct {
	it     Settings
	client *http.Client
	now    func() time.Time
}

func (w *webhook) close() { w.client.CloseIdleConnections() }

func (w *webhook) send(ctx context.Context, m message) error {
	body, contentType, err := wrap(m, w.it.Envelope)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.it.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	now := w.now()
	at := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "Proscenium")
	r.Header.Set("Webhook-Id", m.id)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", sign(w.it.signing, m.id, at, body, now))
	if m.seq > 0 {
		r.Header.Set("Proscenium-Sequence", strconv.FormatInt(m.seq, 10))
	}
	answer, err := w.client.Do(r)
	if err != nil {
		if whole := (*url.Error)(nil); errors.As(err, &whole) {
			err = whole.Err // the rest repeats the URL, in which a receiver may keep a secret
		}
		return err
	}
	defer answer.Body.Close()
	// What a receiver says beside its status is read so that the connection can be used again, and not for long.
	defer time.AfterFunc(bodyPatience, cancel).Stop()
	_, _ = io.Copy(io.Discard, answer.Body)
	switch code := answer.StatusCode; {
	case code == http.StatusGone:
		return errGone
	case code < 200 || code > 299:
		return fmt.Errorf("the receiver answered %d", code)
	}
	return nil
}

// bodyPatience is how long a receiver may take to send the body of its answer.
const bodyPatience = 2 * time.Second

// sign returns the header of Standard Webhooks: a signature for each secret that is good now, the newest first.
func sign(all []signing, id, at string, body []byte, now time.Time) string {
	var out []string
	for _, s := range all {
		key, err := secretBytes(s.Secret)
		if err != nil || !s.Until.IsZero() && now.After(s.Until) {
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, " ")
}

// stdout writes a line.
type stdout struct {
	it Settings
	s  *Service
}

func (o *stdout) close() {}

func (o *stdout) send(_ context.Context, m message) error {
	body, _, err := wrap(m, o.it.Envelope)
	if err != nil {
		return err
	}
	o.s.stdout.Lock()
	defer o.s.stdout.Unlock()
	_, err = o.s.o.Stdout.Write(append(body, '\n'))
	return err
}
