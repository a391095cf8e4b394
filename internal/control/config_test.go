//nolint:thelper // what each runs are tests themselves: a failure should point into them
package control_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/proscenium-live/proscenium/internal/blob/dir"
	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

// somewhere is a place for recordings that takes any bucket.
type somewhere struct{}

func (somewhere) Check(context.Context, string) error { return nil }

func newMaterial(t testing.TB, curve elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (h *house) encoder(t *testing.T) live.Encoder {
	t.Helper()
	e, err := h.Encoders.Create(t.Context(), control.CreateEncoder{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (h *house) storage(t *testing.T) live.Storage {
	t.Helper()
	s, err := h.Storages.Create(t.Context(), control.CreateStorage{Bucket: "a-bucket"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublicKeys_AreImportedOnce(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		material := newMaterial(t, elliptic.P384())
		key, err := h.PublicKeys.Import(t.Context(), control.ImportPublicKey{
			Material: material, Name: "mine", Tags: live.Tags{"a": "b"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if key.Material != material || len(key.Fingerprint) != 47 || key.ARN.Type != live.TypePublicKey ||
			len(key.ARN.ID) != 12 || key.Name != "mine" || key.Tags["a"] != "b" {
			t.Errorf("imported %+v", key)
		}
		if got, err := h.PublicKeys.Get(t.Context(), key.ARN); err != nil || !reflect.DeepEqual(got, key) {
			t.Errorf("got %+v, %v", got, err)
		}
		crlf := strings.ReplaceAll(material, "\n", "\r\n")
		_, err = h.PublicKeys.Import(t.Context(), control.ImportPublicKey{Material: crlf})
		wantKind(t, "the same with other line breaks", err, live.Conflict)
		_, err = h.PublicKeys.Import(t.Context(), control.ImportPublicKey{Material: newMaterial(t, elliptic.P256())})
		wantKind(t, "a P-256 key", err, live.Invalid)
		if err := h.PublicKeys.Delete(t.Context(), key.ARN); err != nil {
			t.Fatal(err)
		}
		_, err = h.PublicKeys.Get(t.Context(), key.ARN)
		wantKind(t, "get after delete", err, live.NotFound)
		wantKind(t, "delete again", h.PublicKeys.Delete(t.Context(), key.ARN), live.NotFound)
		if _, err := h.PublicKeys.Import(t.Context(), control.ImportPublicKey{Material: material}); err != nil {
			t.Errorf("after the delete: %v", err)
		}
	})
}

func TestPublicKeys_ImportedAtOnceAreOne(t *testing.T) {
	each(t, control.AWSQuotas(), func(t *testing.T, h *house) {
		material := newMaterial(t, elliptic.P384())
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() {
				_, errs[i] = h.PublicKeys.Import(context.Background(), control.ImportPublicKey{Material: material})
			})
		}
		all.Wait()
		taken := 0
		for _, err := range errs {
			if err == nil {
				taken++
			} else {
				wantKind(t, "import", err, live.Conflict)
			}
		}
		if taken != 1 {
			t.Errorf("%d imports were taken", taken)
		}
	})
}

func TestPublicKeys_ReachHostsAndAreTakenBack(t *testing.T) {
	h := houseOn(t)
	forgotten := make(chan live.ARN, 1)
	subscribe(t, h.bus, bus.ForgetKey, func(_ context.Context, f live.ForgetKey) (struct{}, error) {
		forgotten <- f.Key
		return struct{}{}, nil
	})
	key, err := h.PublicKeys.Import(t.Context(), control.ImportPublicKey{Material: newMaterial(t, elliptic.P384())})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(arn live.ARN) string {
		a, err := bus.Ask[live.KeyAnswer](t.Context(), h.bus, bus.AskKey, live.AskKey{Key: arn})
		if err != nil {
			t.Fatal(err)
		}
		return a.Material
	}
	if ask(key.ARN) != key.Material {
		t.Error("the host gets another key")
	}
	// Security row 47: a key of another account or region is none.
	foreign := key.ARN
	foreign.Account = "999999999999"
	far := key.ARN
	far.Region = "eu-west-1"
	for _, arn := range []live.ARN{foreign, far, h.stage(t).ARN, {}} {
		if ask(arn) != "" {
			t.Errorf("there is a key %s", arn)
		}
	}
	if err := h.PublicKeys.Delete(t.Context(), key.ARN); err != nil {
		t.Fatal(err)
	}
	if got := <-forgotten; got != key.ARN {
		t.Errorf("hosts forget %s", got)
	}
	if ask(key.ARN) != "" {
		t.Error("the host still gets the key")
	}
}

func TestEncoders_FillInWhatIsNotGiven(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		for _, c := range []struct{ given, want live.Video }{
			{live.Video{}, live.Video{Width: 1280, Height: 720, Framerate: 30, Bitrate: 2_500_000}},
			{live.Video{Width: 640, Height: 360}, live.Video{Width: 640, Height: 360, Framerate: 30, Bitrate: 2_500_000}},
			{live.Video{Framerate: 29.97}, live.Video{Width: 1280, Height: 720, Framerate: 29.97, Bitrate: 2_500_000}},
			{live.Video{Width: 1080, Height: 1920}, live.Video{Width: 1080, Height: 1920, Framerate: 30, Bitrate: 2_500_000}},
			{live.Video{Width: 2, Height: 2, Bitrate: 1}, live.Video{Width: 2, Height: 2, Framerate: 30, Bitrate: 1}},
		} {
			e, err := h.Encoders.Create(t.Context(), control.CreateEncoder{Video: c.given})
			if err != nil || e.Video != c.want {
				t.Errorf("%+v gave %+v, %v", c.given, e.Video, err)
				continue
			}
			if got, err := h.Encoders.Get(t.Context(), e.ARN); err != nil || !reflect.DeepEqual(got, e) {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		for name, bad := range map[string]live.Video{
			"odd width": {Width: 1279}, "odd height": {Height: 721}, "too wide": {Width: 1922}, "negative": {Width: -2},
			"too many pixels": {Width: 1920, Height: 1082}, "square of edges": {Width: 1920, Height: 1920},
			"slow": {Framerate: 0.5}, "fast": {Framerate: 60.1}, "bitrate": {Bitrate: 8_500_001},
		} {
			_, err := h.Encoders.Create(t.Context(), control.CreateEncoder{Video: bad})
			wantKind(t, name, err, live.Invalid)
		}
	})
}

func TestStorages_NeedABucketThatCanBeWrittenTo(t *testing.T) {
	h := houseOn(t)
	root := filepath.Join(t.TempDir(), "buckets")
	for name, c := range map[string]struct {
		buckets control.Buckets
		bucket  string
		want    live.Kind
		say     string
	}{
		"made":           {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "fresh", 0, ""},
		"made before":    {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "fresh", 0, ""},
		"not made":       {control.Places{Opener: dir.Folders{Root: root}}, "missing", live.NotFound, "storage.create_folders"},
		"a file":         {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "file", live.Invalid, "cannot be written"},
		"out of it":      {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "link", live.Invalid, "cannot be written"},
		"climbing":       {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "a..b", live.Invalid, "dots"},
		"dots":           {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "...", live.Invalid, "begin"},
		"a path":         {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "a/b", live.Invalid, "holds"},
		"NUL":            {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "a\x00b", live.Invalid, "holds"},
		"capitals":       {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "Bucket", live.Invalid, "holds"},
		"short":          {control.Places{Opener: dir.Folders{Root: root, Create: true}}, "ab", live.Invalid, "3 to 63"},
		"long":           {control.Places{Opener: dir.Folders{Root: root, Create: true}}, strings.Repeat("a", 64), live.Invalid, "3 to 63"},
		"no place":       {nil, "fresh", live.NotFound, "no place"},
		"longest bucket": {control.Places{Opener: dir.Folders{Root: root, Create: true}}, strings.Repeat("a", 63), 0, ""},
	} {
		if err := os.MkdirAll(root, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(t.TempDir(), filepath.Join(root, "link")); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		h.restart(t, func(o *control.Options) { o.Buckets = c.buckets })
		s, err := h.Storages.Create(t.Context(), control.CreateStorage{Bucket: c.bucket})
		if c.want == 0 {
			if err != nil || s.Bucket != c.bucket {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
			continue
		}
		wantKind(t, name, err, c.want)
		if err != nil && (!strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), root)) {
			t.Errorf("%s says %q", name, err)
		}
	}
}

func TestStorages_MakeNoBucketBeyondTheQuota(t *testing.T) {
	h := build(t, sqlite(t), control.Quotas{StorageConfigurations: 1})
	root := t.TempDir()
	h.restart(t, func(o *control.Options) {
		o.Buckets, o.Quotas = control.Places{Opener: dir.Folders{Root: root, Create: true}}, control.Quotas{StorageConfigurations: 1}
	})
	h.storage(t)
	_, err := h.Storages.Create(t.Context(), control.CreateStorage{Bucket: "another"})
	wantKind(t, "the second", err, live.Exhausted)
	if _, err := os.Stat(filepath.Join(root, "another")); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

func TestStorages_StayWhileAStageUsesThem(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		storage := h.storage(t)
		r := live.DefaultRecording()
		r.Storage = storage.ARN.String()
		stage, _, err := h.Stages.Create(t.Context(), control.CreateStage{Recording: &r})
		if err != nil || stage.Recording.Storage != r.Storage {
			t.Fatalf("%+v, %v", stage.Recording, err)
		}
		wantKind(t, "delete while in use", h.Storages.Delete(t.Context(), storage.ARN), live.Conflict)
		stage, err = h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Recording: &live.Recording{}})
		if err != nil || !reflect.DeepEqual(stage.Recording, live.DefaultRecording()) {
			t.Errorf("taken off: %+v, %v", stage.Recording, err)
		}
		if err := h.Storages.Delete(t.Context(), storage.ARN); err != nil {
			t.Error(err)
		}
		_, _, err = h.Stages.Create(t.Context(), control.CreateStage{Recording: &r})
		wantKind(t, "create with what is deleted", err, live.Invalid)
		_, err = h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Recording: &r})
		wantKind(t, "update with what is deleted", err, live.NotFound)
	})
}

// However attaching and deleting race, no stage is left with a storage configuration that is not there.
func TestStorages_AreNotDeletedUnderAStage(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		for range 10 {
			storage := h.storage(t)
			r := live.DefaultRecording()
			r.Storage = storage.ARN.String()
			var all sync.WaitGroup
			var made, deleted error
			all.Go(func() { _, _, made = h.Stages.Create(context.Background(), control.CreateStage{Recording: &r}) })
			all.Go(func() { deleted = h.Storages.Delete(context.Background(), storage.ARN) })
			all.Wait()
			if (made == nil) == (deleted == nil) {
				t.Errorf("made: %v, deleted: %v", made, deleted)
			}
		}
	})
}

