package node

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/proscenium-live/proscenium/internal/blob"
	"github.com/proscenium-live/proscenium/internal/config"
)

func TestBuckets_AreWhereTheSettingsSay(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "chain")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "chain")
	services := map[string]*s3mem.Backend{}
	start := func(name, bucket string) string {
		services[name] = s3mem.New()
		if err := services[name].CreateBucket(bucket); err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(gofakes3.New(services[name]).Server())
		t.Cleanup(s.Close)
		return s.URL
	}
	common, other := start("common", "plain"), start("other", "theirs")
	root := filepath.Join(t.TempDir(), "buckets")
	b, err := openBuckets(&config.Config{Region: "eu-west-1", Storage: config.Storage{
		Kind: config.S3Storage, Endpoint: common, PathStyle: true, AccessKeyID: "a", SecretAccessKey: "b", CreateFolders: true,
		Buckets: config.Secret(`[{"name":"here","kind":"folder"},
			{"name":"ours","bucket":"theirs","endpoint":"` + other + `","access_key_id":"c","secret_access_key":"d"},{"name":"chained","endpoint":"` + other + `","bucket":"theirs"}]`),
	}}, root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"plain": nil, "here": nil, "ours": nil, "chained": nil, "nowhere": blob.ErrNoBucket} {
		s, err := b.Bucket(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if want == nil {
			if err := s.Put(t.Context(), "from/"+name, "", strings.NewReader(name)); err != nil {
				t.Error(err)
			}
		}
	}
	for at, key := range map[string]string{"common plain": "from/plain", "other theirs": "from/ours"} {
		service, bucket, _ := strings.Cut(at, " ")
		if _, err := services[service].HeadObject(bucket, key); err != nil {
			t.Errorf("%s of %s: %v", key, at, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "here", "from", "here")); err != nil {
		t.Error(err)
	}
	again, _ := b.Bucket("plain")
	if first, _ := b.Bucket("plain"); first != again {
		t.Error("a store is opened twice")
	}
}

func TestBuckets_SayWhatIsWrongWithTheSettings(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "storage.buckets", `[{"bucket":"x"}]`: "entry 1: it has no name", `[{"name":"x"},{"name":"x"}]`: "twice",
		`[{"name":"x","kind":"tape"}]`: "folder and s3", `[{"name":"x","access_key_id":"a"}]`: "together", `[{"name":"x","endpiont":"a"}]`: "endpiont",
	} {
		_, err := openBuckets(&config.Config{Storage: config.Storage{Kind: config.FolderStorage, Buckets: config.Secret(text)}}, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
