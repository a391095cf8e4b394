package sigv4

// Keys knows the secrets of access keys. Secret may be called at once from many goroutines.
type Keys interface {
	// Secret returns the secret access key of an access key id; ok is false when there is no such key.
	Secret(accessKeyID string) (secret string, ok bool)
}

// OneKey is a Keys that knows a single pair.
type OneKey struct {
	AccessKeyID string
	SecretKey   string
}

// Secret returns the secret of the one pair.
func (k OneKey) Secret(accessKeyID string) (string, bool) {
	return k.SecretKey, accessKeyID != "" && accessKeyID == k.AccessKeyID
}

// String hides the secret.
func (k OneKey) String() string { return k.AccessKeyID + ":REDACTED" }

// GoString hides the secret.
func (k OneKey) GoString() string { return k.String() }
