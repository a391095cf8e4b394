package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/internal/live"
)

// dataDir is the folder in which a server keeps everything. While it is open, no other server may open it.
type dataDir struct {
	path string // absolute
	lock *os.File
}

// openDataDir makes the folder if it is not there, readable by its owner only, and locks it.
func openDataDir(path string) (*dataDir, error) {
	abs, err := absolute(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir %s: %w", path, err)
	}
	lock, err := takeLock(filepath.Join(abs, "lock"))
	if err != nil {
		return nil, fmt.Errorf("data_dir %s: %w", abs, err)
	}
	return &dataDir{path: abs, lock: lock}, nil
}

func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("data_dir %s: %w", path, err)
	}
	return abs, nil
}

// databaseFile is where SQLite's records are.
const databaseFile = "proscenium.db"

// takeLock holds the file until it is closed; the system lets go of it when the process ends, however it ends.
// The file holds the process id for whoever comes second. It is never removed: removing would let two servers
// hold two files of one name.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder := heldBy(f)
		return nil, errors.Join(fmt.Errorf("in use by another server%s (%s is locked); stop it, or choose another --data-dir", holder, path), f.Close())
	}
	if err == nil {
		err = writeOwn(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// isLocked tells whether a server has the folder.
func isLocked(path string) bool {
	f, err := os.Open(filepath.Join(path, "lock"))
	if err != nil {
		return false
	}
	defer f.Close() // lets go of what was taken
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func writeOwn(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func heldBy(f *os.File) string {
	buf := make([]byte, 16)
	n, _ := f.ReadAt(buf, 0) // the end of so short a file is no error
	if pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n]))); err == nil {
		return fmt.Sprintf(", process %d", pid)
	}
	return ""
}

// file returns the path of a file in the folder.
func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// nodeID returns the name of this server, made at the first start.
func (d *dataDir) nodeID() (live.NodeID, error) {
	text, err := d.once("node-id", func() []byte { return []byte(live.NewNodeID() + "\n") })
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(text))
	if id == "" || len(id) > 64 {
		return "", fmt.Errorf("%s holds no node id; remove it to have another made", d.file("node-id"))
	}
	return live.NodeID(id), nil
}

// once returns what a file holds, after making it, for its owner only, if it is not there. It is written
// beside and renamed, so that a crash leaves no half of it.
func (d *dataDir) once(name string, content func() []byte) ([]byte, error) {
	path := d.file(name)
	data, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		return data, err
	}
	data = content()
	if err := writeWhole(path, data); err != nil {
		return nil, err
	}
	return data, nil
}

func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Close lets another server have the folder.
func (d *dataDir) Close() error { return d.lock.Close() }
