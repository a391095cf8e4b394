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
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts as the server answers now")

// exchange is one request whose answer is kept to the letter in testdata. Requests of a test go to one server,
// one after another; STAGE stands for the ARN of the first stage that an answer told of, CHANNEL for that of the
// first channel, and so on for all types of resources.
type exchange struct {
	name   string
	method string
	path   string
	body   string
	spoil  func(*http.Request) // after signing; nil: nothing
}

// publicKey is the public half of a key that nobody has.
const publicKey = `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEZjsycOvQD3mqE13gQGDNh8lnB6iyThU/
3kXLcegA7Gbr9MAiuBDqA2DXMlR6Y/lY//Gg/e0fMGTEUX8r3FbYBMnLZ/jk90Zj
WhBLX2H/UK/o8MfVJFbjYlyhj1dHf6g6
-----END PUBLIC KEY-----`

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
	{name: "stage/list", path: "/ListStages", body: `{}`},
	{name: "publickey/import", path: "/ImportPublicKey", body: `{"name":"app","publicKeyMaterial":"` + strings.ReplaceAll(publicKey, "\n", `\n`) + `"}`},
	{name: "publickey/import_again", path: "/ImportPublicKey", body: `{"publicKeyMaterial":"` + strings.ReplaceAll(publicKey, "\n", `\n`) + `"}`},
	{name: "publickey/get", path: "/GetPublicKey", body: `{"arn":"PUBLIC-KEY"}`},
	{name: "publickey/list", path: "/ListPublicKeys", body: `{}`},
	{name: "publickey/delete", path: "/DeletePublicKey", body: `{"arn":"PUBLIC-KEY"}`},
	{name: "encoder/create", path: "/CreateEncoderConfiguration", body: `{"video":{"framerate":29.97}}`},
	{name: "encoder/create_odd", path: "/CreateEncoderConfiguration", body: `{"video":{"width":641}}`},
	{name: "encoder/get", path: "/GetEncoderConfiguration", body: `{"arn":"ENCODER-CONFIGURATION"}`},
	{name: "encoder/list", path: "/ListEncoderConfigurations", body: `{}`},
	{name: "storage/create_no_bucket", path: "/CreateStorageConfiguration", body: `{"s3":{"bucketName":"nowhere"}}`},
	{name: "storage/get_missing", path: "/GetStorageConfiguration", body: `{"arn":"arn:aws:ivs:us-east-1:000000000000:storage-configuration/abc"}`},
	{name: "storage/delete_missing", path: "/DeleteStorageConfiguration", body: `{"arn":"arn:aws:ivs:us-east-1:000000000000:storage-configuration/abc"}`},
	{name: "storage/list", path: "/ListStorageConfigurations", body: `{}`},
	{name: "ingest/create", path: "/CreateIngestConfiguration", body: `{"ingestProtocol":"RTMPS","attributes":{"a":"b"},"redundantIngest":true}`},
	{name: "ingest/create_insecure", path: "/CreateIngestConfiguration", body: `{"ingestProtocol":"RTMP"}`},
	{name: "ingest/get", path: "/GetIngestConfiguration", body: `{"arn":"INGEST-CONFIGURATION"}`},
	{name: "ingest/update", path: "/UpdateIngestConfiguration", body: `{"arn":"INGEST-CONFIGURATION","redundantIngest":false}`},
	{name: "ingest/list", path: "/ListIngestConfigurations", body: `{}`},
	{name: "ingest/list_two_filters", path: "/ListIngestConfigurations", body: `{"filterByState":"ACTIVE","filterByStageArn":"arn:aws:ivs:us-east-1:000000000000:stage/abc"}`},
	{name: "ingest/delete", path: "/DeleteIngestConfiguration", body: `{"arn":"INGEST-CONFIGURATION"}`},
	{name: "channel/create", path: "/CreateChannel", body: `{"name":"ch"}`},
	{name: "channel/get", path: "/GetChannel", body: `{"arn":"CHANNEL"}`},
	{name: "channel/batch", path: "/BatchGetChannel", body: `{"arns":["CHANNEL","arn:aws:ivs:us-east-1:000000000000:channel/abc"]}`},
	{name: "channel/update", path: "/UpdateChannel", body: `{"arn":"CHANNEL","latencyMode":"NORMAL"}`},
	{name: "channel/list", path: "/ListChannels", body: `{}`},
	{name: "channel/list_two_filters", path: "/ListChannels", body: `{"filterByName":"a","filterByRecordingConfigurationArn":"arn:aws:ivs:us-east-1:000000000000:recording-configuration/abc"}`},
	{name: "channel/tag", path: "/tags/CHANNEL", body: `{"tags":{"a":"b"}}`},
	{name: "channel/tags", method: "GET", path: "/tags/CHANNEL"},
	{name: "streamkey/get", path: "/GetStreamKey", body: `{"arn":"STREAM-KEY"}`},
	{name: "streamkey/batch", path: "/BatchGetStreamKey", body: `{"arns":["STREAM-KEY"]}`},
	{name: "streamkey/list", path: "/ListStreamKeys", body: `{"channelArn":"CHANNEL"}`},
	{name: "streamkey/create_second", path: "/CreateStreamKey", body: `{"channelArn":"CHANNEL"}`},
	{name: "stream/get_offline", path: "/GetStream", body: `{"channelArn":"CHANNEL"}`},
	{name: "stream/stop_offline", path: "/StopStream", body: `{"channelArn":"CHANNEL"}`},
	{name: "stream/metadata_offline", path: "/PutMetadata", body: `{"channelArn":"CHANNEL","metadata":"x"}`},
	{name: "stream/list", path: "/ListStreams", body: `{}`},
	{name: "composition/start", path: "/StartComposition", body: `{"stageArn":"STAGE","destinations":[{"channel":{"channelArn":"CHANNEL","encoderConfigurationArn":"ENCODER-CONFIGURATION"}}]}`},
	{name: "composition/start_two_places", path: "/StartComposition", body: `{"stageArn":"STAGE","destinations":[{}]}`},
	{name: "composition/get", path: "/GetComposition", body: `{"arn":"COMPOSITION"}`},
	{name: "composition/list", path: "/ListCompositions", body: `{}`},
	{name: "composition/stop", path: "/StopComposition", body: `{"arn":"COMPOSITION"}`},
	{name: "replication/start_nobody", path: "/StartParticipantReplication", body: `{"sourceStageArn":"STAGE","destinationStageArn":"arn:aws:ivs:us-east-1:000000000000:stage/abc","participantId":"p"}`},
	{name: "replication/stop_none", path: "/StopParticipantReplication", body: `{"sourceStageArn":"STAGE","destinationStageArn":"arn:aws:ivs:us-east-1:000000000000:stage/abc","participantId":"p"}`},
	{name: "replication/list", path: "/ListParticipantReplicas", body: `{"sourceStageArn":"STAGE","participantId":"p"}`},
	{name: "session/get_missing", path: "/GetStageSession", body: `{"stageArn":"STAGE","sessionId":"st-0123456789abc"}`},
	{name: "session/list", path: "/ListStageSessions", body: `{"stageArn":"STAGE"}`},
	{name: "participant/get_missing", path: "/GetParticipant", body: `{"stageArn":"STAGE","sessionId":"st-0123456789abc","participantId":"p"}`},
	{name: "participant/list", path: "/ListParticipants", body: `{"stageArn":"STAGE","sessionId":"st-0123456789abc"}`},
	{name: "participant/list_two_filters", path: "/ListParticipants", body: `{"stageArn":"STAGE","sessionId":"st-0123456789abc","filterByPublished":true,"filterByUserId":"u"}`},
	{name: "participant/events", path: "/ListParticipantEvents", body: `{"stageArn":"STAGE","sessionId":"st-0123456789abc","participantId":"p"}`},
	{name: "streamkey/delete", path: "/DeleteStreamKey", body: `{"arn":"STREAM-KEY"}`},
	{name: "streamkey/create", path: "/CreateStreamKey", body: `{"channelArn":"CHANNEL"}`},
	{name: "encoder/delete", path: "/DeleteEncoderConfiguration", body: `{"arn":"ENCODER-CONFIGURATION"}`},
	{name: "channel/delete", path: "/DeleteChannel", body: `{"arn":"CHANNEL"}`},
	{name: "stage/delete", path: "/DeleteStage", body: `{"arn":"STAGE"}`},
	{name: "stage/delete_missing", path: "/DeleteStage", body: `{"arn":"STAGE"}`},
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
	arns := map[string]string{}
	for _, x := range exchanges {
		got, body := x.run(t, client, server, arns)
		for _, found := range resource.FindAllStringSubmatch(body, -1) {
			if name := strings.ToUpper(found[1]); arns[name] == "" {
				arns[name] = found[0]
			}
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

// resource is the ARN of something that the server has made.
var resource = regexp.MustCompile(`arn:aws:ivs:us-east-1:000000000000:([a-z-]+)/[A-Za-z0-9]{12}\b`)

func save(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (x exchange) run(t *testing.T, client *http.Client, server string, arns map[string]string) (transcript, body string) {
	t.Helper()
	if x.method == "" {
		x.method = http.MethodPost
	}
	sent, path := x.body, x.path
	for name, arn := range arns {
		sent = strings.ReplaceAll(sent, `"`+name+`"`, `"`+arn+`"`)
		path = strings.Replace(path, "/tags/"+name, "/tags/"+url.PathEscape(arn), 1)
	}
	r, err := http.NewRequestWithContext(t.Context(), x.method, server+path, strings.NewReader(sent))
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
	{regexp.MustCompile(`(:[a-z-]+)/[A-Za-z0-9]{12}\b`), "$1/<id>"},
	{regexp.MustCompile(`channel\.[A-Za-z0-9]{12}\.`), "channel.<id>."},
	{regexp.MustCompile(`"(rt|sk)_[A-Za-z0-9_-]+"`), `"${1}_<secret>"`},
	{regexp.MustCompile(`"id":"[A-Za-z0-9]{12}"`), `"id":"<id>"`},
	{regexp.MustCompile(`"(start|end)Time":"[0-9T:.-]+Z"`), `"${1}Time":"<time>"`},
	{regexp.MustCompile(`"participantId":"[A-Za-z0-9]{12}"`), `"participantId":"<id>"`},
	{regexp.MustCompile(`"token":"[A-Za-z0-9_.-]+"`), `"token":"<token>"`},
	{regexp.MustCompile(`"expirationTime":"[0-9T:-]+Z"`), `"expirationTime":"<time>"`},
}

// Every operation has a transcript.
func TestTranscripts_CoverAllOperations(t *testing.T) {
	covered := map[string]bool{}
	for _, x := range exchanges {
		method := x.method
		if method == "" {
			method = http.MethodPost
		}
		path, _, _ := strings.Cut(x.path, "STAGE")
		covered[method+" "+path] = true
	}
	for _, o := range realtime.Table() {
		if !covered[o.Method+" "+o.Path] {
			t.Errorf("%s has no transcript", o.Name)
		}
	}
	for _, o := range channel.Table() {
		if !covered[o.Method+" "+o.Path] && o.Name != "ListStreamSessions" { // not served, as GetStreamSession
			t.Errorf("%s has no transcript", o.Name)
		}
	}
}
