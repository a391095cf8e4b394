package main

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

// caller calls a running server's API.
type caller struct {
	endpoint string // without a slash at the end
	signer   sigv4.Signer
}

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 4 << 20 // bytes
)

// call signs and sends one operation, and reads its answer into out. An error of the API comes back with its
// exception's name and message.
func (c caller) call(ctx context.Context, operation string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	c.signer.Sign(r, body, time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("is the server running? %w", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", operation, exception(answer, data))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

func exception(answer *http.Response, body []byte) string {
	var fault struct {
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	name, _, _ := strings.Cut(answer.Header.Get("X-Amzn-Errortype"), ":")
	if json.Unmarshal(body, &fault) != nil || name == "" {
		return answer.Status
	}
	return name + ": " + fault.Message + fault.Upper
}
