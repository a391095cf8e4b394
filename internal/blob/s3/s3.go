// Package s3 keeps objects in anything that speaks Amazon S3's protocol: S3 itself, MinIO, Ceph, Garage, versitygw and others.
//
// It speaks through the AWS SDK, which signs, and retries what may pass within a call. The package starts no goroutine of
// its own.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/proscenium-live/proscenium/internal/blob"
)

// Options say where a bucket is and who we are to it.
type Options struct {
	// Bucket is its name there.
	Bucket string
	// Endpoint is the URL of the service; "" is Amazon's own of the region.
	Endpoint string
	// Region signs requests; "" is us-east-1.
	Region string
	// PathStyle puts the bucket into the path, not the host's name. Most services that are not Amazon's want it.
	PathStyle bool
	// AccessKeyID and SecretKey are the credentials; both "" means the AWS SDK's chain: environment, files, the
	// machine's role.
	AccessKeyID, SecretKey string
	// Client makes the requests; nil means one of the package's.
	Client *http.Client
}

const (
	// connectTimeout and answerTimeout bound a store that does not answer; a body may take as long as it takes.
	connectTimeout = 10 * time.Second
	answerTimeout  = 30 * time.Second
)

// Open returns the store of a bucket. It asks nothing of the service yet.
func Open(ctx context.Context, o Options) (blob.Store, error) {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	load := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(o.Region)}
	if o.AccessKeyID != "" || o.SecretKey != "" {
		load = append(load, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretKey, "")))
	}
	if o.Client != nil {
		load = append(load, awsconfig.WithHTTPClient(o.Client))
	} else {
		load = append(load, awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = answerTimeout
			t.TLSHandshakeTimeout = connectTimeout
		})))
	}
	config, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", o.Bucket, err)
	}
	client := s3.NewFromConfig(config, func(c *s3.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
		c.UsePathStyle = o.PathStyle
		// Many services know nothing of the newer checksums.
		c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &store{client: client, bucket: o.Bucket}, nil
}

type store struct {
	client *s3.Client
	bucket string
	// noACL says that the service has refused the ACL that IVS sets on what it writes: it knows none.
	noACL atomic.Bool
}

// Put implements blob.Store.
func (s *store) Put(ctx context.Context, key, mediaType string, body io.ReadSeeker) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	err = s.put(ctx, key, mediaType, body)
	if !s.noACL.Load() && knowsNoACL(err) {
		s.noACL.Store(true)
		if _, err := body.Seek(start, io.SeekStart); err != nil {
			return err
		}
		err = s.put(ctx, key, mediaType, body)
	}
	return s.translate(key, err)
}

func (s *store) put(ctx context.Context, key, mediaType string, body io.ReadSeeker) error {
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: body}
	if mediaType != "" {
		in.ContentType = &mediaType
	}
	if !s.noACL.Load() { // as IVS does: the bucket's owner may read what another account wrote
		in.ACL = types.ObjectCannedACLBucketOwnerFullControl
	}
	out, err := s.client.PutObject(ctx, in)
	if err == nil && aws.ToString(out.ETag) == "" {
		// A service that answers 200 and an error in the body has no ETag to tell.
		return errors.New("the service answered without an ETag: nothing confirms that it has the object")
	}
	return err
}

// knowsNoACL reports whether a service said that it has no ACLs.
func knowsNoACL(err error) bool {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return false
	}
	switch e.ErrorCode() {
	case "AccessControlListNotSupported", "NotImplemented", "InvalidBucketAclWithObjectOwnership":
		return true
	}
	return false
}

// Get implements blob.Store. What is read is asked for when it is read.
func (s *store) Get(ctx context.Context, key string) (*blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return nil, err
	}
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, s.translate(key, err)
	}
	size := aws.ToInt64(head.ContentLength)
	return &blob.Object{
		Info: blob.Info{Key: key, Size: size, Modified: aws.ToTime(head.LastModified), Type: aws.ToString(head.ContentType)},
		Body: &reader{ctx: ctx, s: s, key: key, etag: head.ETag, size: size},
	}, nil
}

// List implements blob.Store.
func (s *store) List(ctx context.Context, prefix string, each func(blob.Info) bool) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s.translate(prefix, err)
		}
		for _, o := range page.Contents {
			if !each(blob.Info{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}) {
				return nil
			}
		}
	}
	return nil
}

// Delete implements blob.Store.
func (s *store) Delete(ctx context.Context, key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	if err = s.translate(key, err); errors.Is(err, blob.ErrNoObject) {
		return nil
	}
	return err
}

// Check implements blob.Store.
func (s *store) Check(ctx context.Context) error { return blob.Probe(ctx, s) }

// translate says what a service's error means. The service's own words stay in it; a request's headers never do.
func (s *store) translate(key string, err error) error {
	if err == nil {
		return nil
	}
	var e smithy.APIError
	if !errors.As(err, &e) {
		return fmt.Errorf("bucket %s: %w", s.bucket, err)
	}
	said := e.ErrorCode()
	if e.ErrorMessage() != "" {
		said += ": " + e.ErrorMessage()
	}
	switch e.ErrorCode() {
	case "NoSuchBucket":
		return fmt.Errorf("%w: %s (%s)", blob.ErrNoBucket, s.bucket, said)
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("%w: %s", blob.ErrNoObject, key)
	case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AccountProblem", "AllAccessDisabled":
		return fmt.Errorf("%w: bucket %s (%s)", blob.ErrDenied, s.bucket, said)
	case "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "InsufficientCapacity":
		return fmt.Errorf("%w: bucket %s (%s)", blob.ErrFull, s.bucket, said)
	}
	return fmt.Errorf("bucket %s (%s): %w", s.bucket, said, err)
}

var _ blob.Store = (*store)(nil)
