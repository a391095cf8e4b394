package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// binary is the real thing, built as make build does.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "proscenium")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "proscenium")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version=v0.0.0-test", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// server is a running proscenium serve.
type server struct {
	cmd    *exec.Cmd
	url    string
	banner string        // all of the standard output up to the end of the banner
	rest   chan string   // the standard output after that, once the process has ended
	log    *bytes.Buffer // the standard error, to be read once the process has ended
}

// serveBinary starts the server on free ports and waits for its banner.
func serveBinary(t *testing.T, dataDir string, env []string, args ...string) *server {
	t.Helper()
	s := start(t, dataDir, env, args...)
	if s.url == "" {
		_ = s.cmd.Wait()
		t.Fatalf("no banner; the log is %s", s.log)
	}
	return s
}

func start(t *testing.T, dataDir string, env []string, args ...string) *server {
	t.Helper()
	args = append([]string{"serve", "--data-dir", dataDir, "--http", "127.0.0.1:0", "--media", "127.0.0.1:0"}, args...)
	s := &server{cmd: exec.Command(binary, args...), rest: make(chan string, 1), log: &bytes.Buffer{}}
	s.cmd.Env = append(clean(os.Environ()), env...)
	s.cmd.Stderr = s.log
	pipe, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	out := bufio.NewReader(pipe)
	last := "create-stage"
	if slices.Contains(args, "--demo") {
		last = "/console/watch#"
	}
	for !strings.Contains(s.banner, last) {
		line, err := out.ReadString('\n')
		s.banner += line
		if err != nil {
			return s
		}
	}
	s.url = regexp.MustCompile(`API +(http://\S+)`).FindStringSubmatch(s.banner)[1]
	go func() {
		data, _ := io.ReadAll(out) // ends with the process
		s.rest <- string(data)
	}()
	return s
}

// clean drops what would configure the server from outside of the test.
func clean(environ []string) []string {
	var out []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, "PROSCENIUM_") {
			out = append(out, entry)
		}
	}
	return out
}

