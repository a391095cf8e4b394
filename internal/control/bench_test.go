package control_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

// benchEach runs a benchmark on each database. Figures of PostgreSQL are without fsync: storetest's server is for
// tests.
func benchEach(b *testing.B, run func(*testing.B, *house, live.Stage)) {
	b.Helper()
	for name, options := range map[string]func(testing.TB) store.Options{
		"sqlite": storetest.SQLite, "postgres": storetest.Postgres,
	} {
		b.Run(name, func(b *testing.B) {
			h := build(b, storetest.Open(b, options(b)), control.Quotas{})
			stage, _, err := h.Stages.Create(context.Background(), control.CreateStage{Name: "bench"})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			run(b, h, stage)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkCreateStage makes stages from 64 callers at once, each durable before its call returns.
func BenchmarkCreateStage(b *testing.B) {
	benchEach(b, func(b *testing.B, h *house, _ live.Stage) {
		b.Helper()
		b.SetParallelism(32)
		var mu sync.Mutex
		var took []time.Duration
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			var own []time.Duration
			for pb.Next() {
				began := time.Now()
				if _, _, err := h.Stages.Create(context.Background(), control.CreateStage{Name: "a"}); err != nil {
					b.Error(err)
					return
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	})
}

// BenchmarkCreateStageAlone makes stages one after another: what one commit costs.
func BenchmarkCreateStageAlone(b *testing.B) {
	benchEach(b, func(b *testing.B, h *house, _ live.Stage) {
		b.Helper()
		for b.Loop() {
			if _, _, err := h.Stages.Create(context.Background(), control.CreateStage{Name: "a"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGetStage(b *testing.B) {
	benchEach(b, func(b *testing.B, h *house, stage live.Stage) {
		b.Helper()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Stages.Get(context.Background(), stage.ARN); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkCreateParticipantToken signs a token per call and writes nothing.
func BenchmarkCreateParticipantToken(b *testing.B) {
	benchEach(b, func(b *testing.B, h *house, stage live.Stage) {
		b.Helper()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Tokens.Create(context.Background(), stage.ARN, control.TokenRequest{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
