package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// Target is what cases are run against.
type Target struct {
	Endpoints map[string]string // by API
	Region    string
	Key       string
	Secret    string
	Token     string // of a temporary key, or ""
}

// Answer is what came back of a call.
type Answer struct {
	Status  int         `json:"status"`
	Error   string      `json:"error"`
	Message string      `json:"message"`
	Body    any         `json:"body"`
	Header  http.Header `json:"-"`      // of the raw client
	Unsent  string      `json:"unsent"` // why the client made no call
}

// Client makes calls. One case after another is given to it.
type Client interface {
	// Name is what the page calls it.
	Name() string
	// Call makes the call of a case. The error says that the client itself is broken.
	Call(ctx context.Context, c Case, o *Operation, input map[string]any) (Answer, error)
	// Close ends what the client runs.
	Close() error
}

// Raw signs and sends requests as they are laid out in the contract, and as cases spoil them.
type Raw struct {
	target    Target
	contracts map[string]*Contract
	http      *http.Client
}

// NewRaw returns a raw client.
func NewRaw(target Target, contracts map[string]*Contract) *Raw {
	return &Raw{target, contracts, &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}}
}

// Name returns "raw".
func (r *Raw) Name() string { return "raw" }

// Close closes the connections.
func (r *Raw) Close() error {
	r.http.CloseIdleConnections()
	return nil
}

// Call sends a request.
func (r *Raw) Call(ctx context.Context, c Case, o *Operation, input map[string]any) (Answer, error) {
	method, path, body := http.MethodPost, "/"+c.Operation, []byte("{}")
	if o != nil {
		var err error
		if path, body, err = r.contracts[c.API].request(o, input); err != nil {
			return Answer{}, err
		}
		method = o.HTTP.Method
	}
	h := c.HTTP
	if h == nil {
		h = &HTTP{}
	}
	if h.Method != "" {
		method = h.Method
	}
	if h.Path != "" {
		path = h.Path
	}
	if h.Body != nil {
		body = []byte(*h.Body)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.target.Endpoints[c.API]+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	setAll(req.Header, h.Header)
	r.sign(req, body, h.Sign)
	setAll(req.Header, h.After)
	return r.send(req)
}

func setAll(h http.Header, all map[string]string) {
	for name, value := range all {
		if value == "" {
			h.Del(name)
		} else {
			h.Set(name, value)
		}
	}
}

func (r *Raw) sign(req *http.Request, body []byte, as Sign) {
	if as.No {
		return
	}
	either := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	signer := sigv4.Signer{
		Key:    sigv4.OneKey{AccessKeyID: either(as.Key, r.target.Key), SecretKey: either(as.Secret, r.target.Secret)},
		Region: either(as.Region, r.target.Region), Service: either(as.Service, "ivs"),
	}
	if r.target.Token != "" {
		req.Header.Set("X-Amz-Security-Token", r.target.Token)
	}
	at := time.Now().Add(time.Duration(as.Minutes) * time.Minute)
	if as.Query {
		signer.Presign(req, body, at, time.Minute)
	} else {
		signer.Sign(req, body, at)
	}
}

func (r *Raw) send(req *http.Request) (Answer, error) {
	res, err := r.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: res.StatusCode, Header: res.Header}
	// a suffix after ":" and a prefix before "#" are not the name (control-plane.md 1.5)
	a.Error, _, _ = strings.Cut(res.Header.Get("X-Amzn-Errortype"), ":")
	if _, after, found := strings.Cut(a.Error, "#"); found {
		a.Error = after
	}
	if len(data) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(data, &a.Body); err != nil {
		return a, fmt.Errorf("the answer is not JSON: %w", err)
	}
	if object, ok := a.Body.(map[string]any); ok && a.Error != "" {
		a.Message, _ = object["message"].(string)
		if text, ok := object["exceptionMessage"].(string); ok && a.Message == "" {
			a.Message = text
		}
	}
	return a, nil
}
