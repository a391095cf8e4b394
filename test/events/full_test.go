package events_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// smallDisk returns an empty file system of 4 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("proscenium-test", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=4m,mode=0700"); err != nil {
		if os.Getenv("PROSCENIUM_TEST_REQUIRE") == "all" && os.Geteuid() == 0 {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("a disk that is full is not tried: mounting a small one needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill leaves no room on the disk, and returns what makes room again.
func fill(t *testing.T, disk string) (free func()) {
	t.Helper()
	name := filepath.Join(disk, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// process is the real program, serving.
type process struct {
	t   *testing.T
	url string
	log *bytes.Buffer // to be read when it has ended
	cmd *exec.Cmd
}

// program builds and starts the real thing; the test's end ends it.
func program(t *testing.T, dataDir string, env ...string) *process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "proscenium")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/proscenium")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	p := &process{t: t, log: &bytes.Buffer{}}
	p.cmd = exec.Command(binary, "serve", "--data-dir", dataDir, "--http", "127.0.0.1:0", "--media", "127.0.0.1:0", "--rtmp", "127.0.0.1:0")
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), p.log
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for out := bufio.NewReader(pipe); ; {
		line, err := out.ReadString('\n')
		if err != nil {
			_ = p.cmd.Wait()
			t.Fatalf("no banner: %v\n%s", err, p.log)
		}
		if found := regexp.MustCompile(`API +(http://\S+)`).FindStringSubmatch(line); found != nil {
			p.url = found[1]
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return p
		}
	}
}

// ask calls an operation of the API.
func (p *process) ask(operation string, in, out any) (status int, exception string) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/"+operation, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	sigv4.Signer{
		Key: sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, Region: "us-east-1", Service: "ivs",
	}.Sign(r, body, time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatalf("%s: %v", operation, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK && out != nil {
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			p.t.Fatalf("%s: %v", operation, err)
		}
	}
	return answer.StatusCode, answer.Header.Get("X-Amzn-Errortype")
}

// must calls an operation that is to succeed.
func (p *process) must(operation string, in, out any) {
	p.t.Helper()
	if status, exception := p.ask(operation, in, out); status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", operation, status, exception)
	}
}

func (p *process) token(stage, who string, capabilities ...string) string {
	p.t.Helper()
	var out struct{ ParticipantToken struct{ Token string } }
	p.must("CreateParticipantToken", map[string]any{"stageArn": stage, "userId": who, "capabilities": capabilities}, &out)
	return out.ParticipantToken.Token
}

// While the disk is full media goes on and the API says that it cannot write; what happened meanwhile is recorded and
// told once there is room, complete and in order.
func TestEvents_AFullDiskDelaysThemOnly(t *testing.T) {
	disk := smallDisk(t)
	hook := receive(t)
	p := program(t, filepath.Join(disk, "data"),
		"PROSCENIUM_EVENTS_ALLOW_PRIVATE=127.0.0.0/8", "PROSCENIUM_LOG_ACCESS=false",
		`PROSCENIUM_EVENTS_TARGETS=[{"name":"hook","kind":"webhook","url":"`+hook.URL+`","secret":"`+secret+`"}]`)
	var made struct{ Stage struct{ ARN string } }
	p.must("CreateStage", struct{}{}, &made)
	stage := made.Stage.ARN
	ada := join(t, p.token(stage, "ada", "PUBLISH"))
	bob, tokenOfCyd := join(t, p.token(stage, "bob", "SUBSCRIBE")), p.token(stage, "cyd", "SUBSCRIBE")
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	stream(t, ada)
	packets := make(chan struct{}, 1)
	_, err := bob.Subscribe(ctx, ada.ID(), client.SubscribeOptions{OnPacket: func(client.Track, *rtp.Packet) {
		select {
		case packets <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the webhook", func() bool { return len(hook.names()) == 1 })

	free := fill(t, disk)
	refused := map[string]int{}
	for range 50 { // some may fit into what the database has already
		if status, exception := p.ask("CreateStage", map[string]any{"name": "x"}, nil); status != http.StatusOK {
			refused[exception]++
			if status < 500 {
				t.Errorf("a full disk is answered with %d %s", status, exception)
			}
		}
	}
	if refused["InternalServerException"] == 0 || len(refused) != 1 {
		t.Fatalf("a full disk is answered with %v", refused)
	}
	cyd := join(t, tokenOfCyd)
	const times = 200
	for range times {
		if status := offerAt(t, p.url, tokenOfCyd); status != http.StatusForbidden {
			t.Fatalf("a refusal while the disk is full is %d", status)
		}
	}
	if err := cyd.Leave(ctx); err != nil {
		t.Error(err)
	}
	for range 200 { // media goes on
		select {
		case <-packets:
		case <-ctx.Done():
			t.Fatal("media has stopped")
		}
	}
	p.must("GetStage", map[string]string{"arn": stage}, nil) // it can still be read
	if got := len(hook.names()); got > times/2 {
		t.Errorf("the disk was not full: the webhook was told %d events", got)
	}
	free()

	want := append([]string{"Participant Published ada"}, slices.Repeat([]string{"Participant Publish Error cyd INSUFFICIENT_CAPABILITIES"}, times)...)
	within(t, "the webhook afterwards", func() bool { return len(hook.names()) >= len(want) })
	if got := hook.names(); !slices.Equal(got, want) {
		t.Errorf("the webhook is told %q", got)
	}
	var last int64
	for _, d := range hook.deliveries() {
		seq, err := strconv.ParseInt(d.Headers["proscenium-sequence"], 10, 64)
		if err != nil || seq <= last {
			t.Errorf("event %q comes after %d (%v)", d.Headers["proscenium-sequence"], last, err)
		}
		last = seq
	}
	verify(t, hook.deliveries())
	var all []string
	for in := map[string]any{"stageArn": stage, "sessionId": ada.Session(), "participantId": cyd.ID(), "maxResults": 100}; ; {
		var page struct {
			NextToken string
			Events    []struct{ Name string }
		}
		p.must("ListParticipantEvents", in, &page)
		for _, e := range page.Events {
			all = append(all, e.Name)
		}
		if page.NextToken == "" {
			break
		}
		in["nextToken"] = page.NextToken
	}
	slices.Reverse(all) // the newest comes first
	if want := "JOINED " + strings.Repeat("PUBLISH_ERROR ", times) + "LEFT"; strings.Join(all, " ") != want {
		t.Errorf("the API tells of %d events: %q", len(all), all)
	}
	p.must("CreateStage", struct{}{}, nil)
	if err := errors.Join(bob.Leave(ctx), ada.Leave(ctx), p.cmd.Process.Signal(unix.SIGTERM)); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if log := p.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "facts are lost") || strings.Contains(log, "fact cannot be kept") {
		t.Error(log)
	}
}

// offerAt posts an offer that its token does not allow, and returns the status.
func offerAt(t *testing.T, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/whip", strings.NewReader("v=0\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/sdp")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
