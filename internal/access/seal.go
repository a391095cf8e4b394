package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// MasterKeySize is how many bytes a master key has.
const MasterKeySize = 32

// MasterKey encrypts the secrets of access keys: AES-256-GCM, with a random nonce of 96 bits each. A master
// key so is good for four billion secrets.
type MasterKey struct{ gcm cipher.AEAD }

// String hides the key.
func (MasterKey) String() string { return "REDACTED" }

// GoString hides the key.
func (MasterKey) GoString() string { return "REDACTED" }

// GenerateMasterKey returns a new master key as a text.
func GenerateMasterKey() string {
	key := make([]byte, MasterKeySize)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(key)
}

// ParseMasterKey reads a master key: 32 bytes in base64. Errors do not repeat it.
func ParseMasterKey(text string) (MasterKey, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != MasterKeySize {
		return MasterKey{}, fmt.Errorf("it must be %d bytes in base64, as `openssl rand -base64 %[1]d` makes them", MasterKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return MasterKey{}, err
	}
	gcm, err := cipher.NewGCM(block)
	return MasterKey{gcm}, err
}

const sealVersion = "v1:"

// errUnsealed is all that is said about a secret that cannot be read.
var errUnsealed = errors.New("its secret was encrypted with another master key, or has been altered")

// seal encrypts a text and binds it to what it is for: moved elsewhere in the database, it does not open.
func (m MasterKey) seal(text, purpose string) string {
	nonce := make([]byte, m.gcm.NonceSize())
	_, _ = rand.Read(nonce)
	return sealVersion + base64.StdEncoding.EncodeToString(m.gcm.Seal(nonce, nonce, []byte(text), []byte(purpose)))
}

func (m MasterKey) open(sealed, purpose string) (string, error) {
	text, ok := strings.CutPrefix(sealed, sealVersion)
	data, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(data) < m.gcm.NonceSize() {
		return "", errUnsealed
	}
	plain, err := m.gcm.Open(nil, data[:m.gcm.NonceSize()], data[m.gcm.NonceSize():], []byte(purpose))
	if err != nil {
		return "", errUnsealed
	}
	return string(plain), nil
}
