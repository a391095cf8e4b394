package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/store"
)

// openKeys loads the access keys that there are beside the root pair.
func (n *Node) openKeys(ctx context.Context) error {
	master, err := masterKey(n.config, n.data)
	if err != nil {
		return err
	}
	n.master = master
	n.keyring, err = access.Open(ctx, access.Options{
		Store: n.store, Master: master, Root: n.keys.pair(), Account: n.config.AccountID, Log: n.log,
	})
	if err != nil {
		return fmt.Errorf("access keys: %w", err)
	}
	n.add("access keys", n.keyring.Run)
	return nil
}

const masterKeyFile = "access-master-key"

// masterKey returns the one that was given, or else the one in the data dir, where it is made once.
func masterKey(c *config.Config, dir *dataDir) (access.MasterKey, error) {
	if c.AccessMasterKey != "" {
		key, err := access.ParseMasterKey(string(c.AccessMasterKey))
		if err != nil {
			return key, fmt.Errorf("access_master_key: %w", err)
		}
		return key, nil
	}
	text, err := dir.once(masterKeyFile, func() []byte { return []byte(access.GenerateMasterKey() + "\n") })
	if err != nil {
		return access.MasterKey{}, fmt.Errorf("access master key: %w", err)
	}
	path := dir.file(masterKeyFile)
	info, err := os.Stat(path)
	if err != nil {
		return access.MasterKey{}, fmt.Errorf("access master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return access.MasterKey{}, fmt.Errorf("access master key: %s may be read by others (mode %04o): say chmod 600 %[1]s",
			path, info.Mode().Perm())
	}
	key, err := access.ParseMasterKey(string(text))
	if err != nil {
		return key, fmt.Errorf("access master key: %s: %w", path, err)
	}
	return key, nil
}

// Records are the records of a node that may be running or not, for commands that look after them.
type Records struct {
	Store *store.Store
	Book  access.Book
	Path  string // of the SQLite file; "" with PostgreSQL

	dir *dataDir
}

// MasterKeyFile returns where the key is without which access keys cannot be read, unless a setting gives it.
func (r *Records) MasterKeyFile() string { return r.dir.file(masterKeyFile) }

// RecordsOptions say which records, and what for.
type RecordsOptions struct {
	Config *config.Config
	AsIs   bool // leaves the schema as it is found
}

// OpenRecords opens the database that a node of this configuration has. The node may run meanwhile. There is an
// error if there is no such database yet.
func OpenRecords(ctx context.Context, o RecordsOptions) (*Records, error) {
	c := o.Config
	dir, err := lookAtDataDir(c.DataDir)
	if err != nil {
		return nil, err
	}
	where := store.Options{URL: c.Database, AsIs: o.AsIs}
	if c.Database == "sqlite" {
		where.URL, where.Path = "", dir.file(databaseFile)
		if _, err := os.Stat(where.Path); err != nil {
			return nil, fmt.Errorf("there is no database in %s: start the server once, or name its data dir with --data-dir (%w)",
				dir.path, err)
		}
	}
	r := &Records{Path: where.Path, dir: dir}
	if r.Store, err = store.Open(ctx, where); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	r.Book.Store = r.Store
	if o.AsIs { // no keys are added
		return r, nil
	}
	if r.Book.Master, err = masterKey(c, dir); err != nil {
		return nil, errors.Join(err, r.Store.Close())
	}
	return r, nil
}

// Close closes the database.
func (r *Records) Close() error { return r.Store.Close() }

// lookAtDataDir returns a data dir without taking it from the server that has it.
func lookAtDataDir(path string) (*dataDir, error) {
	abs, err := absolute(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("data_dir %s: %w", cmp.Or(abs, path), err)
	}
	return &dataDir{path: abs}, nil
}
