package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// exceptions is the one table from kinds of failures to what AWS calls them.
var exceptions = map[live.Kind]wire.Exception{
	live.Internal:     realtime.InternalServerException,
	live.Invalid:      realtime.ValidationException,
	live.NotFound:     realtime.ResourceNotFoundException,
	live.Conflict:     realtime.ConflictException,
	live.Exhausted:    realtime.ServiceQuotaExceededException,
	live.Denied:       realtime.AccessDeniedException,
	live.Unauthorized: realtime.AccessDeniedException,
	live.Throttled:    wire.Throttling,
	live.Unavailable:  wire.ServiceUnavailable,
	live.Unsupported:  wire.UnsupportedOperation,
}

// modelled are the exceptions that an operation answers with only if the contract says so; where it does not,
// the request is simply not valid. The others can come from any operation.
var modelled = map[string]bool{
	realtime.ResourceNotFoundException.Name:     true,
	realtime.ConflictException.Name:             true,
	realtime.ServiceQuotaExceededException.Name: true,
}

// instead are what operations of the channel contract answer with in place of the above, where they model it.
var instead = map[live.Kind][]wire.Exception{
	live.Throttled:   {channel.ThrottlingException},
	live.Unavailable: {channel.ServiceUnavailable, channel.StreamUnavailable},
}

// reasons are failures that clients know by a name of their own, where the operation models it.
var reasons = map[live.Reason]wire.Exception{
	live.ChannelNotBroadcasting: channel.ChannelNotBroadcasting,
}

// exceptionOf says which exception an operation answers with. op is nil for a call that was not routed.
func exceptionOf(op *operation, told *live.Error) wire.Exception {
	exception := exceptions[told.Kind]
	if op == nil {
		return exception
	}
	if named, ok := reasons[told.Reason]; ok && op.Models(named) {
		return named
	}
	for _, better := range instead[told.Kind] {
		if op.Models(better) {
			return better
		}
	}
	if modelled[exception.Name] && !op.Models(exception) {
		return realtime.ValidationException
	}
	return exception
}

// toFault says what a client gets for an error: kind and message of a live.Error, a wire.Fault as it is, and
// of everything else the request id. A refusal is said in the words of AWS, which some clients look for.
func (f *front) toFault(c *call, err error) (wire.Fault, time.Duration) {
	var fault wire.Fault
	if errors.As(err, &fault) {
		return fault, 0
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return wire.Fault{Exception: wire.ServiceUnavailable, Message: "The request took too long. Request id: " + c.id}, 0
	}
	var told *live.Error
	if !errors.As(err, &told) || told.Kind == live.Internal {
		return internalFault(c.id), 0
	}
	exception := exceptionOf(c.op, told)
	message := told.Message
	if told.Kind == live.Denied && c.op != nil {
		message = "User: " + f.user(c) + " is not authorized to perform: ivs:" + c.op.Name + ": " + message
	}
	return wire.Fault{Exception: exception, Message: message}, told.RetryAfter
}

func internalFault(requestID string) wire.Fault {
	return wire.Fault{
		Exception: realtime.InternalServerException,
		Message:   "An internal error occurred. Request id: " + requestID,
	}
}

func tooLarge(limit int64) error {
	return wire.Fault{
		Exception: wire.TooLarge,
		Message:   "The request body is longer than " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// readAll reads a body that size has limited. What the length says is made room for at once.
func readAll(r *http.Request) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 0)+bytes.MinRead))
	_, err := buf.ReadFrom(r.Body)
	body := buf.Bytes()
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &over):
		return nil, tooLarge(over.Limit)
	default:
		return nil, wire.Fault{Exception: wire.Serialization, Message: "The request body could not be read to its end."}
	}
}

// batchErrorTo tells what became of one of several in the words of an error.
func batchErrorTo(e control.BatchError) channel.BatchError {
	code, message := realtime.InternalServerException.Name, "An internal error occurred."
	var told *live.Error
	if errors.As(e.Err, &told) && told.Kind != live.Internal {
		code, message = exceptions[told.Kind].Name, told.Message
	}
	return channel.BatchError{ARN: new(e.ARN.String()), Code: &code, Message: &message}
}
