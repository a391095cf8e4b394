// Package bus is the port to the cluster: publish and request.
//
// Two adapters fulfil it: bus/nats for real, bus/inproc for tests in virtual time; bus/bustest is the suite
// that both run. subjects.go lists every subject in use on one page. Messages are JSON of live's types.
//
// Delivery is at most once and nothing is kept: who must not miss a word asks with Request and gets an
// answer, or asks for the state again. Media never waits for the bus.
package bus

import (
	"context"
	"errors"
)

// ErrNobody is returned by Request when nobody serves the subject.
var ErrNobody = errors.New("bus: nobody serves this subject")

// Handler takes a message and returns the answer to it; answers to messages that were only published are
// dropped. An error reaches the requester as a text, in a RemoteError. Handlers of one subscription run one
// after another, in the order in which each sender sent. The data is the handler's to keep. Ctx ends when the
// subscription is closed.
type Handler func(ctx context.Context, data []byte) ([]byte, error)

// Subscription is a standing interest in a subject.
type Subscription interface {
	// Close ends the interest and waits until a running handler has returned; messages that wait are dropped.
	// The handler itself must not call it. Closing again does nothing.
	Close() error
}

// Bus carries messages between the roles of a cluster. Methods may be called at once.
type Bus interface {
	// Publish sends data to everyone who listens, and waits for none of them. The data is the caller's again
	// when it returns.
	Publish(ctx context.Context, subject string, data []byte) error
	// Request sends data and waits for the first answer. It returns ErrNobody at once when nobody serves the
	// subject, and ctx's error when the answer takes too long.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	// Subscribe has handle called for each message. Subscriptions of one subject with the same group (not "")
	// share the messages; without a group each gets all of them. "*" stands for one part of a subject. What is
	// sent after Subscribe has returned is heard.
	Subscribe(subject, group string, handle Handler) (Subscription, error)
	// Ready returns nil while messages can be sent.
	Ready() error
	// Close ends all subscriptions, as their own Close does. Afterwards everything returns ErrClosed.
	Close() error
}
