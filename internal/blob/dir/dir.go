// Package dir keeps each bucket in a folder of its own on this machine.
//
// A key is a path below the folder, which nothing leads out of: not a name, and not a link that somebody put there.
// An object is written beside its place, made durable, and moved there; so it is whole or not there at any moment.
// The package starts no goroutine.
package dir

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/proscenium-live/proscenium/internal/blob"
)

const (
	folderMode = 0o750
	fileMode   = 0o640
	// temporary begins the names of objects that are being written. Lists leave them out.
	temporary = ".proscenium-"
)

// Folders are the buckets below one folder.
type Folders struct {
	// Root is the folder that the buckets are in. It is made when it is first needed.
	Root string
	// Create makes buckets that are missing.
	Create bool
}

// Bucket implements blob.Opener. The name must be one that S3 allows.
func (f Folders) Bucket(name string) (blob.Store, error) {
	if name == "" || strings.ContainsAny(name, "/\\") || name == "." || name == ".." {
		return nil, fmt.Errorf("%w: %q is not the name of one", blob.ErrNoBucket, name)
	}
	return &store{folders: f, name: name}, nil
}

// store is one bucket. The folder is opened anew for each call, so that it may be moved or come back meanwhile.
type store struct {
	folders Folders
	name    string
}

// open opens the bucket's folder.
func (s *store) open() (*os.Root, error) {
	if err := os.MkdirAll(s.folders.Root, folderMode); err != nil {
		return nil, translate(err)
	}
	root, err := os.OpenRoot(s.folders.Root)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { _ = root.Close() }()
	if s.folders.Create {
		if err := root.Mkdir(s.name, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, translate(err)
		}
	}
	bucket, err := root.OpenRoot(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: make the folder %s, or set storage.create_folders", blob.ErrNoBucket, s.name)
	}
	return bucket, translate(err)
}

// Put implements blob.Store. The media type is not kept: the name's end tells it.
func (s *store) Put(ctx context.Context, key, _ string, body io.ReadSeeker) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	bucket, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = bucket.Close() }()
	folder := path.Dir(key)
	if err := bucket.MkdirAll(folder, folderMode); err != nil {
		return translate(err)
	}
	beside := path.Join(folder, temporary+rand.Text())
	if err := write(ctx, bucket, beside, body); err != nil {
		_ = bucket.Remove(beside)
		return translate(err)
	}
	if err := bucket.Rename(beside, key); err != nil {
		_ = bucket.Remove(beside)
		return translate(err)
	}
	return translate(settle(bucket, folder))
}

// write makes a file whose content is durable.
func write(ctx context.Context, bucket *os.Root, name string, body io.Reader) error {
	file, err := bucket.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, &interrupted{ctx, body})
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// settle makes the names in a folder, and those of the folders above it, durable.
func settle(bucket *os.Root, folder string) error {
	for {
		f, err := bucket.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if folder == "." {
			return nil
		}
		folder = path.Dir(folder)
	}
}

// Get implements blob.Store.
func (s *store) Get(_ context.Context, key string) (*blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return nil, err
	}
	bucket, err := s.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = bucket.Close() }()
	file, err := bucket.Open(key)
	if err != nil {
		return nil, missing(key, err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, missing(key, cmp.Or(err, fs.ErrNotExist))
	}
	return &blob.Object{
		Info: blob.Info{Key: key, Size: info.Size(), Modified: info.ModTime(), Type: mime.TypeByExtension(path.Ext(key))}, Body: file,
	}, nil
}

// List implements blob.Store.
func (s *store) List(ctx context.Context, prefix string, each func(blob.Info) bool) error {
	bucket, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = bucket.Close() }()
	_, err = walk(ctx, bucket, ".", prefix, each)
	return translate(err)
}

// walk tells the objects of a folder in the order of their whole keys, in which "a-b" comes before "a/b". It reports
// false once nobody wants more.
func walk(ctx context.Context, bucket *os.Root, folder, prefix string, each func(blob.Info) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	f, err := bucket.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // it went away meanwhile
	}
	if err != nil {
		return false, err
	}
	entries, err := f.ReadDir(-1)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, e := range entries {
		key := path.Join(folder, e.Name())
		if strings.HasPrefix(e.Name(), temporary) {
			continue
		}
		switch {
		case e.IsDir():
			if below := key + "/"; !strings.HasPrefix(below, prefix) && !strings.HasPrefix(prefix, below) {
				continue
			}
			more, err = walk(ctx, bucket, key, prefix, each)
		case e.Type().IsRegular() && strings.HasPrefix(key, prefix):
			more, err = tell(key, e, each)
		default:
			continue
		}
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

func tell(key string, e fs.DirEntry, each func(blob.Info) bool) (more bool, err error) {
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // it went away meanwhile
	}
	if err != nil {
		return false, err
	}
	return each(blob.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}), nil
}

// sortName is where an entry stands among keys: a folder's keys go on with a slash.
func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// Delete implements blob.Store. Folders that are empty then stay.
func (s *store) Delete(_ context.Context, key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	bucket, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = bucket.Close() }()
	if err := bucket.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return translate(err)
	}
	return nil
}

// Check implements blob.Store.
func (s *store) Check(ctx context.Context) error { return blob.Probe(ctx, s) }

// interrupted reads until ctx ends.
type interrupted struct {
	ctx  context.Context
	from io.Reader
}

func (r *interrupted) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

func missing(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", blob.ErrNoObject, key)
	}
	return translate(err)
}

// translate says what an error means to those who know only of buckets, without where on the machine it was.
func translate(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		err = at.Err
	}
	if at := (*os.LinkError)(nil); errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", blob.ErrDenied, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", blob.ErrFull, err)
	}
	return err
}

var (
	_ blob.Opener = Folders{}
	_ blob.Store  = (*store)(nil)
)
