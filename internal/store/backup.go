package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup copies a SQLite database to a new file, readable by its owner only, and returns the file's size.
// Others may read and write meanwhile; the copy is one state of the records. It is made beside the file,
// checked, brought to the disk, and then named: there is no file of the name before it is whole. It returns
// fs.ErrExist if there is one already.
func (s *Store) Backup(ctx context.Context, path string) (size int64, err error) {
	if s.group == nil {
		return 0, errors.New("back up: the database is not SQLite")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "back up to", Path: path, Err: fs.ErrExist}
		}
		return 0, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".backup-*") // with mode 0700
	if err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	half := filepath.Join(dir, "half")
	// VACUUM INTO reads one state and locks nobody out. It runs outside of a transaction.
	if _, err := s.writer.ExecContext(ctx, `VACUUM INTO ?`, half); err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	if size, err = seal(ctx, half); err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	if err := os.Link(half, path); err != nil { // unlike a rename, it does not overwrite
		return 0, fmt.Errorf("back up: %w", err)
	}
	return size, syncFolder(filepath.Dir(path))
}

// seal checks a copy and brings it to the disk.
func seal(ctx context.Context, path string) (int64, error) {
	if err := os.Chmod(path, 0o600); err != nil {
		return 0, err
	}
	if err := checkWhole(ctx, path); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func checkWhole(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	var said string
	err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said)
	if err == nil && said != "ok" {
		err = fmt.Errorf("the copy is damaged: %s", said)
	}
	return errors.Join(err, db.Close())
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
