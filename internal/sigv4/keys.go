package sigv4

import "time"

// Key is what is known of an access key.
type Key struct {
	Secret string
	// Token is the session token that requests of a temporary key carry; "" for a lasting key, whose requests
	// carry none.
	Token string
	// IgnoreToken takes requests with whatever token, and without.
	IgnoreToken bool
	// ExpiresAt is when the key ends; the zero time is never.
	ExpiresAt time.Time
}

// String hides the key.
func (Key) String() string { return "REDACTED" }

// GoString hides the key.
func (Key) GoString() string { return "REDACTED" }

// Keys knows access keys. Key may be called at once from many goroutines.
type Keys interface {
	// Key returns the access key of an id; ok is false when there is no such key.
	Key(accessKeyID string) (k Key, ok bool)
}

// OneKey is a Keys that knows a single pair. Session tokens say nothing to it.
type OneKey struct {
	AccessKeyID string
	SecretKey   string
}

// Key returns the one pair's secret.
func (k OneKey) Key(accessKeyID string) (Key, bool) {
	return Key{Secret: k.SecretKey, IgnoreToken: true}, accessKeyID != "" && accessKeyID == k.AccessKeyID
}

// String hides the secret.
func (k OneKey) String() string { return k.AccessKeyID + ":REDACTED" }

// GoString hides the secret.
func (k OneKey) GoString() string { return k.String() }
