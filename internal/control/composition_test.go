//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

// media is a compositor, a replicator and what channels play, in one.
type media struct {
	mu       sync.Mutex
	started  []live.ARN
	stopped  []live.ARN
	shown    []live.Replication
	unshown  []live.Replication
	streams  []live.Stream
	metadata []string
	refuse   error
	ended    bool // what is shown ends at once
}

func (m *media) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *media) Start(_ context.Context, c live.Composition) error {
	m.set(func() { m.started = append(m.started, c.ARN) })
	return m.refuse
}

func (m *media) Stop(_ context.Context, c live.Composition) error {
	m.set(func() { m.stopped = append(m.stopped, c.ARN) })
	return nil
}

// showing is the media's part as a replicator, playing its part as what channels play.
type (
	showing struct{ *media }
	playing struct{ *media }
)

func (m showing) Start(_ context.Context, r live.Replication) (live.SessionID, error) {
	m.set(func() { m.shown = append(m.shown, r) })
	return "st-destination00", m.refuse
}

func (m showing) Stop(_ context.Context, r live.Replication) error {
	m.set(func() { m.unshown = append(m.unshown, r) })
	return nil
}

func (m showing) Goes(context.Context, live.Replication) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.ended, nil
}

func (m playing) Streams(context.Context) ([]live.Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.streams, nil
}

func (m playing) Stop(context.Context, live.ARN) error {
	m.set(func() { m.streams = nil })
	return nil
}

func (m playing) PutMetadata(_ context.Context, _ live.ARN, text string) error {
	m.set(func() { m.metadata = append(m.metadata, text) })
	return nil
}

// eachWithMedia runs the test with a control plane that has somebody to hand media work to.
func eachWithMedia(t *testing.T, quotas control.Quotas, test func(*testing.T, *house, *media)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, o store.Options) {
		h, m := build(t, storetest.Open(t, o), quotas), &media{}
		h.restart(t, func(o *control.Options) {
			o.Quotas, o.Compositor, o.Replicator, o.Broadcasts = quotas, m, showing{m}, playing{m}
		})
		test(t, h, m)
	})
}

// studio is a stage with all that a composition of it can name.
type studio struct {
	stage   live.Stage
	encoder live.Encoder
	storage live.Storage
	channel live.Channel
}

func (h *house) studio(t *testing.T) studio {
	t.Helper()
	channel, _, err := h.Channels.Create(t.Context(), control.CreateChannel{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	return studio{h.stage(t), h.encoder(t), h.storage(t), channel}
}

func (s studio) toS3() control.Destination {
	return control.Destination{S3: &live.S3Output{Storage: s.storage.ARN, Encoders: []live.ARN{s.encoder.ARN}}}
}

func (s studio) toChannel() control.Destination {
	return control.Destination{Name: "to", Channel: &live.ChannelOutput{Channel: s.channel.ARN}}
}

func (s studio) both() control.StartComposition {
	return control.StartComposition{
		Stage: s.stage.ARN, Destinations: []control.Destination{s.toChannel(), s.toS3()}, Tags: live.Tags{"a": "b"},
	}
}

func TestCompositions_AreEchoedInFull(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		s := h.studio(t)
		c, err := h.Compositions.Start(t.Context(), s.both())
		if err != nil {
			t.Fatal(err)
		}
		grid := live.DefaultGrid()
		if c.State != live.CompositionStarting || c.StartedAt.IsZero() || !c.EndedAt.IsZero() || len(c.ARN.ID) != 12 ||
			!reflect.DeepEqual(c.Layout, live.Layout{Grid: &grid}) || c.Tags["a"] != "b" {
			t.Errorf("started %+v", c)
		}
		channel, s3 := c.Destinations[0], c.Destinations[1]
		if channel.Name != "to" || len(channel.ID) != 12 || channel.State != live.CompositionStarting ||
			!channel.StartedAt.IsZero() || channel.RecordingPrefix != "" {
			t.Errorf("channel %+v", channel)
		}
		if want := s.stage.ARN.ID + "/" + c.ARN.ID + "/" + s3.ID + "/composite"; s3.RecordingPrefix != want {
			t.Errorf("prefix %s, expected %s", s3.RecordingPrefix, want)
		}
		if s3.S3.Format != "HLS" || s3.S3.SegmentTarget != 2*time.Second || s3.S3.Thumbnails != nil {
			t.Errorf("s3 %+v", s3.S3)
		}
		if got, err := h.Compositions.Get(t.Context(), c.ARN); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("got\n%+v, %v, expected\n%+v", got, err, c)
		}
		if len(m.started) != 1 || m.started[0] != c.ARN {
			t.Errorf("handed over %v", m.started)
		}
		with := s.toS3()
		with.S3.Thumbnails = []live.Thumbnails{{}}
		pip := live.DefaultPiP()
		c, err = h.Compositions.Start(t.Context(), control.StartComposition{
			Stage: s.stage.ARN, Destinations: []control.Destination{with}, Layout: live.Layout{PiP: &pip},
		})
		if err != nil || c.Layout.Grid != nil || *c.Layout.PiP != pip ||
			!reflect.DeepEqual(c.Destinations[0].S3.Thumbnails, []live.Thumbnails{{Every: time.Minute, Store: []string{"SEQUENTIAL"}}}) {
			t.Errorf("with thumbnails: %+v, %v", c, err)
		}
	})
}