// end waits for the process and returns its exit status.
func (s *server) end(t *testing.T) int {
	t.Helper()
	<-s.rest
	_ = s.cmd.Wait() // the status says it
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (s *server) caller() caller {
	return caller{endpoint: s.url, signer: sigv4.Signer{
		Key: sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, Region: "us-east-1", Service: "ivs",
	}}
}

func TestServe_BannerSaysWhatToDoNext(t *testing.T) {
	dir := t.TempDir()
	s := serveBinary(t, dir, nil)
	for _, want := range []string{
		s.url + "/console/", s.url + "/whip", dir, "access key test, secret test",
		"AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws ivs-realtime create-stage --endpoint-url " + s.url,
	} {
		if !strings.Contains(s.banner, want) {
			t.Errorf("the banner lacks %q:\n%s", want, s.banner)
		}
	}
	r, err := http.Get(s.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("with the banner out readyz answers %d", r.StatusCode)
	}
	s.signal(t, unix.SIGTERM)
	if code := s.end(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if !strings.Contains(s.log.String(), "root credentials are test/test") {
		t.Errorf("no warning of test/test: %s", s.log)
	}
}

func TestServe_DemoPrintsALink(t *testing.T) {
	s := serveBinary(t, t.TempDir(), nil, "--demo")
	if !strings.Contains(s.banner, s.url+"/console/watch#ey") {
		t.Errorf("no link in %s", s.banner)
	}
	token := exec.Command(binary, "token", "--stage", "welcome", "--subscribe", "--endpoint", s.url, "--data-dir", t.TempDir())
	token.Env = clean(os.Environ())
	if out, err := token.Output(); err != nil || !strings.HasPrefix(string(out), "ey") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("the token is %q, %v", out, err)
	}
	s.signal(t, unix.SIGINT)
	if code := s.end(t); code != 0 {
		t.Errorf("exit status %d: %s", code, s.log)
	}
}

func TestServe_TermEndsItInTimeWithStatus0(t *testing.T) {
	s := serveBinary(t, t.TempDir(), nil)
	began := time.Now()
	s.signal(t, unix.SIGTERM)
	s.signal(t, unix.SIGTERM) // as timeout(1) does: not yet a second wish
	if code := s.end(t); code != 0 {
		t.Errorf("exit status %d: %s", code, s.log)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestServe_SecondStartOnADataDirFailsClearly(t *testing.T) {
	dir := t.TempDir()
	first := serveBinary(t, dir, nil)
	second := start(t, dir, nil)
	_ = second.cmd.Wait()
	if code := second.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit status %d", code)
	}
	for _, want := range []string{"proscenium: data_dir " + dir, fmt.Sprintf("process %d", first.cmd.Process.Pid), "--data-dir"} {
		if !strings.Contains(second.log.String(), want) {
			t.Errorf("%q lacks %q", second.log, want)
		}
	}
	if n := strings.Count(strings.TrimSpace(second.log.String()), "\n"); n != 0 {
		t.Errorf("it says more than one line: %s", second.log)
	}
}

func TestServe_WrongSettingFailsClearly(t *testing.T) {
	s := start(t, t.TempDir(), []string{"PROSCENIUM_ACCOUNT_ID=12"})
	_ = s.cmd.Wait()
	const want = `proscenium: account_id: "12" (from PROSCENIUM_ACCOUNT_ID) is refused: it must be 12 digits`
	if s.cmd.ProcessState.ExitCode() != 1 || strings.TrimSpace(s.log.String()) != want {
		t.Errorf("status %d, %s", s.cmd.ProcessState.ExitCode(), s.log)
	}
}

func TestServe_WarnsOfMisspeltVariables(t *testing.T) {
	s := serveBinary(t, t.TempDir(), []string{"PROSCENIUM_HTPP=x"})
	s.signal(t, unix.SIGTERM)
	s.end(t)
	if !strings.Contains(s.log.String(), "variable=PROSCENIUM_HTPP") {
		t.Errorf("no warning: %s", s.log)
	}
}

func TestServe_MakesCredentialsWhenOthersCanReachIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "root-credentials")
	for range 2 { // made once, then kept
		// The rtmp address is not bound yet, but counts: nothing of this test is reachable from outside.
		s := serveBinary(t, dir, nil, "--rtmp", "0.0.0.0:1935")
		if !strings.Contains(s.banner, "AWS_SHARED_CREDENTIALS_FILE="+path+" aws") {
			t.Errorf("the banner lacks the file: %s", s.banner)
		}
		err := s.caller().call(t.Context(), "ListStages", struct{}{}, nil)
		if err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") {
			t.Errorf("test/test gets %v", err)
		}
		token := exec.Command(binary, "token", "--stage", "none", "--endpoint", s.url, "--data-dir", dir)
		token.Env = clean(os.Environ())
		if out, _ := token.CombinedOutput(); !strings.Contains(string(out), `there is no stage "none"`) {
			t.Errorf("with the credentials of the data dir: %s", out)
		}
		s.signal(t, unix.SIGTERM)
		if code := s.end(t); code != 0 {
			t.Errorf("exit status %d: %s", code, s.log)
		}
		secret := regexp.MustCompile(`secret_access_key = (\S+)`)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if m := secret.FindStringSubmatch(string(data)); m == nil || strings.Contains(s.banner+s.log.String(), m[1]) {
			t.Errorf("the secret is missing, or was printed")
		}
	}
}

func TestVersion_SaysVersionCommitAndGo(t *testing.T) {
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !regexp.MustCompile(`^proscenium v0\.0\.0-test, commit .+, go1\.\d+\S* \w+/\w+\n$`).Match(out) {
		t.Errorf("%q, %v", out, err)
	}
}

func TestHelp_HasEveryFlagWithItsMeaning(t *testing.T) {
	out, err := exec.Command(binary, "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--data-dir folder", `(default ./data)`, "--http host:port", "(default 127.0.0.1:7400)", "--media", "--rtmp", "--public-url",
		"--media-address", "--region", "--account-id", "--quotas", "--database", "--roles", "--demo", "--config",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the help lacks %q:\n%s", want, out)
		}
	}
}

