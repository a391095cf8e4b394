//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func manyTags(n int) live.Tags {
	tags := live.Tags{}
	for i := range n {
		tags[fmt.Sprint("k", i)] = "v"
	}
	return tags
}

func (h *house) tags(t *testing.T, arn live.ARN) live.Tags {
	t.Helper()
	tags, err := h.Tags.List(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	return tags
}

func TestTags_MergeAndGo(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		ctx, stage := t.Context(), h.stage(t).ARN
		if tags := h.tags(t, stage); tags == nil || len(tags) != 0 {
			t.Errorf("a new stage has %#v", tags)
		}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		do(h.Tags.Tag(ctx, stage, live.Tags{"a": "1", "b": "2", "A": ""}))
		do(h.Tags.Tag(ctx, stage, live.Tags{"b": "two", "c d": "été 日本"}))
		do(h.Tags.Untag(ctx, stage, []string{"a", "never there"}))
		want := live.Tags{"b": "two", "A": "", "c d": "été 日本"}
		if tags := h.tags(t, stage); !maps.Equal(tags, want) {
			t.Errorf("got %v, expected %v", tags, want)
		}
		if got, err := h.Stages.Get(ctx, stage); err != nil || !maps.Equal(got.Tags, want) {
			t.Errorf("the stage has %v, %v", got.Tags, err)
		}
	})
}

func TestTags_RefuseWhatTheRulesForbid(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	stage := h.stage(t).ARN
	for _, tags := range []live.Tags{
		{"": "x"},
		{strings.Repeat("k", 129): "x"},
		{"k": strings.Repeat("v", 257)},
		{"aws:k": "v"},
		{"AwS:k": "v"},
		{"k": "aws:v"},
		{"k": "AWS:v"},
		{"k!": "v"},
		{"k": "<v>"},
		{"k": "v\n"},
		{"k\x00": "v"},
		{"k": "\xff"},
		{"\xff": "v"},
	} {
		wantKind(t, fmt.Sprintf("tag %q", tags), h.Tags.Tag(t.Context(), stage, tags), live.Invalid)
	}
	for _, key := range []string{"", "aws:x", "a*", strings.Repeat("k", 129)} {
		wantKind(t, "untag "+key, h.Tags.Untag(t.Context(), stage, []string{key}), live.Invalid)
	}
	good := live.Tags{strings.Repeat("é", 128): strings.Repeat("日", 256), "laws: a_.:/=+-@": "saws:"}
	if err := h.Tags.Tag(t.Context(), stage, good); err != nil {
		t.Error(err)
	}
	if tags := h.tags(t, stage); !maps.Equal(tags, good) {
		t.Errorf("the stage has %v", tags)
	}
}

func TestTags_EndAtFifty(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	ctx, stage := t.Context(), h.stage(t).ARN
	if err := h.Tags.Tag(ctx, stage, manyTags(50)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "one more", h.Tags.Tag(ctx, stage, live.Tags{"k0": "new", "more": ""}), live.Invalid)
	if tags := h.tags(t, stage); tags["k0"] != "v" || len(tags) != 50 {
		t.Error("a refused call changed tags")
	}
	if err := h.Tags.Tag(ctx, stage, live.Tags{"k0": "new"}); err != nil {
		t.Errorf("overwriting one of fifty: %v", err)
	}
}

func TestTags_LoseNothingWhenSeveralTag(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t).ARN
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				if err := h.Tags.Tag(context.Background(), stage, live.Tags{fmt.Sprint(i): "x"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if tags := h.tags(t, stage); len(tags) != 40 {
			t.Errorf("%d of 40 tags are there", len(tags))
		}
	})
}

func TestTags_AreOnWhatExists(t *testing.T) {
	h := build(t, storetest.Open(t, storetest.SQLite(t)), control.Quotas{})
	for text, want := range map[string]live.Kind{
		"arn:aws:ivs:us-east-1:000000000000:stage/nothere00000":      live.NotFound,
		"arn:aws:ivs:us-east-1:000000000000:public-key/nothere00000": live.NotFound,
		"arn:aws:ivs:us-east-1:000000000000:cow/nothere00000":        live.Invalid,
		"arn:aws:ivs:us-east-1:000000000001:stage/nothere00000":      live.Denied,
		"arn:aws:ivs:eu-west-1:000000000000:stage/nothere00000":      live.NotFound,
	} {
		_, err := h.Tags.List(t.Context(), arn(text))
		wantKind(t, "list "+text, err, want)
		wantKind(t, "tag "+text, h.Tags.Tag(t.Context(), arn(text), live.Tags{"a": "b"}), want)
		wantKind(t, "untag "+text, h.Tags.Untag(t.Context(), arn(text), []string{"a"}), want)
	}
}
