// Package blob is the port to object storage: buckets of keys and bytes, where recordings are kept.
//
// A Store writes whole objects, reads them, and lists them. The suite in blobtest says what fulfilling that means; the
// adapters are dir (a folder for each bucket) and s3 (anything that speaks S3). Buckets finds the store of a bucket.
//
// The package starts no goroutine. Retries, queues and what is kept until a store has confirmed are deliberately not
// here: they are the recorder's.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors that adapters wrap. Everything else is trouble that may pass.
var (
	ErrNoBucket = errors.New("no such bucket")
	ErrNoObject = errors.New("no such object")
	ErrDenied   = errors.New("access denied")
	ErrFull     = errors.New("no space left")
	ErrKey      = errors.New("not a key")
)

// Info says what is known of an object without reading it.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
	Type     string // media type; "" when not known, and in lists
}

// Object is an object being read.
type Object struct {
	Info
	Body io.ReadSeekCloser
}

// Store is one bucket. Its methods may be called at once. Errors wrap those of this package where they fit.
type Store interface {
	// Put writes an object, in the place of one that is there. When it returns nil the store has confirmed it: all of
	// it can be read, and survives what the store survives. When it returns an error there is the old object, none, or
	// the new one whole; never a part. The body is read from its present position, perhaps more than once.
	Put(ctx context.Context, key, mediaType string, body io.ReadSeeker) error
	// Get opens an object. The caller closes it. ctx bounds the reading as well.
	Get(ctx context.Context, key string) (*Object, error)
	// List calls each for the objects whose keys begin with the prefix, in the order of their keys, until it returns
	// false.
	List(ctx context.Context, prefix string, each func(Info) bool) error
	// Delete removes an object. One that is not there is no error.
	Delete(ctx context.Context, key string) error
	// Check returns nil if objects can be written now. It writes one, and removes it.
	Check(ctx context.Context) error
}

// Opener finds the store of a bucket. It does not ask whether the bucket is there.
type Opener interface {
	Bucket(name string) (Store, error)
}

// probe is the key that Check writes, beside everything that is kept.
const probe = ".proscenium-can-write"

// Probe is what Check does for stores that have no better way.
func Probe(ctx context.Context, s Store) error {
	if err := s.Put(ctx, probe, "text/plain", strings.NewReader("")); err != nil {
		return err
	}
	// A store that lets us write and not delete is good enough to record to.
	if err := s.Delete(ctx, probe); err != nil && !errors.Is(err, ErrDenied) {
		return err
	}
	return nil
}

// maxKey is S3's limit, in bytes.
const maxKey = 1024

// CheckKey refuses keys that would mean something else in a file system or a URL: with empty parts, dots for a
// part, backslashes or control characters.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: %d bytes, allowed are 1 to %d of UTF-8", ErrKey, len(key), maxKey)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%w: %q has the part %q", ErrKey, key, part)
		}
	}
	for _, r := range key {
		if r < ' ' || r == 0x7f || r == '\\' {
			return fmt.Errorf("%w: %q holds %q", ErrKey, key, r)
		}
	}
	return nil
}