func TestStages_KeepTheirRecordingSettings(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		storage := h.storage(t)
		partial := live.Recording{Storage: storage.ARN.String(), RecordReplicas: true}
		stage, _, err := h.Stages.Create(t.Context(), control.CreateStage{Recording: &partial})
		want := live.DefaultRecording()
		want.Storage = storage.ARN.String()
		if err != nil || !reflect.DeepEqual(stage.Recording, want) {
			t.Errorf("got %+v, %v, expected %+v", stage.Recording, err, want)
		}
		bad := want
		bad.ThumbnailEvery *= 2
		_, err = h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Recording: &bad})
		wantKind(t, "an interval without INTERVAL", err, live.Invalid)
		bad.ThumbnailMode = "INTERVAL"
		if _, err := h.Stages.Update(t.Context(), control.UpdateStage{ARN: stage.ARN, Recording: &bad}); err != nil {
			t.Error(err)
		}
	})
}

func TestIngests_GetAKeyAndAParticipant(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		in, err := h.Ingests.Create(t.Context(), control.CreateIngest{
			Protocol: live.IngestRTMPS, Name: "n", Stage: stage.ARN, UserID: "u", Attributes: map[string]string{"a": "b"},
		})
		if err != nil {
			t.Fatal(err)
		}
		prefix := "rt_" + account + "_" + region + "_" + in.ARN.ID + "_"
		if secret, ok := strings.CutPrefix(string(in.StreamKey), prefix); !ok || len(secret) != 34 {
			t.Errorf("the key is %d long", len(in.StreamKey))
		}
		if !in.Participant.Valid() || in.State != live.IngestInactive || in.Redundant || in.Credentials != nil {
			t.Errorf("made %+v", in)
		}
		if got, err := h.Ingests.Get(t.Context(), in.ARN); err != nil || !reflect.DeepEqual(got, in) {
			t.Errorf("got %+v, %v", got, err)
		}
		two, err := h.Ingests.Create(t.Context(), control.CreateIngest{
			Protocol: live.IngestRTMP, Insecure: true, Redundant: true,
		})
		if err != nil || len(two.Credentials) != 2 || two.Credentials[0].StreamKey != two.StreamKey ||
			two.Credentials[1].StreamKey == two.StreamKey || two.Credentials[0].Participant == two.Participant ||
			two.Credentials[0].Participant == two.Credentials[1].Participant || two.Stage != (live.ARN{}) {
			t.Errorf("made %+v, %v", two, err)
		}
		for name, r := range map[string]control.CreateIngest{
			"plain RTMP":   {Protocol: live.IngestRTMP},
			"no protocol":  {},
			"a stage gone": {Protocol: live.IngestRTMPS, Stage: arn("arn:aws:ivs:us-east-1:000000000000:stage/gone")},
			"a channel":    {Protocol: live.IngestRTMPS, Stage: arn("arn:aws:ivs:us-east-1:000000000000:channel/gone")},
			"user id":      {Protocol: live.IngestRTMPS, UserID: strings.Repeat("a", 129)},
			"attributes":   {Protocol: live.IngestRTMPS, Attributes: map[string]string{"a": strings.Repeat("a", 1024)}},
		} {
			_, err := h.Ingests.Create(t.Context(), r)
			wantKind(t, name, err, live.Invalid)
		}
		_, err = h.Ingests.Create(t.Context(), control.CreateIngest{
			Protocol: live.IngestRTMPS, Stage: arn("arn:aws:ivs:us-east-1:999999999999:stage/theirs"),
		})
		wantKind(t, "another account's stage", err, live.Denied)
	})
}

