package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

func jsonEqual(t *testing.T, got any, want string) {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, w) {
		t.Errorf("got %v, want %s", got, want)
	}
}

const recordingOff = `{"storageConfigurationArn":"","mediaTypes":["AUDIO_VIDEO"],
	"thumbnailConfiguration":{"recordingMode":"DISABLED","targetIntervalSeconds":60,"storage":["SEQUENTIAL"]},
	"recordingReconnectWindowSeconds":0,"hlsConfiguration":{"targetSegmentDurationSeconds":6},"recordParticipantReplicas":true}`

func TestCreateStage_AnswersInFull(t *testing.T) {
	w := newWorld(t)
	a := w.post("CreateStage", `{"name":"a","tags":{"k":"v"}}`)
	a.want(t, 200, "", "")
	jsonEqual(t, a.at(t, "stage.tags"), `{"k":"v"}`)
	jsonEqual(t, a.at(t, "stage.autoParticipantRecordingConfiguration"), recordingOff)
	jsonEqual(t, a.at(t, "stage.endpoints"),
		`{"events":"ws://127.0.0.1/events","whip":"http://127.0.0.1/whip","rtmp":"rtmp://127.0.0.1:1935/app/"}`)
	if a.at(t, "stage.name") != "a" || a.at(t, "participantTokens") != nil || a.at(t, "stage.activeSessionId") != nil {
		t.Error(a.body)
	}
	got := w.post("GetStage", fmt.Sprintf(`{"arn":%q}`, a.at(t, "stage.arn")))
	if !reflect.DeepEqual(got.at(t, "stage"), a.at(t, "stage")) {
		t.Errorf("GetStage: %s", got.body)
	}
}

func TestCreateStage_TakesAnEmptyBody(t *testing.T) {
	w := newWorld(t)
	a := w.post("CreateStage", "")
	a.want(t, 200, "", `"tags":{}`)
	a.want(t, 200, "", `"name":""`)
}

func TestCreateStage_IssuesTokensInOrder(t *testing.T) {
	w := newWorld(t)
	a := w.post("CreateStage", `{"participantTokenConfigurations":[{"userId":"one"},{"duration":5,"capabilities":["SUBSCRIBE"],"attributes":{"a":"é"}},{"userId":"three","capabilities":[]}]}`)
	tokens, _ := a.at(t, "participantTokens").([]any)
	if len(tokens) != 3 {
		t.Fatal(a.body)
	}
	first, second := tokens[0].(map[string]any), tokens[1].(map[string]any)
	if first["userId"] != "one" || first["duration"] != 720.0 || first["attributes"] != nil {
		t.Error(first)
	}
	jsonEqual(t, first["capabilities"], `["PUBLISH","SUBSCRIBE"]`)
	if second["userId"] != nil || second["duration"] != 5.0 || second["token"] == "REDACTED" {
		t.Error(second)
	}
	jsonEqual(t, second["capabilities"], `["SUBSCRIBE"]`)
	jsonEqual(t, second["attributes"], `{"a":"é"}`)
	if expires, _ := second["expirationTime"].(string); !strings.HasSuffix(expires, "Z") || strings.Contains(expires, ".") {
		t.Error(expires)
	}
	if strings.Contains(w.log.String(), first["token"].(string)) {
		t.Error("a token is in the log")
	}
}

func TestUpdateStage_ChangesWhatIsThere(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{"name":"a","tags":{"k":"v"}}`)
	a := w.post("UpdateStage", fmt.Sprintf(`{"arn":%q}`, arn))
	if a.at(t, "stage.name") != "a" {
		t.Error(a.body)
	}
	a = w.post("UpdateStage", fmt.Sprintf(`{"arn":%q,"name":"b","autoParticipantRecordingConfiguration":{"storageConfigurationArn":"","mediaTypes":["NONE"]}}`, arn))
	if a.at(t, "stage.name") != "b" {
		t.Error(a.body)
	}
	jsonEqual(t, a.at(t, "stage.tags"), `{"k":"v"}`)
	jsonEqual(t, a.at(t, "stage.autoParticipantRecordingConfiguration"), recordingOff)
}

func TestRecording_NeedsAStorageConfigurationThatExists(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{}`)
	recording := func(account string) string {
		return fmt.Sprintf(`"autoParticipantRecordingConfiguration":{"storageConfigurationArn":"arn:aws:ivs:us-east-1:%s:storage-configuration/abc"}`, account)
	}
	w.post("CreateStage", "{"+recording(account)+"}").want(t, 400, "ValidationException", "storage configuration")
	w.post("UpdateStage", fmt.Sprintf(`{"arn":%q,%s}`, arn, recording(account))).want(t, 404, "ResourceNotFoundException", "storage configuration")
	w.post("CreateStage", "{"+recording("999999999999")+"}").want(t, 403, "AccessDeniedException", "")
}

