package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpuSeconds returns the user and system time that a process has used, to the nanosecond if the kernel tells.
func cpuSeconds(pid int) (float64, error) {
	// The clock of a process's CPU time, as clock_getcpuclockid(3) makes it.
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &t) == nil {
		return float64(t.Nano()) / 1e9, nil
	}
	return cpuTicks(pid)
}

// ticks is the unit of /proc/PID/stat: sysconf(_SC_CLK_TCK), which is 100 on every Linux.
const ticks = 100

func cpuTicks(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name stands in brackets and may hold anything: count from behind it.
	_, rest, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, errors.New("unreadable /proc/PID/stat")
	}
	user, err := strconv.ParseUint(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseUint(f[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return float64(user+system) / ticks, nil
}

// residentBytes returns the resident memory of a process.
func residentBytes(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, errors.New("unreadable /proc/PID/statm")
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// pins says which core the server has, and which are left for the load.
type pins struct{ server, load unix.CPUSet }

// choosePins gives the server the last core that this process may use, and the load the others.
func choosePins() (pins, error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return pins{}, fmt.Errorf("ask for cores: %w", err)
	}
	if all.Count() < 2 {
		return pins{}, errors.New("pinning needs two cores")
	}
	var p pins
	last := 0
	for i := range len(all) * 64 {
		if all.IsSet(i) {
			last = i
		}
	}
	p.server.Set(last)
	p.load = all
	p.load.Clear(last)
	return p, nil
}

// pinSelf puts every thread of this process on the cores.
func pinSelf(set unix.CPUSet) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pin thread: %w", err)
		}
	}
	runtime.GOMAXPROCS(set.Count())
	return nil
}

// startPinned starts a command on the cores; a nil set starts it anywhere. The child inherits the cores of the thread
// that forks it.
func startPinned(cmd *exec.Cmd, set *unix.CPUSet) error {
	if set == nil {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("ask for cores: %w", err)
	}
	if err := unix.SchedSetaffinity(0, set); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); back != nil {
		return fmt.Errorf("unpin: %w", back)
	}
	return err
}

// machine says what this is: processors, and the kernel's release.
func machine() string {
	name := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	release := ""
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release, _, _ = strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	}
	return fmt.Sprintf("%d × %s, %s %s, %s", runtime.NumCPU(), name, runtime.GOOS, release, runtime.Version())
}

// spawned is a server that we started.
type spawned struct {
	cmd  *exec.Cmd
	url  string
	dir  string
	exit chan error
}

// spawn starts a server on free ports with a data directory of its own, and waits until it is ready.
func spawn(ctx context.Context, path string, set *unix.CPUSet, output io.Writer, flags ...string) (*spawned, error) {
	dir, err := os.MkdirTemp("", "proscenium-load-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	at := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i])) }
	// It outlives ctx: stop ends it in order.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, //nolint:gosec // the operator names the program
		append([]string{"serve", "--data-dir", filepath.Join(dir, "data"), "--http", at(0), "--media", at(1), "--rtmp", at(2)}, flags...)...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s := &spawned{cmd: cmd, url: "http://" + at(0), dir: dir, exit: make(chan error, 1)}
	if err := startPinned(cmd, set); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go func() { s.exit <- cmd.Wait() }()
	if err := s.wait(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *spawned) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.exit:
			s.exit <- err
			return fmt.Errorf("server ended before it was ready: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// stop ends the server and takes its data away.
func (s *spawned) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exit:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exit
	}
	_ = os.RemoveAll(s.dir)
}

// freePorts returns ports that are free for TCP and UDP now.
func freePorts(ctx context.Context, n int) ([]int, error) {
	ports := make([]int, 0, n)
	var lc net.ListenConfig
	for range 20 * n {
		l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all are held until the last is found, so that they differ
		port := l.Addr().(*net.TCPAddr).Port
		u, err := lc.ListenPacket(ctx, "udp4", l.Addr().String())
		if err != nil {
			continue
		}
		defer func() { _ = u.Close() }()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free ports")
}