func TestIngests_ChangeOnlyTheirStageAndTheirEncoders(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		in, err := h.Ingests.Create(t.Context(), control.CreateIngest{Protocol: live.IngestRTMPS})
		if err != nil {
			t.Fatal(err)
		}
		update := func(r control.UpdateIngest) (live.Ingest, error) {
			r.ARN = in.ARN
			return h.Ingests.Update(t.Context(), r)
		}
		got, err := update(control.UpdateIngest{Stage: &stage.ARN, Redundant: new(true)})
		if err != nil || got.Stage != stage.ARN || len(got.Credentials) != 2 || got.Participant != in.Participant {
			t.Errorf("attached: %+v, %v", got, err)
		}
		got, err = update(control.UpdateIngest{Stage: &live.ARN{}, Redundant: new(false)})
		if err != nil || got.Stage != (live.ARN{}) || got.Credentials != nil || got.StreamKey != in.StreamKey {
			t.Errorf("detached: %+v, %v", got, err)
		}
		gone := arn("arn:aws:ivs:us-east-1:000000000000:stage/gone")
		_, err = update(control.UpdateIngest{Stage: &gone})
		wantKind(t, "a stage gone", err, live.NotFound)

		h.setIngest(t, in.ARN, func(i *live.Ingest) { i.State, i.Stage = live.IngestActive, stage.ARN })
		_, err = update(control.UpdateIngest{Stage: &live.ARN{}})
		wantKind(t, "while active", err, live.Conflict)
		wantKind(t, "delete while active", h.Ingests.Delete(t.Context(), in.ARN, false), live.Conflict)
		obeyed := h.host(t, stage.ID)
		if err := h.Ingests.Delete(t.Context(), in.ARN, true); err != nil {
			t.Fatal(err)
		}
		if d, ok := (<-obeyed).(live.DisconnectParticipant); !ok || d.Participant != in.Participant {
			t.Errorf("the host obeyed %+v", d)
		}
		wantKind(t, "delete again", h.Ingests.Delete(t.Context(), in.ARN, true), live.NotFound)
	})
}