// Nobody composes yet: a composition says so, instead of looking alive.
func TestCompositions_FailHonestlyWithoutACompositor(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		s := h.studio(t)
		c, err := h.Compositions.Start(t.Context(), s.both())
		if err != nil || c.State != live.CompositionStarting {
			t.Fatalf("started %+v, %v", c, err)
		}
		got, err := h.Compositions.Get(t.Context(), c.ARN)
		if err != nil || got.State != live.CompositionFailed || !strings.Contains(got.Reason, "no compositor") ||
			!got.EndedAt.Equal(h.clock.now().Truncate(time.Microsecond)) {
			t.Errorf("got %+v, %v", got, err)
		}
		for _, d := range got.Destinations {
			if d.State != live.CompositionFailed || !d.StartedAt.IsZero() {
				t.Errorf("destination %+v", d)
			}
		}
		if err := h.Compositions.Stop(t.Context(), c.ARN); err != nil {
			t.Errorf("stop of what has failed: %v", err)
		}
		// What it used is free at once.
		if err := errors.Join(h.Encoders.Delete(t.Context(), s.encoder.ARN), h.Storages.Delete(t.Context(), s.storage.ARN)); err != nil {
			t.Error(err)
		}
		h.clock.move(5*time.Minute - time.Microsecond)
		if _, err := h.Compositions.Get(t.Context(), c.ARN); err != nil {
			t.Errorf("just before five minutes: %v", err)
		}
		if _, err := h.Tags.List(t.Context(), c.ARN); err != nil {
			t.Errorf("its tags: %v", err)
		}
		h.clock.move(time.Microsecond)
		_, err = h.Compositions.Get(t.Context(), c.ARN)
		wantKind(t, "get after five minutes", err, live.NotFound)
		wantKind(t, "stop after five minutes", h.Compositions.Stop(t.Context(), c.ARN), live.NotFound)
		_, err = h.Tags.List(t.Context(), c.ARN)
		wantKind(t, "tags after five minutes", err, live.NotFound)
		wantKind(t, "tag after five minutes", h.Tags.Tag(t.Context(), c.ARN, live.Tags{"a": "b"}), live.NotFound)
		if list, _, err := h.Compositions.List(t.Context(), control.CompositionFilter{}, control.Page{}); err != nil || len(list) != 0 {
			t.Errorf("listed %v, %v", list, err)
		}
	})
}

