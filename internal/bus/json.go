package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrClosed is returned by everything that is asked of a closed bus.
var ErrClosed = errors.New("bus: closed")

// RemoteError is what Request returns when the handler at the other end failed: its text and nothing more.
type RemoteError struct{ Text string }

// Error returns the handler's text.
func (e *RemoteError) Error() string { return e.Text }

// Serve makes a Handler of a function over JSON messages.
func Serve[In, Out any](serve func(context.Context, In) (Out, error)) Handler {
	return func(ctx context.Context, data []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		out, err := serve(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// Ask sends in as JSON and reads the answer as JSON. Errors are those of Bus.Request.
func Ask[Out any](ctx context.Context, b Bus, subject string, in any) (Out, error) {
	var out Out
	data, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("write message: %w", err)
	}
	answer, err := b.Request(ctx, subject, data)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("read answer: %w", err)
	}
	return out, nil
}

// Tell publishes in as JSON.
func Tell(ctx context.Context, b Bus, subject string, in any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return b.Publish(ctx, subject, data)
}