func TestIngests_LoseAStageThatGoesAndAParticipantThatIsPutOut(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		var all []live.Ingest
		for range 3 {
			in, err := h.Ingests.Create(t.Context(), control.CreateIngest{
				Protocol: live.IngestRTMPS, Stage: stage.ARN, Redundant: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, in)
		}
		on := func() (n int) {
			list, _, err := h.Ingests.List(t.Context(), control.IngestFilter{Stage: stage.ARN}, control.Page{})
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if on() != 3 {
			t.Errorf("%d are on the stage", on())
		}
		if err := h.Participants.Disconnect(t.Context(), stage.ARN, all[0].Credentials[1].Participant, ""); err != nil {
			t.Fatal(err)
		}
		if got, err := h.Ingests.Get(t.Context(), all[0].ARN); err != nil || got.Stage != (live.ARN{}) || on() != 2 {
			t.Errorf("after the disconnect: %+v, %v, %d on the stage", got, err, on())
		}
		if err := h.Stages.Delete(t.Context(), stage.ARN); err != nil {
			t.Fatal(err)
		}
		for _, in := range all {
			if got, err := h.Ingests.Get(t.Context(), in.ARN); err != nil || got.Stage != (live.ARN{}) {
				t.Errorf("after the delete: %+v, %v", got, err)
			}
		}
	})
}

