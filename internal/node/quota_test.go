package node

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/config"
)

// Every count that a setting limits reaches what counts, and the refusal says which setting it was.
func TestNode_QuotasAreSettings(t *testing.T) {
	c := settings(t, "--quotas", "aws")
	for limit, n := range map[*config.Limit]int{
		&c.Quotas.Stages: 1, &c.Quotas.EncoderConfigurations: 1, &c.Quotas.StorageConfigurations: 1,
		&c.Quotas.IngestConfigurations: 1, &c.Quotas.Channels: 1,
	} {
		limit.N = n
	}
	n := open(t, c)
	run(t, n)
	for _, tc := range []struct{ operation, body, setting string }{
		{"CreateStage", `{}`, "quotas.stages"},
		{"CreateEncoderConfiguration", `{}`, "quotas.encoder_configurations"},
		{"CreateStorageConfiguration", `{"s3":{"bucketName":"recordings"}}`, "quotas.storage_configurations"},
		{"CreateIngestConfiguration", `{"ingestProtocol":"RTMPS"}`, "quotas.ingest_configurations"},
		{"CreateChannel", `{}`, "quotas.channels"},
	} {
		if status, body := call(t, n, tc.operation, tc.body); status != http.StatusOK {
			t.Errorf("%s: %d %s", tc.operation, status, body)
		}
		status, body := call(t, n, tc.operation, tc.body)
		if status != http.StatusPaymentRequired || !strings.Contains(body, "quota of 1 ") || !strings.Contains(body, tc.setting) {
			t.Errorf("%s a second time: %d %s", tc.operation, status, body)
		}
	}
}

func TestNode_MakesFoldersForStorageIfItMay(t *testing.T) {
	for _, tc := range []struct {
		setting string
		status  int
	}{{"true", http.StatusOK}, {"false", http.StatusBadRequest}} {
		n := open(t, settings(t, "--storage-create-folders="+tc.setting))
		stop := run(t, n)
		status, body := call(t, n, "CreateStorageConfiguration", `{"s3":{"bucketName":"recordings"}}`)
		_, err := os.Stat(filepath.Join(n.DataDir(), "buckets", "recordings"))
		made := err == nil
		if made != (tc.status == http.StatusOK) || status == http.StatusOK != made {
			t.Errorf("create_folders %s: %d %s, made: %v", tc.setting, status, body, made)
		}
		if !made && !strings.Contains(body, "storage.create_folders") {
			t.Errorf("the refusal does not name the setting: %s", body)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