func TestDeleteStage_AnswersAnEmptyBody(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{}`)
	a := w.post("DeleteStage", fmt.Sprintf(`{"arn":%q}`, arn))
	if a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "0" {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	for _, operation := range []string{"DeleteStage", "GetStage", "UpdateStage"} {
		w.post(operation, fmt.Sprintf(`{"arn":%q}`, arn)).want(t, 404, "ResourceNotFoundException", "exceptionMessage")
	}
	w.post("CreateParticipantToken", fmt.Sprintf(`{"stageArn":%q}`, arn)).want(t, 404, "ResourceNotFoundException", "")
	w.post("DisconnectParticipant", fmt.Sprintf(`{"stageArn":%q,"participantId":"a_b"}`, arn)).want(t, 404, "ResourceNotFoundException", "")
}

func TestListStages_GoesThroughAllPages(t *testing.T) {
	w := newWorld(t)
	if a := w.post("ListStages", `{}`); a.body != `{"stages":[]}` {
		t.Error(a.body)
	}
	want := map[string]bool{}
	for range 5 {
		want[w.stage(`{"name":"s"}`)] = true
	}
	body := `{"maxResults":2,"nextToken":""}`
	for pages := 1; ; pages++ {
		a := w.post("ListStages", body)
		stages, _ := a.at(t, "stages").([]any)
		for _, s := range stages {
			summary := s.(map[string]any)
			jsonEqual(t, summary["tags"], `{}`)
			delete(want, summary["arn"].(string))
		}
		next, more := a.at(t, "nextToken").(string)
		if !more {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		body = fmt.Sprintf(`{"maxResults":2,"nextToken":%q}`, next)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
}

func TestDisconnectParticipant_AcceptsUnknownParticipants(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{}`)
	a := w.post("DisconnectParticipant", fmt.Sprintf(`{"stageArn":%q,"participantId":"nobody","reason":"r"}`, arn))
	if a.status != 200 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestTags_TakeTheARNEscapedOrNot(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{"tags":{"a":"1"}}`)
	for i, path := range []string{"/tags/" + url.PathEscape(arn), "/tags/" + arn, "/tags/" + strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn)} {
		key := fmt.Sprint("key", i)
		if a := w.call("POST", path, fmt.Sprintf(`{"tags":{%q:"v + é"}}`, key)); a.status != 200 || a.body != "" {
			t.Errorf("tag by %s: %d %s", path, a.status, a.body)
		}
		jsonEqual(t, w.call("GET", path, "").at(t, "tags"), fmt.Sprintf(`{"a":"1",%q:"v + é"}`, key))
		if a := w.call("DELETE", path+"?tagKeys="+key+"&tagKeys=other%20one", ""); a.status != 200 || a.body != "" {
			t.Errorf("untag by %s: %d %s", path, a.status, a.body)
		}
		jsonEqual(t, w.call("GET", path, "").at(t, "tags"), `{"a":"1"}`)
	}
	w.call("GET", "/tags/"+url.PathEscape(url.PathEscape(arn)), "").want(t, 400, "ValidationException", "resourceArn")
	w.call("DELETE", "/tags/"+url.PathEscape(arn), "").want(t, 400, "ValidationException", "'tagKeys'")
}

func TestTags_MayHoldAPlus(t *testing.T) {
	w := newWorld(t)
	path := "/tags/" + url.PathEscape(w.stage(`{"tags":{"a+b":"1","a b":"2"}}`))
	w.call("DELETE", path+"?tagKeys=a%2Bb", "")
	jsonEqual(t, w.call("GET", path, "").at(t, "tags"), `{"a b":"2"}`)
}

func TestTags_KeepTheirRules(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{}`)
	path := "/tags/" + url.PathEscape(arn)
	tags := func(from, to int) string {
		var parts []string
		for i := from; i < to; i++ {
			parts = append(parts, fmt.Sprintf(`"k%d":""`, i))
		}
		return `{"tags":{` + strings.Join(parts, ",") + `}}`
	}
	w.call("POST", path, tags(0, 50)).want(t, 200, "", "")
	w.call("POST", path, tags(50, 51)).want(t, 400, "ValidationException", "")
	w.call("POST", path, tags(0, 51)).want(t, 400, "ValidationException", "less than or equal to 50")
	w.call("POST", path, `{"tags":{"AWS:x":"y"}}`).want(t, 400, "ValidationException", "reserved prefix")
	w.call("POST", path, `{"tags":{"x":"aws:y"}}`).want(t, 400, "ValidationException", "reserved prefix")
	w.call("POST", path, `{"tags":{"a\tb":"y"}}`).want(t, 400, "ValidationException", "pattern")
	w.call("POST", path, `{}`).want(t, 400, "ValidationException", "'tags' failed to satisfy constraint: Member must not be null")
}

