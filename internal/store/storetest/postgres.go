package storetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// owner is the database user that the tests are.
const owner = "proscenium"

// keeper runs the server until its input ends, which it does when the test binary ends, however that happens.
// Then it removes the folder.
const keeper = `"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=$3 -c max_connections=200 &
cat > /dev/null
kill -INT $!
wait $!
rm -rf "$2"`

// start makes a server in a temporary folder and returns the folder, which holds its socket, when it takes
// connections. PostgreSQL refuses to run as root: then it runs as the user postgres. fsync is on or off.
func start(bin, fsync string) (folder string, stop func(), err error) {
	who, err := credential()
	if err != nil {
		return "", nil, err
	}
	if folder, err = os.MkdirTemp("", "pg"); err != nil {
		return "", nil, err
	}
	if who != nil {
		if err := os.Chown(folder, int(who.Uid), int(who.Gid)); err != nil {
			return "", nil, err
		}
	}
	attr := &syscall.SysProcAttr{Credential: who, Setpgid: true}
	initdb := exec.Command(bin+"/initdb", "-D", folder+"/data", "-U", owner, "-A", "trust", "-E", "UTF8",
		"--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = folder, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(folder))
	}
	stop, err = run(exec.Command("/bin/sh", "-c", keeper, "keeper", bin, folder, fsync), folder, attr)
	return folder, stop, err
}

// run starts the server and waits for its word that it is ready.
func run(server *exec.Cmd, folder string, attr *syscall.SysProcAttr) (stop func(), err error) {
	server.Dir, server.SysProcAttr = folder, attr
	life, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	said, err := server.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	lines := bufio.NewReader(said)
	if err := waitReady(lines); err != nil {
		_ = life.Close()
		return nil, errors.Join(err, server.Wait())
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines) // its end is the server's
	}()
	return func() {
		_ = life.Close()
		<-drained
		_ = server.Wait() // the keeper's status is the removal's
	}, nil
}

func waitReady(lines *bufio.Reader) error {
	var log strings.Builder
	for {
		line, err := lines.ReadString('\n')
		log.WriteString(line)
		if strings.Contains(line, "ready to accept connections") {
			return nil
		}
		if err != nil {
			return fmt.Errorf("postgres did not start: %s", log.String())
		}
	}
}

// credential returns whom the server runs as: nil for whoever runs the tests.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("postgres cannot run as root, and the package's user is missing: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
