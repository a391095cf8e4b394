package config

import (
	"errors"
	"net/url"
)

// StorageKind says what keeps a bucket.
type StorageKind string

// The kinds of storage.
const (
	FolderStorage StorageKind = "folder"
	S3Storage     StorageKind = "s3"
)

// Storage says where recordings are kept.
type Storage struct {
	Kind            StorageKind // of buckets that Buckets does not name
	CreateFolders   bool
	Endpoint        string // of the S3 service; "" is Amazon's own
	Region          string // "" is the server's
	PathStyle       bool
	AccessKeyID     string // "" asks the AWS SDK's chain
	SecretAccessKey Secret
	Buckets         Secret // a JSON list, "" is none; what stands in it is node's to read
}

func storeURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it must be an http or https URL without user, query and fragment")
	}
	return nil
}
