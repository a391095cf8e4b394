package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/proscenium-live/proscenium/internal/blob"
	"github.com/proscenium-live/proscenium/internal/blob/blobtest"
	"github.com/proscenium-live/proscenium/internal/blob/s3"
)

// service is an S3 service in this process. wrap may stand before it.
func service(t *testing.T, wrap func(http.Handler) http.Handler) (url string, backend *s3mem.Backend) {
	t.Helper()
	backend = s3mem.New()
	handler := gofakes3.New(backend).Server()
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, backend
}

func open(t *testing.T, url, bucket string) blob.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), s3.Options{
		Bucket: bucket, Endpoint: url, PathStyle: true, AccessKeyID: "key", SecretKey: "secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	url, backend := service(t, nil)
	n := 0
	blobtest.Run(t, func(t *testing.T) blob.Store {
		n++
		name := fmt.Sprintf("bucket-%d", n)
		if err := backend.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
		return open(t, url, name)
	})
}

func TestStore_SaysWhatIsWrong(t *testing.T) {
	url, _ := service(t, nil)
	if err := open(t, url, "missing").Check(t.Context()); !errors.Is(err, blob.ErrNoBucket) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	for code, want := range map[string]error{
		"AccessDenied": blob.ErrDenied, "InvalidAccessKeyId": blob.ErrDenied, "SignatureDoesNotMatch": blob.ErrDenied,
		"XMinioStorageFull": blob.ErrFull, "NoSuchBucket": blob.ErrNoBucket,
	} {
		refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>the reason</Message></Error>`, code)
		}))
		err := open(t, refusing.URL, "bucket").Check(t.Context())
		refusing.Close()
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "the reason") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// security row 40: a 200 is no confirmation by itself.
func TestStore_A200WithAnErrorInItIsAnError(t *testing.T) {
	lying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>InternalError</Code></Error>`)
	}))
	defer lying.Close()
	if err := open(t, lying.URL, "bucket").Put(t.Context(), "key", "", strings.NewReader("text")); err == nil {
		t.Error("taken for written")
	}
}

func TestStore_AsksForIVSsACLUntilTheServiceKnowsNone(t *testing.T) {
	var with, without atomic.Int32
	url, backend := service(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && r.Header.Get("x-amz-acl") == "bucket-owner-full-control" {
				with.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessControlListNotSupported</Code></Error>`)
				return
			}
			if r.Method == http.MethodPut {
				without.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	s := open(t, url, "bucket")
	for range 3 {
		if err := s.Put(t.Context(), "key", "text/plain", strings.NewReader("text")); err != nil {
			t.Fatal(err)
		}
	}
	if with.Load() != 1 || without.Load() != 3 {
		t.Errorf("%d with, %d without", with.Load(), without.Load())
	}
	o, err := s.Get(context.Background(), "key")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	if text, err := io.ReadAll(o.Body); err != nil || string(text) != "text" || o.Type != "text/plain" {
		t.Errorf("%q of type %q: %v", text, o.Type, err)
	}
}