func TestValidation_ListsEveryViolation(t *testing.T) {
	w := newWorld(t)
	a := w.post("CreateStage", `{"name":"a b","tags":{"":"x"},"participantTokenConfigurations":[{},{"duration":0,"capabilities":["FLY"]}]}`)
	a.want(t, 400, "ValidationException", "4 validation errors detected: Value at 'name' failed to satisfy constraint: "+
		"Member must satisfy regular expression pattern: [a-zA-Z0-9-_]*; "+
		"Value at 'participantTokenConfigurations.2.member.duration' failed to satisfy constraint: "+
		"Member must have value greater than or equal to 1; "+
		"Value at 'participantTokenConfigurations.2.member.capabilities' failed to satisfy constraint: "+
		"Member must satisfy constraint: [Member must satisfy enum value set: [PUBLISH, SUBSCRIBE]]; "+
		"Value at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: ")
	w.post("GetStage", `{}`).want(t, 400, "ValidationException", "1 validation error detected: Value at 'arn' failed to satisfy constraint: Member must not be null")
}

func TestAttributes_Have1KBTogether(t *testing.T) {
	w := newWorld(t)
	arn := w.stage(`{}`)
	body := func(n int) string {
		return fmt.Sprintf(`{"stageArn":%q,"attributes":{"key":%q}}`, arn, strings.Repeat("x", n))
	}
	w.post("CreateParticipantToken", body(1021)).want(t, 200, "", "token")
	w.post("CreateParticipantToken", body(1022)).want(t, 400, "ValidationException", "1024 bytes")
}

// What is not served is authenticated and checked like the rest, and then refused by name.
func TestOperationsNotServed_AreRefusedByName(t *testing.T) {
	w := newWorld(t)
	for _, operation := range []string{"GetStreamSession", "ListStreamSessions"} {
		w.send(w.request("POST", "/"+operation, nil)).want(t, 403, "MissingAuthenticationTokenException", "")
		w.post(operation, `{"channelArn":1}`).want(t, 400, "SerializationException", "")
		w.post(operation, `{}`).want(t, 400, "ValidationException", "'channelArn'")
		a := w.post(operation, `{"channelArn":"arn:aws:ivs:us-east-1:123456789012:channel/a"}`)
		a.want(t, 400, "UnsupportedOperationException", "The operation "+operation+" is not served yet by this server.")
		if a.at(t, "message") != a.at(t, "exceptionMessage") {
			t.Error(a.body)
		}
	}
}

// Every operation of both contracts is routed, and asks for a signature first.
func TestOperations_AllAskForASignature(t *testing.T) {
	w := newWorld(t)
	paths := map[string]string{}
	for _, o := range realtime.Table() {
		paths[o.Method+" "+o.Path] = o.Name
	}
	for _, o := range channel.Table() {
		paths[o.Method+" "+o.Path] = o.Name
	}
	if len(paths) != 39+20-3 {
		t.Errorf("%d paths", len(paths))
	}
	for target := range paths {
		method, path, _ := strings.Cut(target, " ")
		if strings.HasSuffix(path, "/") {
			path += url.PathEscape("arn:aws:ivs:us-east-1:123456789012:channel/a")
		}
		w.send(w.request(method, path, nil)).want(t, 403, "MissingAuthenticationTokenException", "")
	}
}

// Both contracts have /tags/: the type in the ARN says which is meant, and so which types are allowed.
func TestTags_AreRoutedByTheTypeOfTheResource(t *testing.T) {
	w := newWorld(t)
	for kind, c := range map[string]struct {
		status    int
		exception string
	}{
		"stage":     {404, "ResourceNotFoundException"},
		"nonsense":  {400, "ValidationException"},
		"stage-key": {400, "ValidationException"},
	} {
		path := "/tags/" + url.PathEscape("arn:aws:ivs:us-east-1:123456789012:"+kind+"/abc")
		w.call("GET", path, "").want(t, c.status, c.exception, "")
		w.call("POST", path, `{"tags":{"a":"b"}}`).want(t, c.status, c.exception, "")
		w.call("DELETE", path+"?tagKeys=a", "").want(t, c.status, c.exception, "")
	}
}

func TestUnknownPaths_AreAWSErrors(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{"GET /CreateStage", "POST /", "POST /createStage", "POST /CreateStage/", "POST /tags", "GET /tags/", "PUT /tags/x", "POST //CreateStage", "HEAD /x"} {
		method, path, _ := strings.Cut(target, " ")
		a := w.send(w.request(method, path, nil))
		if a.status != http.StatusNotFound || a.exception() != "UnknownOperationException" || a.header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("%s: %d %s %s", target, a.status, a.exception(), a.body)
		}
	}
}
