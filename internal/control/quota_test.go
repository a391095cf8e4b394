//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"crypto/elliptic"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

func TestQuotas_AreThoseOfAWS(t *testing.T) {
	want := control.Quotas{
		Stages: 1000, PublicKeys: 3, EncoderConfigurations: 20, StorageConfigurations: 5, IngestConfigurations: 100,
		Compositions: 20, CompositionsPerStage: 5, ReplicationsPerParticipant: 5, Channels: 5000,
		TokensPerStage: 12, TagsPerResource: 50, BarredPerStage: 50_000,
	}
	if got := control.AWSQuotas(); got != want {
		t.Errorf("got %+v, expected %+v", got, want)
	}
	open := control.OpenQuotas()
	open.TokensPerStage, open.TagsPerResource, open.BarredPerStage = 0, 0, 0
	if open != (control.Quotas{}) {
		t.Errorf("open limits %+v", open)
	}
}

// Every count is taken up exactly, also by callers at once, and its refusal names limit, value and setting.
func TestQuotas_AreUsedUpExactly(t *testing.T) {
	const most = 3
	quotas := control.Quotas{
		Stages: most, PublicKeys: most, EncoderConfigurations: most, StorageConfigurations: most,
		IngestConfigurations: most, Compositions: most, Channels: most,
	}
	eachWithMedia(t, quotas, func(t *testing.T, h *house, _ *media) {
		s := h.studio(t)
		for _, c := range []struct {
			setting string
			have    int64
			create  func() error
		}{
			{"quotas.stages", 1, func() error {
				_, _, err := h.Stages.Create(context.Background(), control.CreateStage{})
				return err
			}},
			{"quotas.public_keys", 0, func() error {
				_, err := h.PublicKeys.Import(context.Background(), control.ImportPublicKey{Material: newMaterial(t, elliptic.P384())})
				return err
			}},
			{"quotas.encoder_configurations", 1, func() error {
				_, err := h.Encoders.Create(context.Background(), control.CreateEncoder{})
				return err
			}},
			{"quotas.storage_configurations", 1, func() error {
				_, err := h.Storages.Create(context.Background(), control.CreateStorage{Bucket: "bucket"})
				return err
			}},
			{"quotas.ingest_configurations", 0, func() error {
				_, err := h.Ingests.Create(context.Background(), control.CreateIngest{Protocol: live.IngestRTMPS})
				return err
			}},
			{"quotas.channels", 1, func() error {
				_, _, err := h.Channels.Create(context.Background(), control.CreateChannel{})
				return err
			}},
			{"quotas.compositions", 0, func() error {
				_, err := h.Compositions.Start(context.Background(), control.StartComposition{
					Stage: s.stage.ARN, Destinations: []control.Destination{s.toS3()},
				})
				return err
			}},
		} {
			var made atomic.Int64
			var all sync.WaitGroup
			made.Store(c.have)
			for range 8 {
				all.Go(func() {
					err := c.create()
					if err == nil {
						made.Add(1)
						return
					}
					wantKind(t, c.setting, err, live.Exhausted)
					if text := err.Error(); !strings.Contains(text, fmt.Sprint(most)) || !strings.Contains(text, c.setting) {
						t.Errorf("%s is refused with %q", c.setting, text)
					}
				})
			}
			all.Wait()
			if n := made.Load(); n != most {
				t.Errorf("%s: there are %d, expected %d", c.setting, n, most)
			}
		}
	})
}

func TestQuotas_CountCompositionsThatGoOn(t *testing.T) {
	eachWithMedia(t, control.Quotas{CompositionsPerStage: 2, Compositions: 3}, func(t *testing.T, h *house, _ *media) {
		s, other := h.studio(t), h.studio(t)
		start := func(s studio) (live.Composition, error) {
			return h.Compositions.Start(t.Context(), control.StartComposition{
				Stage: s.stage.ARN, Destinations: []control.Destination{s.toS3()},
			})
		}
		first, err := start(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := start(s); err != nil {
			t.Fatal(err)
		}
		_, err = start(s)
		wantKind(t, "the third of a stage", err, live.Exhausted)
		if err == nil || !strings.Contains(err.Error(), "quotas.compositions_per_stage") {
			t.Errorf("it says %v", err)
		}
		if _, err := start(other); err != nil {
			t.Error(err)
		}
		_, err = start(other)
		wantKind(t, "the fourth", err, live.Exhausted)
		if err := h.Compositions.Ended(t.Context(), first.ARN, live.CompositionStopped, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := start(s); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
	})
}
