//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

func (h *house) channel(t *testing.T) (live.Channel, live.StreamKey) {
	t.Helper()
	c, key, err := h.Channels.Create(t.Context(), control.CreateChannel{})
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestChannels_AreMadeWithTheirKey(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		c, key, err := h.Channels.Create(t.Context(), control.CreateChannel{Name: "n", Tags: live.Tags{"a": "b"}})
		if err != nil {
			t.Fatal(err)
		}
		want := live.DefaultChannel()
		want.Resource, want.IngestEndpoint = c.Resource, "localhost"
		want.PlaybackURL = "http://localhost/api/video/v1/us-east-1.000000000000.channel." + c.ARN.ID + ".m3u8"
		if !reflect.DeepEqual(c, want) || c.Name != "n" || c.Tags["a"] != "b" {
			t.Errorf("made\n%+v, expected\n%+v", c, want)
		}
		if !regexp.MustCompile(`^sk_us-east-1_[a-zA-Z0-9]{12}_[a-zA-Z0-9]{34}$`).MatchString(string(key.Value)) || key.Channel != c.ARN {
			t.Errorf("its key is %+v", key)
		}
		if got, err := h.Channels.Get(t.Context(), c.ARN); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err := h.StreamKeys.Get(t.Context(), key.ARN); err != nil || !reflect.DeepEqual(got, key) {
			t.Errorf("got %+v, %v", got, err)
		}
		keys, _, err := h.StreamKeys.List(t.Context(), c.ARN, control.Page{})
		if err != nil || len(keys) != 1 || keys[0].ARN != key.ARN {
			t.Errorf("listed %v, %v", keys, err)
		}
	})
}

func TestChannels_HaveOneKey(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		c, key := h.channel(t)
		_, err := h.StreamKeys.Create(t.Context(), c.ARN, nil)
		wantKind(t, "a second key", err, live.Exhausted)
		if err := h.StreamKeys.Delete(t.Context(), key.ARN); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			all.Go(func() { _, errs[i] = h.StreamKeys.Create(context.Background(), c.ARN, nil) })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else {
				wantKind(t, "another key", err, live.Exhausted)
			}
		}
		if made != 1 {
			t.Errorf("%d keys were made at once", made)
		}
		gone := arn("arn:aws:ivs:us-east-1:000000000000:channel/gone")
		_, err = h.StreamKeys.Create(t.Context(), gone, nil)
		wantKind(t, "a key of no channel", err, live.NotFound)
		_, _, err = h.StreamKeys.List(t.Context(), gone, control.Page{})
		wantKind(t, "keys of no channel", err, live.NotFound)
		keys, _, err := h.StreamKeys.List(t.Context(), c.ARN, control.Page{Max: 50})
		if err != nil || len(keys) != 1 {
			t.Fatalf("listed %v, %v", keys, err)
		}
		if err := h.Channels.Delete(t.Context(), c.ARN); err != nil {
			t.Fatal(err)
		}
		_, err = h.StreamKeys.Get(t.Context(), keys[0].ARN)
		wantKind(t, "the key of a deleted channel", err, live.NotFound)
		wantKind(t, "delete again", h.Channels.Delete(t.Context(), c.ARN), live.NotFound)
	})
}