func TestCompositions_RefuseWhatCannotBe(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		s := h.studio(t)
		gone := func(kind live.ResourceType) live.ARN {
			return live.Home{Region: region, Account: account}.ARN(kind, "gone")
		}
		one := func(d control.Destination) func(*control.StartComposition) {
			return func(r *control.StartComposition) { r.Destinations = []control.Destination{d} }
		}
		s3 := func(change func(*live.S3Output)) func(*control.StartComposition) {
			d := s.toS3()
			change(d.S3)
			return one(d)
		}
		channel := func(change func(*live.ChannelOutput)) func(*control.StartComposition) {
			d := s.toChannel()
			change(d.Channel)
			return one(d)
		}
		theirs := func(a live.ARN) live.ARN { a.Account = "999999999999"; return a }
		far := func(a live.ARN) live.ARN { a.Region = "eu-west-1"; return a }
		grid, pip := live.DefaultGrid(), live.DefaultPiP()
		for name, c := range map[string]struct {
			change func(*control.StartComposition)
			want   live.Kind
		}{
			"no destination":      {func(r *control.StartComposition) { r.Destinations = nil }, live.Invalid},
			"three":               {func(r *control.StartComposition) { r.Destinations = append(r.Destinations, s.toS3()) }, live.Invalid},
			"two channels":        {func(r *control.StartComposition) { r.Destinations[1] = s.toChannel() }, live.Invalid},
			"two buckets":         {func(r *control.StartComposition) { r.Destinations[0] = s.toS3() }, live.Invalid},
			"neither":             {one(control.Destination{}), live.Invalid},
			"both in one":         {one(control.Destination{Channel: s.toChannel().Channel, S3: s.toS3().S3}), live.Invalid},
			"destination's name":  {one(control.Destination{Name: "a b", S3: s.toS3().S3}), live.Invalid},
			"no encoder":          {s3(func(o *live.S3Output) { o.Encoders = nil }), live.Invalid},
			"two encoders":        {s3(func(o *live.S3Output) { o.Encoders = append(o.Encoders, o.Encoders[0]) }), live.Invalid},
			"encoder gone":        {s3(func(o *live.S3Output) { o.Encoders[0] = gone(live.TypeEncoderConfiguration) }), live.NotFound},
			"storage gone":        {s3(func(o *live.S3Output) { o.Storage = gone(live.TypeStorageConfiguration) }), live.NotFound},
			"storage a channel":   {s3(func(o *live.S3Output) { o.Storage = s.channel.ARN }), live.Invalid},
			"storage theirs":      {s3(func(o *live.S3Output) { o.Storage = theirs(o.Storage) }), live.Denied},
			"storage far":         {s3(func(o *live.S3Output) { o.Storage = far(o.Storage) }), live.NotFound},
			"segment":             {s3(func(o *live.S3Output) { o.SegmentTarget = 11 * time.Second }), live.Invalid},
			"two thumbnails":      {s3(func(o *live.S3Output) { o.Thumbnails = make([]live.Thumbnails, 2) }), live.Invalid},
			"thumbnail":           {s3(func(o *live.S3Output) { o.Thumbnails = []live.Thumbnails{{Every: 25 * time.Hour}} }), live.Invalid},
			"channel gone":        {channel(func(o *live.ChannelOutput) { o.Channel = gone(live.TypeChannel) }), live.NotFound},
			"channel's encoder":   {channel(func(o *live.ChannelOutput) { o.Encoder = gone(live.TypeEncoderConfiguration) }), live.NotFound},
			"channel a stage":     {channel(func(o *live.ChannelOutput) { o.Channel = s.stage.ARN }), live.Invalid},
			"stage gone":          {func(r *control.StartComposition) { r.Stage = gone(live.TypeStage) }, live.NotFound},
			"stage theirs":        {func(r *control.StartComposition) { r.Stage = theirs(r.Stage) }, live.Denied},
			"both layouts":        {func(r *control.StartComposition) { r.Layout = live.Layout{Grid: &grid, PiP: &pip} }, live.Invalid},
			"grid gap":            {func(r *control.StartComposition) { r.Layout.Grid = &live.Grid{Gap: -1} }, live.Invalid},
			"attribute":           {func(r *control.StartComposition) { r.Layout.Grid = &live.Grid{OrderAttribute: "a b"} }, live.Invalid},
			"pip offset":          {func(r *control.StartComposition) { r.Layout.PiP = &live.PiP{Offset: -1} }, live.Invalid},
			"token of 65":         {func(r *control.StartComposition) { r.Idempotency = strings.Repeat("a", 65) }, live.Invalid},
			"token with a space":  {func(r *control.StartComposition) { r.Idempotency = "a b" }, live.Invalid},
			"tags beyond reserve": {func(r *control.StartComposition) { r.Tags = live.Tags{"aws:a": ""} }, live.Invalid},
		} {
			r := s.both()
			c.change(&r)
			_, err := h.Compositions.Start(t.Context(), r)
			wantKind(t, name, err, c.want)
		}
		if list, _, err := h.Compositions.List(t.Context(), control.CompositionFilter{}, control.Page{}); err != nil || len(list) != 0 {
			t.Errorf("and yet there are %v, %v", list, err)
		}
	})
}

func TestCompositions_HoldWhatTheyUse(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		s := h.studio(t)
		r := s.both()
		r.Destinations[0].Channel.Encoder = s.encoder.ARN // shared by both destinations
		c, err := h.Compositions.Start(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, "delete the encoder", h.Encoders.Delete(t.Context(), s.encoder.ARN), live.Conflict)
		wantKind(t, "delete the storage", h.Storages.Delete(t.Context(), s.storage.ARN), live.Conflict)
		for range 2 {
			if err := h.Compositions.Stop(t.Context(), c.ARN); err != nil {
				t.Fatal(err)
			}
		}
		got, err := h.Compositions.Get(t.Context(), c.ARN)
		if err != nil || got.State != live.CompositionStopping || got.Destinations[0].State != live.CompositionStopping || len(m.stopped) == 0 {
			t.Errorf("stopping: %+v, %v, told %v", got, err, m.stopped)
		}
		wantKind(t, "delete while stopping", h.Encoders.Delete(t.Context(), s.encoder.ARN), live.Conflict)
		for _, state := range []live.CompositionState{live.CompositionStopped, live.CompositionFailed} { // the first counts
			if err := h.Compositions.Ended(t.Context(), c.ARN, state, ""); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := h.Compositions.Get(t.Context(), c.ARN); err != nil || got.State != live.CompositionStopped {
			t.Errorf("stopped: %+v, %v", got, err)
		}
		if err := errors.Join(h.Encoders.Delete(t.Context(), s.encoder.ARN), h.Storages.Delete(t.Context(), s.storage.ARN)); err != nil {
			t.Error(err)
		}
	})
}

