package control

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/blob"
	"github.com/proscenium-live/proscenium/internal/live"
)

// Buckets says whether recordings can be kept in a bucket.
type Buckets interface {
	// Check returns nil if objects can be written to the bucket; otherwise a *live.Error that says why not:
	// NotFound if there is no such bucket, Invalid if it cannot be written to.
	Check(ctx context.Context, bucket string) error
}

// Places asks the stores themselves.
type Places struct{ blob.Opener }

// checkTime is how long a store may take to say whether it can be written to.
const checkTime = 10 * time.Second

// Check implements Buckets. The bucket's name is one that checkBucket lets pass.
func (p Places) Check(ctx context.Context, bucket string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	s, err := p.Bucket(bucket)
	if err == nil {
		err = s.Check(ctx)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, blob.ErrNoBucket):
		return live.Errorf(live.NotFound, "there is no bucket %s: %v", bucket, err)
	case errors.Is(err, context.DeadlineExceeded):
		return live.Errorf(live.Invalid, "the bucket %s cannot be written to: its store has not answered within %s", bucket, checkTime)
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
