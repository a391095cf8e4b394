package node

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// Credentials are the root credentials in force, and where they came from.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey config.Secret
	// Default says that they are test/test, for a server that only this machine reaches.
	Default bool
	// File is where they are kept when the server made them, "" otherwise. It is a file of the AWS tools' own
	// form: AWS_SHARED_CREDENTIALS_FILE may name it.
	File string
	// Source says in words where they came from.
	Source string
}

func (c Credentials) pair() sigv4.OneKey {
	return sigv4.OneKey{AccessKeyID: c.AccessKeyID, SecretKey: string(c.SecretAccessKey)}
}

const (
	credentialsFile = "root-credentials"
	defaultKey      = "test"
)

// rootCredentials follows the rule: those that were given; else test/test if nobody but this machine can reach
// the server; else a random pair, made once and kept.
func rootCredentials(c *config.Config, dir *dataDir) (Credentials, error) {
	if c.AccessKeyID != "" {
		return Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Source: given(c)}, nil
	}
	if c.Loopback() {
		return Credentials{
			AccessKeyID: defaultKey, SecretAccessKey: defaultKey, Default: true,
			Source: "the default for a server that only this machine reaches",
		}, nil
	}
	return keptCredentials(dir)
}

func given(c *config.Config) string {
	for _, s := range c.Settings() {
		if s.Key == "access_key_id" {
			return s.Origin.String()
		}
	}
	return "the settings"
}

func keptCredentials(dir *dataDir) (Credentials, error) {
	if _, err := dir.once(credentialsFile, newCredentials); err != nil {
		return Credentials{}, fmt.Errorf("root credentials: %w", err)
	}
	return ReadCredentials(dir.path)
}

// ReadCredentials returns the root credentials that a server has made in its data dir. The error is
// os.ErrNotExist if it has made none, and says what is wrong if others could read them.
func ReadCredentials(dataDir string) (Credentials, error) {
	path := filepath.Join(dataDir, credentialsFile)
	info, err := os.Stat(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("root credentials: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Credentials{}, fmt.Errorf("root credentials: %s may be read by others (mode %04o): "+
			"say chmod 600 %[1]s, or remove it to have others made", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("root credentials: %w", err)
	}
	c := Credentials{File: path, Source: path}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			c.AccessKeyID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			c.SecretAccessKey = config.Secret(strings.TrimSpace(value))
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return Credentials{}, fmt.Errorf("root credentials: %s does not hold them; remove it to have others made", path)
	}
	return c, nil
}

// newCredentials makes a pair: 20 characters of key id and 240 bits of secret, as AWS's are.
func newCredentials() []byte {
	secret := make([]byte, 30)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return fmt.Appendf(nil, "# Root credentials of this proscenium server. Whoever has them may do everything.\n"+
		"[default]\naws_access_key_id = PR%s\naws_secret_access_key = %s\n",
		rand.Text()[:18], base64.StdEncoding.EncodeToString(secret))
}