func TestCompositions_AreStartedOncePerToken(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		s := h.studio(t)
		r := s.both()
		r.Idempotency = "token-1"
		var all sync.WaitGroup
		made := make([]live.Composition, 6)
		for i := range made {
			all.Go(func() {
				var err error
				if made[i], err = h.Compositions.Start(context.Background(), r); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, c := range made {
			if c.ARN != made[0].ARN {
				t.Errorf("made %s and %s", made[0].ARN, c.ARN)
			}
		}
		if len(m.started) != 1 {
			t.Errorf("handed over %v", m.started)
		}
		m.set(func() { m.streams = []live.Stream{{ID: "st", Channel: s.channel.ARN}} }) // by itself
		if again, err := h.Compositions.Start(t.Context(), r); err != nil || again.ARN != made[0].ARN {
			t.Errorf("again, live: %v, %v", again.ARN, err)
		}
		m.set(func() { m.streams = nil })
		other := r
		other.Tags = nil
		_, err := h.Compositions.Start(t.Context(), other)
		wantKind(t, "other parameters", err, live.Conflict)

		if err := h.Compositions.Ended(t.Context(), made[0].ARN, live.CompositionStopped, ""); err != nil {
			t.Fatal(err)
		}
		h.clock.move(23 * time.Hour)
		again, err := h.Compositions.Start(t.Context(), r)
		if err != nil || again.ARN != made[0].ARN || again.State != live.CompositionStopped {
			t.Errorf("within a day: %+v, %v", again, err)
		}
		r.Idempotency = ""
		for range 2 {
			if c, err := h.Compositions.Start(t.Context(), r); err != nil || c.ARN == made[0].ARN {
				t.Errorf("without a token: %v, %v", c.ARN, err)
			}
		}
	})
}

func TestCompositions_GoToChannelsThatAreOffline(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		s := h.studio(t)
		m.set(func() { m.streams = []live.Stream{{ID: "st", Channel: s.channel.ARN}} })
		_, err := h.Compositions.Start(t.Context(), s.both())
		wantKind(t, "a live channel", err, live.Conflict)
	})
}

func TestCompositions_AreListedByAllFiltersTogether(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, _ *media) {
		a, b := h.studio(t), h.studio(t)
		for _, r := range []control.StartComposition{
			{Stage: a.stage.ARN, Destinations: []control.Destination{a.toS3()}},
			{Stage: a.stage.ARN, Destinations: []control.Destination{b.toS3()}},
			{Stage: b.stage.ARN, Destinations: []control.Destination{b.toChannel()}},
		} {
			if _, err := h.Compositions.Start(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			f    control.CompositionFilter
			want int
		}{
			"all": {control.CompositionFilter{}, 3}, "stage": {control.CompositionFilter{Stage: a.stage.ARN}, 2},
			"encoder": {control.CompositionFilter{Encoder: b.encoder.ARN}, 1},
			"both":    {control.CompositionFilter{Stage: a.stage.ARN, Encoder: b.encoder.ARN}, 1},
			"none":    {control.CompositionFilter{Stage: b.stage.ARN, Encoder: b.encoder.ARN}, 0},
		} {
			list, _, err := h.Compositions.List(t.Context(), c.f, control.Page{})
			if err != nil || len(list) != c.want {
				t.Errorf("%s: %d, %v, expected %d", name, len(list), err, c.want)
			}
		}
		_, _, err := h.Compositions.List(t.Context(), control.CompositionFilter{Stage: a.encoder.ARN}, control.Page{})
		wantKind(t, "an encoder as stage", err, live.Invalid)
	})
}

func TestCompositions_EndWithTheirStage(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		s := h.studio(t)
		c, err := h.Compositions.Start(t.Context(), s.both())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Stages.Delete(t.Context(), s.stage.ARN); err != nil {
			t.Fatal(err)
		}
		if got, err := h.Compositions.Get(t.Context(), c.ARN); err != nil || got.State != live.CompositionStopping || len(m.stopped) != 1 {
			t.Errorf("got %+v, %v, told %v", got, err, m.stopped)
		}
	})
}

func TestCompositions_OfALifeBeforeHaveFailed(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, _ *media) {
		s := h.studio(t)
		c, err := h.Compositions.Start(t.Context(), s.both())
		if err != nil {
			t.Fatal(err)
		}
		h.restart(t, nil)
		if got, err := h.Compositions.Get(t.Context(), c.ARN); err != nil || got.State != live.CompositionFailed || got.Reason == "" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
