package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// reader reads an object by ranges. A seek ends the range under way; the next read begins another.
type reader struct {
	ctx  context.Context //nolint:containedctx // the reading's own, as blob.Store says
	s    *store
	key  string
	etag *string // the object as it was when it was opened
	size int64
	at   int64
	body io.ReadCloser // nil before the first read, and after a seek
}

func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	if r.body == nil {
		ask := fmt.Sprintf("bytes=%d-", r.at)
		out, err := r.s.client.GetObject(r.ctx, &s3.GetObjectInput{Bucket: &r.s.bucket, Key: &r.key, Range: &ask, IfMatch: r.etag})
		if err != nil {
			return 0, r.s.translate(r.key, err)
		}
		r.body = out.Body
	}
	n, err := r.body.Read(p)
	r.at += int64(n)
	if errors.Is(err, io.EOF) && r.at < r.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return r.at, errors.New("seek to before the beginning")
	}
	if offset != r.at {
		_ = r.Close()
		r.at = offset
	}
	return r.at, nil
}

func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
