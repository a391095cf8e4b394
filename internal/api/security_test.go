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
