// Package tracing follows calls and joins from their first byte to their last, in OpenTelemetry's words.
//
// A nil *Tracer is tracing that is off, and a nil *Span a span that nobody keeps: their methods do nothing and
// allocate nothing, so that callers ask nobody whether tracing is on. Nothing here starts a goroutine.
//
// Deliberately not here: where spans go (tracing/otlp), and what clients say of their own traces: a stranger
// must not decide what is recorded. Nothing secret belongs into an attribute; ids do.
package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Tracer starts spans. A nil *Tracer starts none. Its methods may be called at once.
type Tracer struct{ tracer trace.Tracer }

// New returns a Tracer whose spans go to the provider.
func New(p trace.TracerProvider) *Tracer {
	return &Tracer{tracer: p.Tracer("github.com/proscenium-live/proscenium")}
}

// Span is one stretch of work. A nil *Span is nobody's. Its methods may be called at once; after End they do nothing.
type Span struct {
	span   trace.Span
	tracer trace.Tracer
}

type key struct{}

// Start begins a span below that of ctx, or a trace of its own if ctx has none, and returns a ctx that holds it.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, name)
	s := &Span{span: span, tracer: t.tracer}
	return context.WithValue(ctx, key{}, s), s
}

// From returns the span of ctx, nil if it has none.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(key{}).(*Span)
	return s
}

// Child begins a span below this one.
func (s *Span) Child(name string) *Span {
	if s == nil {
		return nil
	}
	_, span := s.tracer.Start(trace.ContextWithSpan(context.Background(), s.span), name)
	return &Span{span: span, tracer: s.tracer}
}

// Past tells of something below this span that is over.
func (s *Span) Past(name string, from, to time.Time) {
	if s == nil {
		return
	}
	_, span := s.tracer.Start(trace.ContextWithSpan(context.Background(), s.span), name, trace.WithTimestamp(from))
	span.End(trace.WithTimestamp(to))
}

// Name gives the span another name.
func (s *Span) Name(name string) {
	if s != nil {
		s.span.SetName(name)
	}
}

// Set notes a text. It must not be a secret.
func (s *Span) Set(key, value string) {
	if s != nil && value != "" {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// SetInt notes a number.
func (s *Span) SetInt(key string, value int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int(key, value))
	}
}

// Fail says that it went wrong, in a word that is no secret, such as a reason's.
func (s *Span) Fail(reason string) {
	if s != nil {
		s.span.SetStatus(codes.Error, reason)
	}
}

// End ends the span; only the first end counts.
func (s *Span) End() {
	if s != nil {
		s.span.End()
	}
}

// EndAt ends the span at a moment that is over.
func (s *Span) EndAt(at time.Time) {
	if s != nil {
		s.span.End(trace.WithTimestamp(at))
	}
}
