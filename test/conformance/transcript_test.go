package conformance_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts as the server answers now")

// exchange is one request whose answer is kept to the letter in testdata. Requests of a test go to one server,
// one after another; STAGE stands for the stage that "stage/create" makes.
type exchange struct {
	name   string
	method string
	path   string
	body   string
	spoil  func(*http.Request) // after signing; nil: nothing
}

var exchanges = []exchange{
	{name: "stage/create", path: "/CreateStage", body: `{"name":"welcome","tags":{"b":"2","a":"1"},"participantTokenConfigurations":[{"userId":"u","attributes":{"k":"v"}}]}`},
	{name: "stage/create_defaults", path: "/CreateStage", body: `{}`},
	{name: "stage/create_invalid", path: "/CreateStage", body: `{"name":"not valid","participantTokenConfigurations":[{"duration":0}]}`},
	{name: "stage/create_storage_missing", path: "/CreateStage", body: `{"autoParticipantRecordingConfiguration":{"storageConfigurationArn":"arn:aws:ivs:us-east-1:000000000000:storage-configuration/abc"}}`},
	{name: "stage/get", path: "/GetStage", body: `{"arn":"STAGE"}`},
	{name: "stage/get_missing", path: "/GetStage", body: `{"arn":"arn:aws:ivs:us-east-1:000000000000:stage/abc"}`},
	{name: "stage/get_foreign", path: "/GetStage", body: `{"arn":"arn:aws:ivs:us-east-1:999999999999:stage/abc"}`},
	{name: "stage/get_elsewhere", path: "/GetStage", body: `{"arn":"arn:aws:ivs:eu-west-1:000000000000:stage/abc"}`},
	{name: "stage/get_other_type", path: "/GetStage", body: `{"arn":"arn:aws:ivs:us-east-1:000000000000:channel/abc"}`},
	{name: "stage/update", path: "/UpdateStage", body: `{"arn":"STAGE","name":"renamed"}`},
	{name: "stage/list_invalid_token", path: "/ListStages", body: `{"nextToken":"AAAA"}`},
	{name: "token/create", path: "/CreateParticipantToken", body: `{"stageArn":"STAGE"}`},
	{name: "participant/disconnect", path: "/DisconnectParticipant", body: `{"stageArn":"STAGE","participantId":"abc"}`},
	{name: "tag/list", method: "GET", path: "/tags/STAGE"},
	{name: "tag/tag", path: "/tags/STAGE", body: `{"tags":{"c":"3"}}`},
	{name: "tag/tag_reserved", path: "/tags/STAGE", body: `{"tags":{"aws:c":"3"}}`},
	{name: "tag/untag", method: "DELETE", path: "/tags/STAGE?tagKeys=a&tagKeys=b&tagKeys=c"},
	{name: "tag/list_none", method: "GET", path: "/tags/STAGE"},
	{name: "stage/delete", path: "/DeleteStage", body: `{"arn":"STAGE"}`},
	{name: "stage/delete_missing", path: "/DeleteStage", body: `{"arn":"STAGE"}`},
	{name: "stage/list", path: "/ListStages", body: `{}`},
	{name: "front/throttled", path: "/ListStages", body: `{}`},
	{name: "front/not_served", path: "/GetStreamSession", body: `{"channelArn":"arn:aws:ivs:us-east-1:000000000000:channel/abc"}`},
	{name: "front/unknown", path: "/Unknown", body: `{}`},
	{name: "front/not_json", path: "/CreateStage", body: `{`},
	{name: "front/wrong_type", path: "/CreateStage", body: `{"tags":{"k":1}}`},
	{name: "front/no_signature", path: "/GetStage", body: `{}`, spoil: func(r *http.Request) { r.Header.Del("Authorization") }},
	{name: "front/half_signature", path: "/GetStage", body: `{}`, spoil: func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Signature=00") }},
	{name: "front/wrong_signature", path: "/GetStage", body: `{}`, spoil: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
	{name: "front/unknown_key", path: "/GetStage", body: `{}`, spoil: func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=test/", "Credential=other/", 1))
	}},
	{name: "front/media_type", path: "/GetStage", body: `{}`, spoil: func(r *http.Request) { resign(r, "Content-Type", "text/plain") }},
	{name: "front/accept", path: "/GetStage", body: `{}`, spoil: func(r *http.Request) { resign(r, "Accept", "text/html") }},
	{name: "front/too_large", path: "/GetStage", body: strings.Repeat(" ", api.MaxBody+1)},
	{name: "front/preflight", method: "OPTIONS", path: "/tags/x"},
}

func resign(r *http.Request, header, value string) {
	r.Header.Set(header, value)
	sign(r, "{}")
}

func sign(r *http.Request, body string) {
	sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: key, SecretKey: secret}, Region: region, Service: "ivs"}.Sign(r, []byte(body), time.Now())
}

