// Package access says who may do what: access keys, and the IAM-style policies they carry.
//
// Access keys are records of the store. SigV4 needs the secret itself to verify a signature, so secrets are
// kept encrypted (AES-256-GCM) with a master key that stays outside of the database. A Keyring holds what the
// store has in memory, so that no call waits for the database; its Run, the only goroutine here, looks every
// second whether anything has changed, and so keys that another process adds or revokes take effect.
//
// Policies are read strictly: what this package would not heed is refused when a key is added, never ignored
// when a call is decided. They are evaluated as AWS does: nothing is allowed that no statement allows, and one
// that denies wins.
//
// Deliberately not here: which resources and tags a call is about (api), signatures (sigv4), the root
// credentials, which may do everything (node).
package access
