package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// files compares the limit of open files with what the settings may use. Go raises the soft limit by itself.
func (e *examiner) files(context.Context) []Finding {
	f := Finding{Check: "files", Level: OK}
	_, hard, err := e.m.Files()
	if err != nil {
		f.Level, f.Found = Skip, fmt.Sprintf("the limit of open files can't be read: %v", err)
		return one(f)
	}
	f.Found = fmt.Sprintf("%d open files are allowed; the settings may use %d", hard, e.plan.Files)
	if hard < e.plan.Files {
		f.Level = Warn
		f.Meaning = "With many state sockets, TCP media or relayed clients at once, new ones are refused although the settings would take them."
		f.Change = fmt.Sprintf("LimitNOFILE=%d in the systemd unit (docker run --ulimit nofile=%[1]d), or a lower --max-sockets.", e.plan.Files)
	}
	return one(f)
}

// wishedBuffer is what the media port asks the kernel for, each way.
const wishedBuffer = 4 << 20

// buffers looks at how large the kernel lets the buffers of sockets be.
func (e *examiner) buffers(context.Context) []Finding {
	var all []Finding
	for _, b := range []struct{ name, what string }{
		{"rmem_max", "arrives while the server is busy"}, {"wmem_max", "leaves in a burst, such as a key frame to many viewers,"},
	} {
		f := Finding{Check: "udp." + b.name, Level: OK}
		data, err := e.m.ReadFile("/proc/sys/net/core/" + b.name)
		n, bad := strconv.Atoi(strings.TrimSpace(string(data)))
		switch {
		case err != nil || bad != nil:
			f.Level, f.Found = Skip, "the kernel does not tell net.core."+b.name
		case n < wishedBuffer:
			f.Level, f.Found = Warn, fmt.Sprintf("net.core.%s is %d bytes; the media port asks for %d", b.name, n, wishedBuffer)
			f.Meaning = "What " + b.what + " is lost sooner than it had to be. (With CAP_NET_ADMIN the server gets what it asks for.)"
			f.Change = fmt.Sprintf("sysctl -w net.core.%s=%d, and the same line in /etc/sysctl.d/90-proscenium.conf", b.name, wishedBuffer)
		default:
			f.Found = fmt.Sprintf("net.core.%s is %d bytes", b.name, n)
		}
		all = append(all, f)
	}
	return all
}

const (
	littleSpace = 2 << 30
	noSpace     = 256 << 20
)

// data looks at the data dir and its disk.
func (e *examiner) data(context.Context) []Finding {
	dir := e.plan.DataDir
	f := Finding{Check: "data.folder", Level: OK, Found: dir + " can be written to"}
	err := e.m.Writable(dir)
	if errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Dir(dir)
		f.Found = e.plan.DataDir + " is not there yet, and can be made"
		err = e.m.Writable(dir)
	}
	if err != nil {
		f.Level, f.Found = Fail, fmt.Sprintf("%s can't be written to: %v", dir, err)
		f.Meaning = "The server will not start, or will lose what it has to keep."
		f.Change = "chown it to the server's user, or name another folder with --data-dir."
		return one(f)
	}
	return []Finding{f, e.space(dir)}
}

func (e *examiner) space(dir string) Finding {
	f := Finding{Check: "data.space", Level: OK}
	free, err := e.m.Free(dir)
	if err != nil {
		f.Level, f.Found = Skip, fmt.Sprintf("the free space of %s can't be read: %v", dir, err)
		return f
	}
	f.Found = fmt.Sprintf("%.1f GiB are free for %s", float64(free)/(1<<30), dir)
	if free < littleSpace {
		f.Level, f.Meaning = Warn, "When the disk is full, calls that change something are refused, and events wait in memory."
		f.Change = "Make room, or move --data-dir to a larger disk."
	}
	if free < noSpace {
		f.Level = Fail
	}
	return f
}

// database looks at whether the database answers and has a schema that this build knows.
func (e *examiner) database(ctx context.Context) []Finding {
	f := Finding{Check: "database", Level: OK}
	if e.plan.Database == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	d, err := e.plan.Database(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Level, f.Found = Skip, "there is no database yet; the server makes it when it first starts"
	case err != nil:
		f.Level, f.Found = Fail, fmt.Sprintf("the database does not answer: %v", err)
		f.Meaning = "The server will not start; one that runs keeps its sessions, and refuses calls that need the database."
		f.Change = "Start the database, or correct --database."
	case d.Schema > d.Known:
		f.Level, f.Found = Fail, fmt.Sprintf("the database has schema %d, this build knows up to %d", d.Schema, d.Known)
		f.Meaning, f.Change = "The server will not start.", "Start the newer build that made it, or restore a backup from before."
	case d.Schema < d.Known:
		f.Found = fmt.Sprintf("%s answers; its schema %d is brought to %d at the next start", d.Name, d.Schema, d.Known)
	default:
		f.Found = fmt.Sprintf("%s answers, its schema is up to date (%d)", d.Name, d.Schema)
	}
	out := one(f)
	if err == nil && !d.Clock.IsZero() {
		out = append(out, HowFar("clock.database", "the database's", d.Clock, e.m.Now()))
	}
	return out
}