func TestIngests_AreListedByOneFilter(t *testing.T) {
	each(t, control.Quotas{}, func(t *testing.T, h *house) {
		stage := h.stage(t)
		for i := range 4 {
			r := control.CreateIngest{Protocol: live.IngestRTMPS, Name: fmt.Sprint(i)}
			if i < 3 {
				r.Stage = stage.ARN
			}
			in, err := h.Ingests.Create(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				h.setIngest(t, in.ARN, func(i *live.Ingest) { i.State = live.IngestActive })
			}
		}
		for name, c := range map[string]struct {
			f    control.IngestFilter
			want int
		}{
			"all": {control.IngestFilter{}, 4}, "stage": {control.IngestFilter{Stage: stage.ARN}, 3},
			"active": {control.IngestFilter{State: live.IngestActive}, 1}, "inactive": {control.IngestFilter{State: live.IngestInactive}, 3},
		} {
			list, _, err := h.Ingests.List(t.Context(), c.f, control.Page{})
			if err != nil || len(list) != c.want {
				t.Errorf("%s: %d, %v", name, len(list), err)
			}
		}
		_, _, err := h.Ingests.List(t.Context(), control.IngestFilter{Stage: stage.ARN, State: live.IngestActive}, control.Page{})
		wantKind(t, "both filters", err, live.Invalid)
	})
}
