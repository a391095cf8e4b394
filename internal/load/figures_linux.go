package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// figures reads what a spawned server tells of itself; empty if it tells nothing, or is not ours.
func (r *run) figures(ctx context.Context) figures {
	if r.o.Spawn == "" {
		return nil
	}
	f, err := readFigures(ctx, r.http, r.o.Server)
	if err != nil {
		r.say("metrics: %v", err)
	}
	return f
}

// readFigures reads the samples without labels of a server's metrics.
func readFigures(ctx context.Context, h *http.Client, server string) (figures, error) {
	body, err := get(ctx, h, server+"/metrics")
	if err != nil {
		return nil, err
	}
	f := figures{}
	for lines := bufio.NewScanner(strings.NewReader(string(body))); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") || strings.Contains(name, "{") {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			f[name] = n
		}
	}
	return f, nil
}

const maxProfile = 64 << 20 // bytes

func get(ctx context.Context, h *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := h.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxProfile))
}

// profile begins to take the server's profiles, if they are wanted. The returned function waits for them, and
// then takes those of a moment.
func (r *run) profile(ctx context.Context) (done func() error) {
	if r.o.Profile == "" {
		return func() error { return nil }
	}
	h := &http.Client{Timeout: r.o.Duration + time.Minute}
	seconds := max(1, int(r.o.Duration.Seconds())-1)
	group, ctx := errgroup.WithContext(ctx)
	take := func(file, path string) error {
		data, err := get(ctx, h, r.o.Server+"/debug/pprof/"+path)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		if err := os.MkdirAll(r.o.Profile, 0o755); err != nil { //nolint:gosec // profiles are no secret
			return err
		}
		return os.WriteFile(filepath.Join(r.o.Profile, file), data, 0o644) //nolint:gosec // profiles are no secret
	}
	group.Go(func() error { return take("cpu.pb.gz", fmt.Sprintf("profile?seconds=%d", seconds)) })
	// What was allocated meanwhile, and not since the server's start.
	group.Go(func() error { return take("allocs.pb.gz", fmt.Sprintf("allocs?seconds=%d", seconds)) })
	return func() error {
		defer h.CloseIdleConnections()
		group.Go(func() error { return take("heap.pb.gz", "heap?gc=1") })
		group.Go(func() error { return take("goroutines.txt", "goroutine?debug=1") })
		err := group.Wait()
		if err == nil {
			r.say("profiles are in %s", r.o.Profile)
		}
		return err
	}
}
