//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"maps"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestStages_KeepWhatTheyWereMadeWith(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		ctx := t.Context()
		tags := live.Tags{"team": "blue"}
		made, tokens, err := h.Stages.Create(ctx, control.CreateStage{Name: "first-1_A", Tags: tags})
		if err != nil || tokens != nil {
			t.Fatalf("got %v, %v", tokens, err)
		}
		tags["team"] = "changed by the caller"
		if made.ARN.String() != "arn:aws:ivs:us-east-1:000000000000:stage/"+string(made.ID) || len(made.ID) != 12 ||
			made.Endpoints.Events == "" || made.Tags["team"] != "blue" ||
			!reflect.DeepEqual(made.Recording, live.DefaultRecording()) {
			t.Errorf("made %+v", made)
		}
		got, err := h.Stages.Get(ctx, made.ARN)
		if err != nil || !reflect.DeepEqual(got, made) {
			t.Errorf("got\n%+v, %v, expected\n%+v", got, err, made)
		}
		name := "second"
		updated, err := h.Stages.Update(ctx, control.UpdateStage{ARN: made.ARN, Name: &name})
		if err != nil || updated.Name != name || !maps.Equal(updated.Tags, made.Tags) || updated.Endpoints != made.Endpoints {
			t.Errorf("updated %+v, %v", updated, err)
		}
		off := &live.Recording{SegmentTarget: 9 * time.Second}
		updated, err = h.Stages.Update(ctx, control.UpdateStage{ARN: made.ARN, Recording: off})
		if err != nil || updated.Name != name || !reflect.DeepEqual(updated.Recording, live.DefaultRecording()) {
			t.Errorf("switching recording off gave %+v, %v", updated, err)
		}
		if err := h.Stages.Delete(ctx, made.ARN); err != nil {
			t.Fatal(err)
		}
		_, err = h.Stages.Get(ctx, made.ARN)
		wantKind(t, "get a deleted stage", err, live.NotFound)
		_, err = h.Stages.Update(ctx, control.UpdateStage{ARN: made.ARN, Name: &name})
		wantKind(t, "update a deleted stage", err, live.NotFound)
		wantKind(t, "delete a deleted stage", h.Stages.Delete(ctx, made.ARN), live.NotFound)
	})
}

func TestStages_CreateRefusesAndThenMakesNothing(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	storage := func(arn string) *live.Recording { return &live.Recording{Storage: arn} }
	for name, c := range map[string]struct {
		r    control.CreateStage
		want live.Kind
	}{
		"long name":         {control.CreateStage{Name: strings.Repeat("a", 129)}, live.Invalid},
		"name with a space": {control.CreateStage{Name: "a b"}, live.Invalid},
		"name with NUL":     {control.CreateStage{Name: "a\x00"}, live.Invalid},
		"bad tag":           {control.CreateStage{Tags: live.Tags{"": "x"}}, live.Invalid},
		"51 tags":           {control.CreateStage{Tags: manyTags(51)}, live.Invalid},
		"13 tokens":         {control.CreateStage{Tokens: make([]control.TokenRequest, 13)}, live.Exhausted},
		"second token bad":  {control.CreateStage{Tokens: []control.TokenRequest{{}, {Duration: -1}}}, live.Invalid},
		"storage is no ARN": {control.CreateStage{Recording: storage("x")}, live.Invalid},
		"storage is a stage": {
			control.CreateStage{Recording: storage("arn:aws:ivs:us-east-1:000000000000:stage/a")}, live.Invalid,
		},
		"storage is not there": {
			control.CreateStage{Recording: storage("arn:aws:ivs:us-east-1:000000000000:storage-configuration/a")}, live.Invalid,
		},
		"storage of another account": {
			control.CreateStage{Recording: storage("arn:aws:ivs:us-east-1:000000000001:storage-configuration/a")}, live.Denied,
		},
	} {
		_, _, err := h.Stages.Create(t.Context(), c.r)
		wantKind(t, name, err, c.want)
	}
	if all, _, err := h.Stages.List(t.Context(), control.Page{}); err != nil || len(all) != 0 {
		t.Errorf("there are %d stages, %v", len(all), err)
	}
}

func TestStages_UpdateRefusesAndThenChangesNothing(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	stage := h.stage(t)
	bad, good := "a b", "good"
	_, err := h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Name: &bad})
	wantKind(t, "bad name", err, live.Invalid)
	none := &live.Recording{Storage: "arn:aws:ivs:us-east-1:000000000000:storage-configuration/a"}
	_, err = h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Name: &good, Recording: none})
	wantKind(t, "storage that is not there", err, live.NotFound)
	if got, err := h.Stages.Get(t.Context(), stage.ARN); err != nil || got.Name != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStages_CreateIssuesTokensInOrder(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	want := []string{"ann", "bob", "", "dan"}
	var asked []control.TokenRequest
	for _, id := range want {
		asked = append(asked, control.TokenRequest{UserID: id})
	}
	stage, tokens, err := h.Stages.Create(t.Context(), control.CreateStage{Tokens: asked})
	if err != nil || len(tokens) != len(want) {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	seen := map[live.ParticipantID]bool{}
	for i, issued := range tokens {
		c, err := h.Verifier().Verify(string(issued.Token), h.clock.now())
		if err != nil || c.UserID != want[i] || c.Stage != stage.ARN || seen[c.Participant] {
			t.Errorf("token %d says %+v, %v", i, c, err)
		}
		seen[c.Participant] = true
	}
}

func TestStages_QuotaIsNeverExceeded(t *testing.T) {
	const limit, calls = 20, 1000
	each(t, control.Quotas{Stages: limit}, func(t *testing.T, h *house) {
		var made atomic.Int32
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				_, _, err := h.Stages.Create(context.Background(), control.CreateStage{})
				if err == nil {
					made.Add(1)
					return
				}
				if live.KindOf(err) != live.Exhausted || !strings.Contains(err.Error(), "20 stages") ||
					!strings.Contains(err.Error(), "quotas.stages") {
					t.Errorf("refused with %v", err)
				}
			})
		}
		all.Wait()
		list, _, err := h.Stages.List(t.Context(), control.Page{Max: 100})
		if err != nil || len(list) != limit || made.Load() != limit {
			t.Fatalf("%d were made, %d are there, %v", made.Load(), len(list), err)
		}
		if err := h.Stages.Delete(t.Context(), list[0].ARN); err != nil {
			t.Fatal(err)
		}
		h.stage(t) // its place is free again
	})
}

func TestQuotas_HaveTheDefaultsOfTheirProfile(t *testing.T) {
	if q := control.AWSQuotas(); q.Stages != 1000 || q.TokensPerStage != 12 || q.TagsPerResource != 50 {
		t.Errorf("aws: %+v", q)
	}
	if q := control.OpenQuotas(); q.Stages != 0 || q.TokensPerStage != 12 || q.TagsPerResource != 50 {
		t.Errorf("open: %+v", q)
	}
}