func TestChannels_RefuseSettingsThatContradict(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		for name, c := range map[string]struct {
			r    control.CreateChannel
			want live.Kind
		}{
			"preset":                {control.CreateChannel{Preset: "CONSTRAINED_BANDWIDTH_DELIVERY"}, live.Invalid},
			"multitrack, BASIC":     {control.CreateChannel{Type: "BASIC", Container: "FRAGMENTED_MP4", Multitrack: &live.Multitrack{Enabled: true}}, live.Invalid},
			"multitrack, TS":        {control.CreateChannel{Multitrack: &live.Multitrack{Enabled: true}}, live.Invalid},
			"recording not there":   {control.CreateChannel{Recording: "arn:aws:ivs:us-east-1:000000000000:recording-configuration/gone"}, live.NotFound},
			"recording a stage":     {control.CreateChannel{Recording: "arn:aws:ivs:us-east-1:000000000000:stage/gone"}, live.Invalid},
			"recording no ARN":      {control.CreateChannel{Recording: "x"}, live.Invalid},
			"policy not there":      {control.CreateChannel{Policy: "arn:aws:ivs:us-east-1:000000000000:playback-restriction-policy/gone"}, live.NotFound},
			"policy of another":     {control.CreateChannel{Policy: "arn:aws:ivs:us-east-1:999999999999:playback-restriction-policy/gone"}, live.Denied},
			"advertising not there": {control.CreateChannel{Ads: "arn:aws:ivs:us-east-1:000000000000:ad-configuration/gone"}, live.NotFound},
			"name":                  {control.CreateChannel{Name: "a b"}, live.Invalid},
		} {
			_, _, err := h.Channels.Create(t.Context(), c.r)
			wantKind(t, name, err, c.want)
		}
		c, _, err := h.Channels.Create(t.Context(), control.CreateChannel{Type: "ADVANCED_HD"})
		if err != nil || c.Preset != "HIGHER_BANDWIDTH_DELIVERY" {
			t.Errorf("made %+v, %v", c, err)
		}
		c, err = h.Channels.Update(t.Context(), control.UpdateChannel{
			ARN: c.ARN, Type: new("STANDARD"), Container: new("FRAGMENTED_MP4"), Name: new("other"), Authorized: new(true),
			Insecure: new(true), Multitrack: &live.Multitrack{Enabled: true, Policy: "REQUIRE"},
		})
		if err != nil || c.Preset != "" || !c.Authorized || !c.Insecure || c.Name != "other" ||
			c.Multitrack != (live.Multitrack{Enabled: true, MaximumResolution: "FULL_HD", Policy: "REQUIRE"}) {
			t.Errorf("updated %+v, %v", c, err)
		}
		_, err = h.Channels.Update(t.Context(), control.UpdateChannel{ARN: c.ARN, Type: new("BASIC")})
		wantKind(t, "an update that contradicts what stays", err, live.Invalid)
		if got, err := h.Channels.Get(t.Context(), c.ARN); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("and yet: %+v, %v", got, err)
		}
	})
}

func TestChannels_AreListedByOneFilter(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		for i := range 5 {
			if _, _, err := h.Channels.Create(t.Context(), control.CreateChannel{Name: fmt.Sprint("n", i%2)}); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			f    control.ChannelFilter
			want int
		}{
			"all": {control.ChannelFilter{}, 5}, "name": {control.ChannelFilter{Name: "n0"}, 3},
			"part of a name": {control.ChannelFilter{Name: "n"}, 0}, "recording": {control.ChannelFilter{Recording: "arn:x"}, 0},
		} {
			list, _, err := h.Channels.List(t.Context(), c.f, control.Page{})
			if err != nil || len(list) != c.want {
				t.Errorf("%s: %d, %v", name, len(list), err)
			}
			for _, it := range list {
				if it.PlaybackURL == "" {
					t.Error("an address is missing")
				}
			}
		}
		_, _, err := h.Channels.List(t.Context(), control.ChannelFilter{Name: "n0", Ads: "arn:x"}, control.Page{})
		wantKind(t, "two filters", err, live.Conflict)
	})
}

func TestBatchGet_TellsEachApart(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		a, keyA := h.channel(t)
		b, keyB := h.channel(t)
		gone := arn("arn:aws:ivs:us-east-1:000000000000:channel/gone")
		theirs := a.ARN
		theirs.Account = "999999999999"
		found, failed, err := h.Channels.BatchGet(t.Context(), []live.ARN{b.ARN, gone, a.ARN, theirs})
		if err != nil || len(found) != 2 || found[0].ARN != b.ARN || found[1].ARN != a.ARN || len(failed) != 2 {
			t.Fatalf("found %v, failed %v, %v", found, failed, err)
		}
		wantKind(t, "gone", failed[0].Err, live.NotFound)
		wantKind(t, "theirs", failed[1].Err, live.Denied)
		keys, bad, err := h.StreamKeys.BatchGet(t.Context(), []live.ARN{keyA.ARN, a.ARN, keyB.ARN})
		if err != nil || len(keys) != 2 || keys[0].Value != keyA.Value || len(bad) != 1 || bad[0].ARN != a.ARN {
			t.Errorf("found %v, failed %v, %v", keys, bad, err)
		}
		for _, n := range []int{0, 51} {
			_, _, err := h.Channels.BatchGet(t.Context(), make([]live.ARN, n))
			wantKind(t, fmt.Sprint(n), err, live.Invalid)
		}
	})
}

