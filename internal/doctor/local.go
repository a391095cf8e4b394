package doctor

import (
	"crypto/tls"
	"io"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

const (
	localTimeout    = 3 * time.Second
	databaseTimeout = 5 * time.Second
	maxBody         = 64 << 10
)

func localTransport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // nothing secret is said or believed
}

func readSome(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxBody)) }

func openFiles() (soft, hard uint64, err error) {
	var l unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return l.Cur, l.Max, err
}

func freeSpace(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