// Issue 2, shown by 6: kill -9 at any moment, restart, and every acknowledged stage and tag is there.
func TestServe_KeepsWhatItAcknowledgedThroughKill9(t *testing.T) {
	dir := t.TempDir()
	kept := &acknowledged{stages: map[string]map[string]string{}, deleted: map[string]bool{}}
	for round := range 4 {
		s := serveBinary(t, dir, nil)
		kept.check(t, s.caller())
		kept.writeUntilKilled(t, s, 5+13*round)
	}
	s := serveBinary(t, dir, nil)
	kept.check(t, s.caller())
	t.Logf("%d stages and %d deletions were acknowledged over 4 kills", len(kept.stages), len(kept.deleted))
}

// acknowledged is what the server has said yes to.
type acknowledged struct {
	mu      sync.Mutex
	stages  map[string]map[string]string // tags by ARN
	deleted map[string]bool
}

// writeUntilKilled writes from several sides at once, and kills the server in the midst of it, once it has
// acknowledged so many stages.
func (a *acknowledged) writeUntilKilled(t *testing.T, s *server, after int) {
	t.Helper()
	enough := make(chan struct{})
	var once sync.Once
	var count int
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for a.writeOne(t, s.caller()) {
				a.mu.Lock()
				count++
				if count >= after {
					once.Do(func() { close(enough) })
				}
				a.mu.Unlock()
			}
		})
	}
	<-enough
	s.signal(t, unix.SIGKILL)
	wg.Wait()
	s.end(t)
}

// writeOne makes a stage with a tag, adds another, and deletes every fifth stage; false when the server is gone.
func (a *acknowledged) writeOne(t *testing.T, c caller) bool {
	t.Helper()
	var made struct{ Stage struct{ Arn string } }
	if err := c.call(t.Context(), "CreateStage", map[string]any{"name": "s", "tags": map[string]string{"a": "1"}}, &made); err != nil {
		return false
	}
	arn := made.Stage.Arn
	a.note(arn, "a", "1")
	if err := tag(t.Context(), c, arn, "b", "2"); err != nil {
		return false
	}
	a.note(arn, "b", "2")
	a.mu.Lock()
	fifth := len(a.stages)%5 == 0
	if fifth {
		delete(a.stages, arn) // from the question on it may be there or not
	}
	a.mu.Unlock()
	if !fifth {
		return true
	}
	if err := c.call(t.Context(), "DeleteStage", map[string]any{"arn": arn}, nil); err != nil {
		return false
	}
	a.mu.Lock()
	a.deleted[arn] = true
	a.mu.Unlock()
	return true
}

func (a *acknowledged) note(arn, key, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stages[arn] == nil {
		a.stages[arn] = map[string]string{}
	}
	a.stages[arn][key] = value
}

func (a *acknowledged) check(t *testing.T, c caller) {
	t.Helper()
	for arn, tags := range a.stages {
		var got struct {
			Stage struct {
				Arn  string
				Tags map[string]string
			}
		}
		if err := c.call(t.Context(), "GetStage", map[string]any{"arn": arn}, &got); err != nil {
			t.Errorf("%s was acknowledged: %v", arn, err)
			continue
		}
		for key, value := range tags {
			if got.Stage.Tags[key] != value {
				t.Errorf("%s: tag %s was acknowledged as %q, is %q", arn, key, value, got.Stage.Tags[key])
			}
		}
	}
	for arn := range a.deleted {
		if err := c.call(t.Context(), "GetStage", map[string]any{"arn": arn}, nil); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
			t.Errorf("%s was deleted, and answers %v", arn, err)
		}
	}
}

// tag adds a tag to a stage.
func tag(ctx context.Context, c caller, arn, key, value string) error {
	return c.call(ctx, "tags/"+strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn),
		map[string]any{"tags": map[string]string{key: value}}, nil)
}
