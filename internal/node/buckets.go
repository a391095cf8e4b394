package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/proscenium-live/proscenium/internal/blob"
	"github.com/proscenium-live/proscenium/internal/blob/dir"
	"github.com/proscenium-live/proscenium/internal/blob/s3"
	"github.com/proscenium-live/proscenium/internal/config"
)

// place is an entry of storage.buckets. What it leaves out is as storage says.
type place struct {
	Name            string             `json:"name"`   // as storage configurations have it
	Bucket          string             `json:"bucket"` // its name there; "" is the same
	Kind            config.StorageKind `json:"kind"`
	Endpoint        string             `json:"endpoint"`
	Region          string             `json:"region"`
	PathStyle       *bool              `json:"path_style"`
	AccessKeyID     string             `json:"access_key_id"`
	SecretAccessKey string             `json:"secret_access_key"`
}

// buckets finds the store of each bucket, by the settings.
type buckets struct {
	folders dir.Folders
	common  config.Storage
	region  string
	named   map[string]place

	mu   sync.Mutex
	open map[string]blob.Store // those of S3: each reads the chain of credentials once
}

func openBuckets(c *config.Config, root string) (*buckets, error) {
	b := &buckets{
		folders: dir.Folders{Root: root, Create: c.Storage.CreateFolders}, common: c.Storage,
		region: cmp.Or(c.Storage.Region, c.Region), named: map[string]place{}, open: map[string]blob.Store{},
	}
	var list []place
	if text := string(c.Storage.Buckets); text != "" {
		in := json.NewDecoder(strings.NewReader(text))
		in.DisallowUnknownFields()
		if err := in.Decode(&list); err != nil {
			return nil, fmt.Errorf("storage.buckets: %s", strings.TrimPrefix(err.Error(), "json: "))
		}
	}
	for i, p := range list {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("storage.buckets: entry %d: %w", i+1, err)
		}
		if _, twice := b.named[p.Name]; twice {
			return nil, fmt.Errorf("storage.buckets: %s stands in it twice", p.Name)
		}
		b.named[p.Name] = p
	}
	return b, nil
}

func (p *place) check() error {
	switch {
	case p.Name == "":
		return errors.New("it has no name")
	case p.Kind == "":
		p.Kind = config.S3Storage
	case p.Kind != config.S3Storage && p.Kind != config.FolderStorage:
		return fmt.Errorf("the kind is %q, allowed are folder and s3", p.Kind)
	}
	if (p.AccessKeyID == "") != (p.SecretAccessKey == "") {
		return errors.New("access_key_id and secret_access_key go together")
	}
	return nil
}

// Bucket implements blob.Opener.
func (b *buckets) Bucket(name string) (blob.Store, error) {
	p, ok := b.named[name]
	if !ok {
		p.Kind = b.common.Kind
	}
	if p.Kind == config.FolderStorage {
		return b.folders.Bucket(cmp.Or(p.Bucket, name))
	}
	o := s3.Options{
		Bucket: cmp.Or(p.Bucket, name), Endpoint: cmp.Or(p.Endpoint, b.common.Endpoint), Region: cmp.Or(p.Region, b.region),
		PathStyle: b.common.PathStyle, AccessKeyID: p.AccessKeyID, SecretKey: p.SecretAccessKey,
	}
	if p.PathStyle != nil {
		o.PathStyle = *p.PathStyle
	}
	// The common credentials go to the common service, and to no other.
	if o.AccessKeyID == "" && o.Endpoint == b.common.Endpoint {
		o.AccessKeyID, o.SecretKey = b.common.AccessKeyID, string(b.common.SecretAccessKey)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.open[name]; s != nil {
		return s, nil
	}
	s, err := s3.Open(context.Background(), o)
	if err == nil {
		b.open[name] = s
	}
	return s, err
}

var _ blob.Opener = (*buckets)(nil)
