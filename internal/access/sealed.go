package access

// Seal encrypts a secret of another part of the server, and binds it to what it is for: under another purpose it
// does not open.
func (m MasterKey) Seal(text, purpose string) string { return m.seal(text, "other/"+purpose) }

// Open decrypts what Seal made for the same purpose. The error says nothing of the secret.
func (m MasterKey) Open(sealed, purpose string) (string, error) {
	return m.open(sealed, "other/"+purpose)
}
