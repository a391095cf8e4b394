package tracing

import (
	"context"
	"testing"
	"time"
)

// call does what callers do with spans.
func call(ctx context.Context, t *Tracer) {
	ctx, span := t.Start(ctx, "CreateStage")
	defer span.End()
	span.Set("request_id", "id")
	span.SetInt("http.response.status_code", 200)
	child := From(ctx).Child("serve")
	child.Fail("no")
	child.EndAt(time.Time{})
	span.Past("before", time.Time{}, time.Time{})
	span.Name("other")
}

func TestTracer_CostsNothingWhenOff(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { call(ctx, nil) }); n != 0 {
		t.Errorf("%v allocations for spans that nobody keeps", n)
	}
}

func BenchmarkTracer_Off(b *testing.B) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		call(ctx, nil)
	}
}
