package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// security.md rows 1 to 3, through the whole chain: what is wrong with a signature ends the call before the
// handler; the details are sigv4's tests.
func TestSecurityRows1To3_NoHandlerRunsWithoutASignature(t *testing.T) {
	w := newWorld(t)
	body := []byte(`{"name":"a"}`)
	tampered := sign(w.request("POST", "/CreateStage", []byte(`{"name":"b"}`)), body)
	w.send(tampered).want(t, 403, "InvalidSignatureException", "signature")

	stale := w.request("POST", "/CreateStage", body)
	sigv4.Signer{Key: root, Region: region, Service: "ivs"}.Sign(stale, body, time.Now().Add(-20*time.Minute))
	w.send(stale).want(t, 403, "InvalidSignatureException", "Signature expired")

	elsewhere := w.request("POST", "/CreateStage", body)
	sigv4.Signer{Key: root, Region: "eu-west-1", Service: "ivs"}.Sign(elsewhere, body, time.Now())
	w.send(elsewhere).want(t, 403, "InvalidSignatureException", "valid region")

	stranger := w.request("POST", "/CreateStage", body)
	sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: "x", SecretKey: "test"}, Region: region, Service: "ivs"}.Sign(stranger, body, time.Now())
	w.send(stranger).want(t, 403, "UnrecognizedClientException", "The security token included in the request is invalid.")

	w.send(w.request("POST", "/CreateStage", body)).want(t, 403, "MissingAuthenticationTokenException", "Missing Authentication Token")
	bearer := w.request("POST", "/CreateStage", body)
	bearer.Header.Set("Authorization", "Bearer x")
	w.send(bearer).want(t, 400, "IncompleteSignatureException", "")

	presigned := w.request("POST", "/CreateStage", body)
	sigv4.Signer{Key: root, Region: region, Service: "ivs"}.Presign(presigned, body, time.Now(), time.Minute)
	w.send(presigned).want(t, 200, "", "stage")

	if a := w.post("ListStages", "{}"); strings.Count(a.body, `"arn"`) != 1 {
		t.Errorf("a refused call made a stage: %s", a.body)
	}
	for _, path := range []string{"/tags/%2e%2e%2fCreateStage", "/tags/a%00b", "/tags/%ff", "/tags/..//x", "/CreateStage?a&b=&=c", "/tags/x?tagKeys=%ff"} {
		if a := w.call("POST", path, `{"tags":{}}`); a.status >= 500 || a.status < 200 || a.header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// endless is a body that counts how much of it was read.
type endless struct{ read, size int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.read >= e.size {
		return 0, io.EOF
	}
	e.read += int64(len(p))
	return len(p), nil
}

// security.md row 4: a body of 100 MB, with its length told and not.
func TestSecurityRow4_LongBodiesAreNotReadOn(t *testing.T) {
	w := newWorld(t)
	const size = 100 << 20
	for _, told := range []int64{size, -1} {
		// over a raw connection, so that it can be seen how much the server takes
		conn, err := net.Dial("tcp", w.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body := &endless{size: size}
		r := w.request("POST", "/CreateStage", nil)
		sign(r, nil)
		r.Body, r.ContentLength = io.NopCloser(body), told
		_ = r.Write(conn) // breaks off when the server closes
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if body.read > 16<<20 {
			t.Errorf("length %d: %d bytes were taken", told, body.read)
		}
	}
	over := bytes.Repeat([]byte(" "), 1<<20+1)
	r := sign(w.request("POST", "/CreateStage", over), over)
	w.send(r).want(t, 413, "RequestEntityTooLargeException", `{"message":`)
	r = sign(w.request("POST", "/CreateStage", over), over)
	r.ContentLength = -1
	w.send(r).want(t, 413, "RequestEntityTooLargeException", `{"message":`)
	w.post("CreateStage", string(over[1:])).want(t, 200, "", "stage")
}

// security.md row 4: JSON that is hard to read. Each is refused in time and within a bounded memory.
func TestSecurityRow4_NastyJSONIsRefusedQuickly(t *testing.T) {
	w := newWorld(t)
	w.post("CreateStage", "{}") // opens the connection
	var tags strings.Builder
	for i := 0; tags.Len() < 1_000_000; i++ {
		fmt.Fprintf(&tags, `%q:"",`, fmt.Sprint(i))
	}
	for name, c := range map[string]struct {
		body      string
		status    int
		exception string
	}{
		"nested objects":        {strings.Repeat(`{"a":`, 100_000), 400, "SerializationException"},
		"nested lists":          {`{"a":` + strings.Repeat("[", 100_000), 400, "SerializationException"},
		"nested and closed":     {`{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", 400, "SerializationException"},
		"nested, known member":  {`{"tags":` + strings.Repeat("[", 100_000), 400, "SerializationException"},
		"very many tags":        {`{"tags":{` + tags.String() + `"z":""}}`, 400, "ValidationException"},
		"one very long name":    {`{"name":"` + strings.Repeat("a", 1_000_000) + `"}`, 400, "ValidationException"},
		"one very long key":     {`{"tags":{"` + strings.Repeat("é", 500_000) + `":""}}`, 400, "ValidationException"},
		"huge number":           {`{"maxResults":1e400}`, 200, ""}, // CreateStage has no such member
		"huge number, known":    {`{"participantTokenConfigurations":[{"duration":1e400}]}`, 400, "SerializationException"},
		"fraction":              {`{"participantTokenConfigurations":[{"duration":1.5}]}`, 400, "SerializationException"},
		"whole number as float": {`{"participantTokenConfigurations":[{"duration":6.0e1}]}`, 200, ""},
		"duplicate keys":        {`{"name":"not valid","name":"valid"}`, 200, ""},
		"duplicate, last bad":   {`{"name":"valid","name":"not valid"}`, 400, "ValidationException"},
		"other case":            {`{"NAME":"not valid","Name":1}`, 200, ""},
		"null":                  {`{"name":null,"tags":null,"participantTokenConfigurations":null}`, 200, ""},
		"byte order mark":       {"\xef\xbb\xbf{}", 400, "SerializationException"},
		"invalid UTF-8":         {"{\"name\":\"\xff\"}", 400, "SerializationException"},
		"half a surrogate":      {`{"name":"\ud800"}`, 400, "SerializationException"},
		"a list":                {`[]`, 400, "SerializationException"},
		"null alone":            {`null`, 400, "SerializationException"},
		"two documents":         {`{}{}`, 400, "SerializationException"},
		"cut off":               {`{"name":"a"`, 400, "SerializationException"},
		"wrong type":            {`{"name":1}`, 400, "SerializationException"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		started := time.Now()
		a := w.post("CreateStage", c.body)
		took := time.Since(started)
		runtime.ReadMemStats(&after)
		if a.status != c.status || a.exception() != c.exception || len(a.body) > 4096 {
			t.Errorf("%s: %d %s %.200s", name, a.status, a.exception(), a.body)
		}
		// generous, because the machine is shared, and because the client in this process allocates as well
		if allocated := after.TotalAlloc - before.TotalAlloc; took > patience || allocated > 16<<20 {
			t.Errorf("%s: took %v and %d bytes", name, took, allocated)
		}
	}
}

// security.md row 5: ARNs of others, and what is no ARN.
func TestSecurityRow5_ForeignARNsSayNothingOfWhatExists(t *testing.T) {
	w := newWorld(t)
	mine := w.stage(`{}`)
	id := mine[strings.LastIndex(mine, "/")+1:]
	arn := func(region, account, kind, id string) string {
		return "arn:aws:ivs:" + region + ":" + account + ":" + kind + "/" + id
	}
	for _, c := range []struct {
		arn       string
		status    int
		exception string
	}{
		{arn(region, "999999999999", "stage", id), 403, "AccessDeniedException"},
		{arn(region, "999999999999", "stage", "nothing"), 403, "AccessDeniedException"},
		{arn("eu-west-1", account, "stage", id), 404, "ResourceNotFoundException"},
		{arn("eu-west-1", account, "stage", "nothing"), 404, "ResourceNotFoundException"},
		{arn(region, account, "stage", "nothing"), 404, "ResourceNotFoundException"},
		{arn(region, account, "playback-key", id), 400, "ValidationException"},
		{arn(region, account, "stage", "../"+id), 400, "ValidationException"},
		{arn(region, account, "stage", id+"\x00"), 400, "ValidationException"},
		{arn(region, account, "stage", strings.Repeat("a", 10_000)), 400, "ValidationException"},
		{arn(region, account, "stage", ""), 400, "ValidationException"},
		{"arn:aws:s3:::bucket", 400, "ValidationException"},
		{"", 400, "ValidationException"},
	} {
		body := fmt.Sprintf(`{"arn":%s,"stageArn":%[1]s,"participantId":"p"}`, quote(c.arn))
		for _, operation := range []string{"GetStage", "UpdateStage", "DeleteStage", "CreateParticipantToken", "DisconnectParticipant"} {
			if a := w.post(operation, body); a.status != c.status || a.exception() != c.exception {
				t.Errorf("%s %.80q: %d %s %.200s", operation, c.arn, a.status, a.exception(), a.body)
			}
		}
		if c.arn == "" {
			continue
		}
		path := "/tags/" + url.PathEscape(c.arn)
		for _, a := range []answer{w.call("GET", path, ""), w.call("POST", path, `{"tags":{"a":"b"}}`), w.call("DELETE", path+"?tagKeys=a", "")} {
			if a.status != c.status || a.exception() != c.exception {
				t.Errorf("tags of %.80q: %d %s %.200s", c.arn, a.status, a.exception(), a.body)
			}
		}
	}
	w.post("GetStage", fmt.Sprintf(`{"arn":%q}`, mine)).want(t, 200, "", id)
}

// quote writes a JSON string; %q would write NUL in Go's way.
func quote(s string) string { return `"` + strings.ReplaceAll(s, "\x00", `\u0000`) + `"` }

// security.md row 6: page tokens that the server did not make, or made for something else.
func TestSecurityRow6_ForgedPageTokensAreRefused(t *testing.T) {
	w := newWorld(t)
	w.stage(`{}`)
	w.stage(`{}`)
	token, ok := w.post("ListStages", `{"maxResults":1}`).at(t, "nextToken").(string)
	if !ok {
		t.Fatal("no token")
	}
	elsewhere := newWorld(t)
	elsewhere.stage(`{}`)
	elsewhere.stage(`{}`)
	foreign, _ := elsewhere.post("ListStages", `{"maxResults":1}`).at(t, "nextToken").(string)
	flipped := []byte(token)
	flipped[len(flipped)/2] ^= 1
	for name, bad := range map[string]string{
		"forged": "AAAA", "truncated": token[:len(token)-4], "flipped": string(flipped), "foreign": foreign,
		"no characters of a token": "*", "too long": strings.Repeat("A", 1025),
	} {
		a := w.post("ListStages", fmt.Sprintf(`{"nextToken":%q}`, bad))
		if a.status != 400 || a.exception() != "ValidationException" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.post("ListStages", fmt.Sprintf(`{"nextToken":%q}`, token)).want(t, 200, "", "arn")
}

func TestTransferEncodingChunked_IsReadLikeAnyOther(t *testing.T) {
	w := newWorld(t)
	body := []byte(`{"name":"chunked"}`)
	r := sign(w.request(http.MethodPost, "/CreateStage", body), body)
	r.ContentLength = -1
	w.send(r).want(t, 200, "", "chunked")
}

// arnMembers are the members by which the operations of both contracts name what they are about, and its type.
var arnMembers = []struct {
	operation, kind, member, rest string
	hides                         bool // the operation models no ResourceNotFoundException, and lists nothing instead
}{
	{"GetPublicKey", "public-key", "arn", "", false},
	{"DeletePublicKey", "public-key", "arn", "", false},
	{"GetStageSession", "stage", "stageArn", `,"sessionId":"st-0123456789abc"`, false},
	{"ListStageSessions", "stage", "stageArn", "", true},
	{"GetParticipant", "stage", "stageArn", `,"sessionId":"st-0123456789abc","participantId":"p"`, false},
	{"ListParticipants", "stage", "stageArn", `,"sessionId":"st-0123456789abc"`, true},
	{"ListParticipantEvents", "stage", "stageArn", `,"sessionId":"st-0123456789abc","participantId":"p"`, true},
	{"StartParticipantReplication", "stage", "sourceStageArn", `,"destinationStageArn":"arn:aws:ivs:us-east-1:123456789012:stage/b","participantId":"p"`, false},
	{"StopParticipantReplication", "stage", "sourceStageArn", `,"destinationStageArn":"arn:aws:ivs:us-east-1:123456789012:stage/b","participantId":"p"`, false},
	{"ListParticipantReplicas", "stage", "sourceStageArn", `,"participantId":"p"`, true},
	{"GetEncoderConfiguration", "encoder-configuration", "arn", "", false},
	{"DeleteEncoderConfiguration", "encoder-configuration", "arn", "", false},
	{"GetStorageConfiguration", "storage-configuration", "arn", "", false},
	{"DeleteStorageConfiguration", "storage-configuration", "arn", "", false},
	{"GetIngestConfiguration", "ingest-configuration", "arn", "", false},
	{"UpdateIngestConfiguration", "ingest-configuration", "arn", "", false},
	{"DeleteIngestConfiguration", "ingest-configuration", "arn", "", false},
	{"GetComposition", "composition", "arn", "", false},
	{"StopComposition", "composition", "arn", "", false},
	{"GetChannel", "channel", "arn", "", false},
	{"UpdateChannel", "channel", "arn", "", false},
	{"DeleteChannel", "channel", "arn", "", false},
	{"CreateStreamKey", "channel", "channelArn", "", false},
	{"ListStreamKeys", "channel", "channelArn", "", false},
	{"GetStreamKey", "stream-key", "arn", "", false},
	{"DeleteStreamKey", "stream-key", "arn", "", false},
	{"GetStream", "channel", "channelArn", "", false},
	{"StopStream", "channel", "channelArn", "", false},
	{"PutMetadata", "channel", "channelArn", `,"metadata":"x"`, false},
}

// security.md row 5, for the operations about everything else.
func TestSecurityRow5_ForeignARNsOfAllTypes(t *testing.T) {
	w := newWorld(t)
	for _, o := range arnMembers {
		other := "composition"
		if o.kind == other {
			other = "stage"
		}
		for _, c := range []struct {
			arn       string
			status    int
			exception string
		}{
			{"arn:aws:ivs:us-east-1:999999999999:" + o.kind + "/nothing", 403, "AccessDeniedException"},
			{"arn:aws:ivs:eu-west-1:123456789012:" + o.kind + "/nothing", 404, "ResourceNotFoundException"},
			{"arn:aws:ivs:us-east-1:123456789012:" + o.kind + "/nothing", 404, "ResourceNotFoundException"},
			{"arn:aws:ivs:us-east-1:123456789012:" + other + "/nothing", 400, "ValidationException"},
			{"arn:aws:ivs:us-east-1:123456789012:" + o.kind + "/../x", 400, "ValidationException"},
			{"arn:aws:ivs:us-east-1:123456789012:" + o.kind + "/x\x00", 400, "ValidationException"},
			{"arn:aws:ivs:us-east-1:123456789012:" + o.kind + "/" + strings.Repeat("a", 10_000), 400, "ValidationException"},
			{"", 400, "ValidationException"},
		} {
			a := w.post(o.operation, `{"`+o.member+`":`+quote(c.arn)+o.rest+`}`)
			if o.hides && c.status == 404 {
				// another region is not a value that the list could have; what does not exist has nothing to list
				if a.status == 200 && strings.Contains(a.body, "[]") || a.status == 400 && a.exception() == "ValidationException" {
					continue
				}
			}
			if a.status != c.status || a.exception() != c.exception {
				t.Errorf("%s %.80q: %d %s %.200s", o.operation, c.arn, a.status, a.exception(), a.body)
			}
		}
	}
}

// security.md row 6, for all lists: a token is good for its own list only.
func TestSecurityRow6_TokensAreGoodForTheirListOnly(t *testing.T) {
	w := newWorld(t)
	lists := map[string]string{ // by operation: what makes an item
		"ListStages": "CreateStage", "ListEncoderConfigurations": "CreateEncoderConfiguration", "ListChannels": "CreateChannel",
		"ListIngestConfigurations": "CreateIngestConfiguration",
	}
	others := []string{"ListPublicKeys", "ListStorageConfigurations", "ListCompositions", "ListStreams"}
	tokens := map[string]string{}
	for list, create := range lists {
		for range 2 {
			w.post(create, `{"ingestProtocol":"RTMPS"}`).want(t, 200, "", "arn")
		}
		tokens[list], _ = w.post(list, `{"maxResults":1}`).at(t, "nextToken").(string)
		others = append(others, list)
	}
	for of, token := range tokens {
		for _, list := range others {
			a := w.post(list, fmt.Sprintf(`{"nextToken":%q}`, token))
			if list == of {
				a.want(t, 200, "", "arn")
			} else if a.status != 400 || a.exception() != "ValidationException" {
				t.Errorf("%s took the token of %s: %d %s", list, of, a.status, a.body)
			}
		}
		flipped := []byte(token)
		flipped[len(flipped)/3] ^= 2
		for name, bad := range map[string]string{"cut": token[:len(token)-1], "flipped": string(flipped), "longer": token + "AAAA"} {
			if a := w.post(of, fmt.Sprintf(`{"nextToken":%q}`, bad)); a.status != 400 || a.exception() != "ValidationException" {
				t.Errorf("%s took a token that was %s: %d %s", of, name, a.status, a.body)
			}
		}
	}
}

// security.md row 4: JSON that is hard to read, for the operations with the deepest inputs.
func TestSecurityRow4_NastyJSONOfDeepInputs(t *testing.T) {
	w := newWorld(t)
	w.post("ListStages", "{}") // opens the connection
	many := func(one string, n int) string { return strings.Repeat(one+",", n) + one }
	for name, c := range map[string]struct{ operation, body string }{
		"nested layout":         {"StartComposition", `{"layout":` + strings.Repeat(`{"grid":`, 100_000)},
		"nested destinations":   {"StartComposition", `{"destinations":` + strings.Repeat("[", 100_000)},
		"very many places":      {"StartComposition", `{"stageArn":"x","destinations":[` + many(`{}`, 300_000) + `]}`},
		"very many encoders":    {"StartComposition", `{"stageArn":"x","destinations":[{"s3":{"storageConfigurationArn":"x","encoderConfigurationArns":[` + many(`"x"`, 200_000) + `]}}]}`},
		"huge number":           {"CreateEncoderConfiguration", `{"video":{"framerate":1e400}}`},
		"number of many digits": {"CreateEncoderConfiguration", `{"video":{"bitrate":` + strings.Repeat("9", 900_000) + `}}`},
		"very many ARNs":        {"BatchGetChannel", `{"arns":[` + many(`"x"`, 250_000) + `]}`},
		"very long key":         {"ImportPublicKey", `{"publicKeyMaterial":"-----BEGIN PUBLIC KEY-----` + strings.Repeat("A", 900_000) + `"}`},
		"very long metadata":    {"PutMetadata", `{"channelArn":"arn:aws:ivs:us-east-1:123456789012:channel/a","metadata":"` + strings.Repeat("é", 400_000) + `"}`},
		"very many attributes":  {"CreateIngestConfiguration", `{"ingestProtocol":"RTMPS","attributes":{` + attributes(60_000) + `}}`},
	} {
		started := time.Now()
		a := w.post(c.operation, c.body)
		if took := time.Since(started); a.status != 400 || len(a.body) > 8192 || took > patience {
			t.Errorf("%s: %d %s %d bytes after %v", name, a.status, a.exception(), len(a.body), took)
		}
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":"",`, i)
	}
	return b.String() + `"z":""`
}
