package control

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Buckets says whether recordings can be kept in a bucket.
type Buckets interface {
	// Check returns nil if objects can be written to the bucket; otherwise a *live.Error that says why not:
	// NotFound if there is no such bucket, Invalid if it cannot be written to.
	Check(ctx context.Context, bucket string) error
}

// Folders are buckets that are folders on this machine.
type Folders struct {
	// Root is the folder that the buckets are in. It is made when it is first needed.
	Root string
	// Create makes buckets that are missing (setting storage.create_folders).
	Create bool
}

// Check implements Buckets. The bucket's name is one that checkBucket lets pass.
func (f Folders) Check(_ context.Context, bucket string) error {
	if err := os.MkdirAll(f.Root, 0o750); err != nil {
		return bucketError(bucket, err)
	}
	root, err := os.OpenRoot(f.Root) // nothing leads out of it
	if err != nil {
		return bucketError(bucket, err)
	}
	defer func() { _ = root.Close() }()
	if f.Create {
		if err := root.Mkdir(bucket, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return bucketError(bucket, err)
		}
	}
	folder, err := root.OpenRoot(bucket)
	if errors.Is(err, fs.ErrNotExist) {
		return live.Errorf(live.NotFound, "there is no bucket %s, and buckets are not made: "+
			"make the folder, or set storage.create_folders", bucket)
	}
	if err != nil {
		return bucketError(bucket, err)
	}
	defer func() { _ = folder.Close() }()
	const probe = ".proscenium-can-write"
	file, err := folder.OpenFile(probe, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return bucketError(bucket, err)
	}
	if err := errors.Join(file.Close(), folder.Remove(probe)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return bucketError(bucket, err)
	}
	return nil
}

// bucketError says why a bucket cannot be used, without where on the machine it is.
func bucketError(bucket string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return live.Errorf(live.Invalid, "the bucket %s cannot be written to: %v", bucket, err)
}

// noBuckets is what a server without a place for recordings has.
type noBuckets struct{}

func (noBuckets) Check(_ context.Context, bucket string) error {
	return live.Errorf(live.NotFound, "there is no bucket %s: this server has no place for recordings", bucket)
}

// checkBucket checks a bucket's name by the contract's pattern and the rules of S3.
func checkBucket(name string) error {
	const shortest, longest = 3, 63
	if len(name) < shortest || len(name) > longest {
		return live.Errorf(live.Invalid, "s3.bucketName is %d characters long, allowed are %d to %d",
			len(name), shortest, longest)
	}
	edge := func(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }
	for i := range len(name) {
		if b := name[i]; !edge(b) && b != '-' && b != '.' {
			return live.Errorf(live.Invalid, "s3.bucketName holds %q, allowed are a to z, 0 to 9, - and .", b)
		}
	}
	if !edge(name[0]) || !edge(name[len(name)-1]) || strings.Contains(name, "..") {
		return live.Errorf(live.Invalid,
			"s3.bucketName must begin and end with a letter or digit, and have no two dots in a row")
	}
	return nil
}
