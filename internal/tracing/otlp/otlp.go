// Package otlp sends spans to a collector by OTLP over HTTP.
//
// An Exporter has the goroutine of OpenTelemetry's batch processor, from Open to Close. Its queue is bounded: when
// the collector is slow or gone, spans are dropped, and nobody who makes them waits.
//
// Deliberately not here: what is traced (whoever calls tracing), and the environment variables of OpenTelemetry:
// the settings say it all.
package otlp

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Options say where spans go, and which.
type Options struct {
	Endpoint string  // http(s)://host:port of the collector; without a path, /v1/traces is asked
	Ratio    float64 // of traces that are recorded, 0..1
	Node     string  // service.instance.id
	Version  string  // service.version
	Log      *slog.Logger
}

// Exporter sends what its Tracer makes. Make it with Open.
type Exporter struct {
	provider *trace.TracerProvider
	tracer   *tracing.Tracer
}

// How patient the exporter is, and how much waits for a collector.
const (
	sendTimeout = 5 * time.Second
	batchEvery  = 2 * time.Second
	maxWaiting  = 4096 // spans
)

// Open returns an Exporter. It does not ask whether the collector is there: that may change at any time.
func Open(ctx context.Context, o Options) (*Exporter, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	endpoint, err := tracesURL(o.Endpoint)
	if err != nil {
		return nil, err
	}
	sender, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithTimeout(sendTimeout),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: 10 * time.Second, MaxElapsedTime: 30 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("open exporter of traces: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: o.Log})
	provider := trace.NewTracerProvider(
		trace.WithBatcher(sender, trace.WithMaxQueueSize(maxWaiting), trace.WithBatchTimeout(batchEvery),
			trace.WithExportTimeout(sendTimeout)),
		// Nobody else's word counts: there are no remote parents.
		trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(o.Ratio))),
		trace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "proscenium"),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Node),
		)),
	)
	return &Exporter{provider: provider, tracer: tracing.New(provider)}, nil
}

// complaints logs what OpenTelemetry says went wrong, of a run of failures the first and one a minute.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time
}

// Handle is otel.ErrorHandler's.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	now := time.Now()
	soon := now.Sub(c.last) < time.Minute
	if !soon {
		c.last = now
	}
	c.mu.Unlock()
	if !soon {
		c.log.Warn("traces not sent", "error", err)
	}
}

// tracesURL completes an endpoint as OTEL_EXPORTER_OTLP_ENDPOINT is completed.
func tracesURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("tracing endpoint %q is not a URL", endpoint)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Tracer returns what makes the spans.
func (e *Exporter) Tracer() *tracing.Tracer { return e.tracer }

// Flush sends what waits, or gives up when ctx ends.
func (e *Exporter) Flush(ctx context.Context) error { return e.provider.ForceFlush(ctx) }

// Close sends what waits and ends. What the collector does not take in a few seconds is lost.
func (e *Exporter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	if err := e.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send last traces: %w", err)
	}
	return nil
}
