package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// server is a server's process of our own.
type server struct {
	cmd   *exec.Cmd
	exit  chan error
	url   string
	media netip.AddrPort
	dir   string
}

// startServer starts a binary on free ports, with flags of the caller's, and waits until it is ready.
func startServer(ctx context.Context, binary string, output io.Writer, flags ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "proscenium-impair-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + ports[0].String(), media: ports[1], dir: dir, exit: make(chan error, 1)}
	// It outlives ctx: stop ends it in order.
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, append([]string{ //nolint:gosec // the operator names the program
		"serve", "--data-dir", filepath.Join(dir, "data"), "--http", ports[0].String(), "--media", ports[1].String(),
		"--rtmp", ports[2].String(),
	}, flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = output, output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() { s.exit <- s.cmd.Wait() }()
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
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

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exit:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exit
	}
	_ = os.RemoveAll(s.dir)
}

// freePorts returns addresses on loopback that are free for TCP and UDP now.
func freePorts(n int) ([]netip.AddrPort, error) {
	var found []netip.AddrPort
	for range 20 * n {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all are held until the last is found, so that they differ
		at := l.Addr().(*net.TCPAddr).AddrPort()
		u, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			continue
		}
		_ = u.Close()
		if found = append(found, at); len(found) == n {
			return found, nil
		}
	}
	return nil, errors.New("no free ports")
}

// call calls an operation of the API as root.
func (s *server) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	sigv4.Signer{
		Key: sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, Region: "us-east-1", Service: "ivs",
	}.Sign(req, body, time.Now())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer func() { _ = res.Body.Close() }()
	reply, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", operation, res.Status, reply)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(reply, out)
}

// stage makes a stage with a token to publish and one to watch.
func (s *server) stage(ctx context.Context) (publish, watch string, err error) {
	var stage struct{ Stage struct{ ARN string } }
	if err := s.call(ctx, "CreateStage", map[string]any{"name": "impair"}, &stage); err != nil {
		return "", "", err
	}
	tokens := make([]string, 2)
	for i, capability := range []string{"PUBLISH", "SUBSCRIBE"} {
		var out struct{ ParticipantToken struct{ Token string } }
		if err := s.call(ctx, "CreateParticipantToken", map[string]any{
			"stageArn": stage.Stage.ARN, "capabilities": []string{capability},
		}, &out); err != nil {
			return "", "", err
		}
		tokens[i] = out.ParticipantToken.Token
	}
	return tokens[0], tokens[1], nil
}
