// Package conformance_test drives a server with the official SDKs, unmodified.
package conformance_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	region  = "us-east-1"
	account = "000000000000"
	key     = "test"
	secret  = "test"
)

// newServer starts the API in front of a real control plane on a new database, and returns its URL.
func newServer(t *testing.T, change ...func(*api.Options)) string {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	bus := inproc.New()
	svc, err := control.Open(t.Context(), control.Options{
		Store: db, Bus: bus, Node: live.NewNodeID(), Region: region, Account: account,
		Endpoints: live.Endpoints{Events: "ws://127.0.0.1:7400/events", WHIP: "http://127.0.0.1:7400/whip", RTMP: "rtmp://127.0.0.1:1935/app/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := api.Options{
		Parts: api.PartsOf(svc),
		Keys:  sigv4.OneKey{AccessKeyID: key, SecretKey: secret}, Region: region, Account: account,
	}
	for _, f := range change {
		f(&o)
	}
	server := httptest.NewServer(api.New(o))
	t.Cleanup(func() {
		server.Close()
		for _, closing := range []func() error{svc.Close, bus.Close, db.Close} {
			if err := closing(); err != nil {
				t.Error(err)
			}
		}
	})
	return server.URL
}