// If this fails, run go test ./test/conformance -run Transcripts -rewrite and look at the difference. Only
// commit it if clients of the real service would not mind.
func TestTranscripts_AreWhatTheServerAnswers(t *testing.T) {
	server := newServer(t, func(o *api.Options) {
		o.Limiter = api.NewLimiter(api.Rates{"ListStages": 2}, func() time.Time { return time.Unix(0, 0) })
	})
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	stage := ""
	for _, x := range exchanges {
		got, body := x.run(t, client, server, stage)
		if stage == "" {
			stage = regexp.MustCompile(`arn:aws:ivs:[^"]+`).FindString(body)
		}
		file := filepath.Join("testdata", x.name+".txt")
		if *rewrite {
			save(t, file, got)
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", x.name, got, want)
		}
	}
}

func save(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (x exchange) run(t *testing.T, client *http.Client, server, stage string) (transcript, body string) {
	t.Helper()
	if x.method == "" {
		x.method = http.MethodPost
	}
	sent := strings.ReplaceAll(x.body, "STAGE", stage)
	r, err := http.NewRequestWithContext(t.Context(), x.method, server+strings.ReplaceAll(x.path, "STAGE", url.PathEscape(stage)), strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	if sent != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	sign(r, sent)
	if x.spoil != nil {
		x.spoil(r)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return x.write(answer, data), string(data)
}

// write lays an exchange out. What differs from run to run is replaced by what it is.
func (x exchange) write(answer *http.Response, data []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", x.method, x.path)
	if x.body != "" && len(x.body) < 1000 {
		fmt.Fprintln(&b, x.body)
	}
	fmt.Fprintf(&b, "\n%d\n", answer.StatusCode)
	var headers []string
	for name, values := range answer.Header {
		headers = append(headers, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(headers)
	fmt.Fprintf(&b, "%s\n\n%s\n", strings.Join(headers, "\n"), data)
	text := b.String()
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.as)
	}
	return text
}

var varying = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`(?m)^Date: .*$`), "Date: <now>"},
	{regexp.MustCompile(`(?m)^Content-Length: [1-9].*$`), "Content-Length: <length>"},
	{regexp.MustCompile(`stage/[A-Za-z0-9]{12}`), "stage/<id>"},
	{regexp.MustCompile(`"participantId":"[A-Za-z0-9]{12}"`), `"participantId":"<id>"`},
	{regexp.MustCompile(`"token":"[A-Za-z0-9_.-]+"`), `"token":"<token>"`},
	{regexp.MustCompile(`"expirationTime":"[0-9T:-]+Z"`), `"expirationTime":"<time>"`},
}

// Every served operation has a transcript.
func TestTranscripts_CoverWhatIsServed(t *testing.T) {
	covered := map[string]bool{}
	for _, x := range exchanges {
		method := x.method
		if method == "" {
			method = http.MethodPost
		}
		path, _, _ := strings.Cut(x.path, "STAGE")
		covered[method+" "+path] = true
	}
	served := []string{
		"CreateStage", "GetStage", "UpdateStage", "ListStages", "DeleteStage", "CreateParticipantToken",
		"DisconnectParticipant", "TagResource", "UntagResource", "ListTagsForResource",
	}
	for _, o := range realtime.Table() {
		if slices.Contains(served, o.Name) && !covered[o.Method+" "+o.Path] {
			t.Errorf("%s has no transcript", o.Name)
		}
	}
}