func TestStreams_AreNotThereWhileNothingIsOn(t *testing.T) {
	h := houseOn(t)
	c, _ := h.channel(t)
	gone := arn("arn:aws:ivs:us-east-1:000000000000:channel/gone")
	for name, call := range map[string]func(live.ARN) error{
		"get":  func(a live.ARN) error { _, err := h.Streams.Get(t.Context(), a); return err },
		"stop": func(a live.ARN) error { return h.Streams.Stop(t.Context(), a) },
		"put":  func(a live.ARN) error { return h.Streams.PutMetadata(t.Context(), a, "x") },
	} {
		err := call(c.ARN)
		wantKind(t, name, err, live.NotFound)
		if live.ReasonOf(err) != live.ChannelNotBroadcasting {
			t.Errorf("%s: reason %q", name, live.ReasonOf(err))
		}
		err = call(gone)
		wantKind(t, name+" of no channel", err, live.NotFound)
		if live.ReasonOf(err) != "" {
			t.Errorf("%s of no channel: reason %q", name, live.ReasonOf(err))
		}
	}
	if list, next, err := h.Streams.List(t.Context(), "", control.Page{}); err != nil || len(list) != 0 || next != "" {
		t.Errorf("listed %v, %v", list, err)
	}
	for name, text := range map[string]string{"empty": "", "1,025 bytes": strings.Repeat("a", 1025), "not UTF-8": "\xff"} {
		wantKind(t, name, h.Streams.PutMetadata(t.Context(), c.ARN, text), live.Invalid)
	}
}

func TestChannels_StayAsTheyAreWhileLive(t *testing.T) {
	eachWithMedia(t, control.Quotas{}, func(t *testing.T, h *house, m *media) {
		var channels []live.Channel
		for i := range 3 {
			c, _ := h.channel(t)
			channels = append(channels, c)
			m.set(func() {
				m.streams = append([]live.Stream{{
					ID: fmt.Sprint("st-", i), Channel: c.ARN, State: "LIVE", Health: []string{"HEALTHY", "STARVING"}[i%2],
					StartedAt: h.clock.now().Add(time.Duration(i) * time.Second),
				}}, m.streams...)
			})
		}
		c := channels[0]
		wantKind(t, "delete", h.Channels.Delete(t.Context(), c.ARN), live.Conflict)
		_, err := h.Channels.Update(t.Context(), control.UpdateChannel{ARN: c.ARN, Name: new("x")})
		wantKind(t, "update", err, live.Conflict)
		if got, err := h.Streams.Get(t.Context(), c.ARN); err != nil || got.PlaybackURL != c.PlaybackURL || got.ID != "st-0" {
			t.Errorf("got %+v, %v", got, err)
		}
		if err := h.Streams.PutMetadata(t.Context(), c.ARN, "text"); err != nil || len(m.metadata) != 1 {
			t.Errorf("put %v, %v", m.metadata, err)
		}
		var seen []string
		for p := (control.Page{Max: 2}); ; {
			items, next, err := h.Streams.List(t.Context(), "", p)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range items {
				seen = append(seen, s.ID)
			}
			if p.Token = next; next == "" {
				break
			}
		}
		if got := strings.Join(seen, " "); got != "st-2 st-1 st-0" {
			t.Errorf("listed %s", got)
		}
		if list, _, err := h.Streams.List(t.Context(), "STARVING", control.Page{}); err != nil || len(list) != 1 || list[0].ID != "st-1" {
			t.Errorf("starving: %v, %v", list, err)
		}
		if err := errors.Join(h.Streams.Stop(t.Context(), c.ARN), h.Channels.Delete(t.Context(), c.ARN)); err != nil {
			t.Error(err)
		}
	})
}
