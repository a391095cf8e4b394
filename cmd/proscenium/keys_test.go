package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sys/unix"
)

// run runs the binary on a data dir and returns its standard output and error.
func runBinary(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = clean(os.Environ())
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

const blueTeam = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "MakeBlueStages",
      "Effect": "Allow",
      "Action": ["ivs:CreateStage", "ivs:TagResource"],
      "Resource": "arn:aws:ivs:*:*:stage/*",
      "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}
    },
    {
      "Sid": "ActOnBlueStages",
      "Effect": "Allow",
      "Action": "ivs:*",
      "Resource": "arn:aws:ivs:*:*:stage/*",
      "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    },
    {
      "Sid": "LeaveTheTeamAlone",
      "Effect": "Deny",
      "Action": ["ivs:TagResource", "ivs:UntagResource"],
      "Resource": "*",
      "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}
    }
  ]
}`

// sdk returns the SDK as a user sets it up, but for the endpoint.
func sdk(t *testing.T, url string, keys aws.Credentials) *ivsrealtime.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return ivsrealtime.New(ivsrealtime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), HTTPClient: &http.Client{Transport: transport}, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil }),
	})
}

func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// added reads what keys add --json prints.
func added(t *testing.T, dir string, args ...string) aws.Credentials {
	t.Helper()
	out, errOut, err := runBinary(t, append([]string{"keys", "add", "--data-dir", dir, "--json"}, args...)...)
	if err != nil {
		t.Fatalf("keys add: %v %s", err, errOut)
	}
	var k struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(out), &k); err != nil {
		t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken}
}

// until calls until the answer's code is the one that is wanted, for at most what the documentation promises and a
// little more on a busy machine.
func until(t *testing.T, want string, call func() error) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := call()
		if codeOf(err) == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("want %q, still %v", want, err)
		}
	}
}

func TestKeys_OfATeamActOnItsStagesOnly(t *testing.T) {
	dir := t.TempDir()
	s := serveBinary(t, dir, nil)
	policy := filepath.Join(t.TempDir(), "blue.json")
	if err := os.WriteFile(policy, []byte(blueTeam), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	root := sdk(t, s.url, aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"})
	red, err := root.CreateStage(ctx, &ivsrealtime.CreateStageInput{Tags: map[string]string{"team": "red"}})
	if err != nil {
		t.Fatal(err)
	}

	// The server runs: the key takes effect while it does.
	keys := added(t, dir, "--name", "blue-ci", "--policy", policy)
	blue := sdk(t, s.url, keys)
	var made *ivsrealtime.CreateStageOutput
	until(t, "", func() (err error) {
		made, err = blue.CreateStage(ctx, &ivsrealtime.CreateStageInput{Tags: map[string]string{"team": "blue"}})
		return err
	})

	const denied = "AccessDeniedException"
	_, noTag := blue.CreateStage(ctx, &ivsrealtime.CreateStageInput{})
	_, otherTag := blue.CreateStage(ctx, &ivsrealtime.CreateStageInput{Tags: map[string]string{"team": "red"}})
	_, getOther := blue.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: red.Stage.Arn})
	_, deleteOther := blue.DeleteStage(ctx, &ivsrealtime.DeleteStageInput{Arn: red.Stage.Arn})
	_, tokenOther := blue.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageArn: red.Stage.Arn})
	_, list := blue.ListStages(ctx, &ivsrealtime.ListStagesInput{})
	_, grab := blue.TagResource(ctx, &ivsrealtime.TagResourceInput{ResourceArn: red.Stage.Arn, Tags: map[string]string{"team": "blue"}})
	_, encoder := blue.CreateEncoderConfiguration(ctx, &ivsrealtime.CreateEncoderConfigurationInput{})
	for name, err := range map[string]error{
		"create without the tag": noTag, "create with another tag": otherTag, "get another's": getOther, "delete another's": deleteOther,
		"token for another's": tokenOther, "list": list, "grab another's by tagging it": grab, "make something else": encoder,
	} {
		if codeOf(err) != denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := "User: arn:aws:iam::000000000000:user/blue-ci is not authorized to perform: ivs:GetStage on resource: " + *red.Stage.Arn
	var e *types.AccessDeniedException
	if !errors.As(getOther, &e) || !strings.HasPrefix(aws.ToString(e.ExceptionMessage), want) {
		t.Errorf("the message is %+v", getOther)
	}

	_, get := blue.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: made.Stage.Arn})
	_, update := blue.UpdateStage(ctx, &ivsrealtime.UpdateStageInput{Arn: made.Stage.Arn, Name: aws.String("renamed")})
	_, token := blue.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageArn: made.Stage.Arn})
	_, tag := blue.TagResource(ctx, &ivsrealtime.TagResourceInput{ResourceArn: made.Stage.Arn, Tags: map[string]string{"cost": "7"}})
	_, tags := blue.ListTagsForResource(ctx, &ivsrealtime.ListTagsForResourceInput{ResourceArn: made.Stage.Arn})
	_, remove := blue.DeleteStage(ctx, &ivsrealtime.DeleteStageInput{Arn: made.Stage.Arn})
	for name, err := range map[string]error{"get": get, "update": update, "token": token, "tag": tag, "list tags": tags, "delete": remove} {
		if err != nil {
			t.Errorf("%s its own: %v", name, err)
		}
	}
	if _, err := root.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: red.Stage.Arn}); err != nil {
		t.Errorf("the root pair: %v", err)
	}

	out, _, err := runBinary(t, "keys", "list", "--data-dir", dir, "--policies")
	if err != nil || !strings.Contains(out, keys.AccessKeyID+"  blue-ci ") || !strings.Contains(out, "MakeBlueStages") || strings.Contains(out, keys.SecretAccessKey) {
		t.Errorf("keys list: %v\n%s", err, out)
	}
	if _, errOut, err := runBinary(t, "keys", "revoke", "--data-dir", dir, keys.AccessKeyID); err != nil {
		t.Fatalf("keys revoke: %v %s", err, errOut)
	}
	until(t, "UnrecognizedClientException", func() error {
		_, err := blue.ListStages(ctx, &ivsrealtime.ListStagesInput{})
		return err
	})
	s.signal(t, unix.SIGTERM)
	s.end(t)
	if strings.Contains(s.log.String(), keys.SecretAccessKey) {
		t.Error("the secret is in the log")
	}
	line := regexp.MustCompile(`msg=request client=127\.0\.0\.1 protocol=HTTP/1\.1 method=POST path="" operation=GetStage status=403 bytes=\d+ ` +
		`duration=\S+ request_id=[0-9a-f-]{36} access_key_id=` + keys.AccessKeyID)
	if !line.MatchString(s.log.String()) {
		t.Errorf("the access log lacks the refused call:\n%s", s.log)
	}
}

func TestKeys_TemporaryOnesNeedTheirSessionToken(t *testing.T) {
	dir := t.TempDir()
	s := serveBinary(t, dir, nil)
	policy := filepath.Join(t.TempDir(), "all.json")
	if err := os.WriteFile(policy, []byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := added(t, dir, "--name", "visitor", "--policy", policy, "--expires", "1h")
	list := func(k aws.Credentials) func() error {
		c := sdk(t, s.url, k)
		return func() error {
			_, err := c.ListStages(t.Context(), &ivsrealtime.ListStagesInput{})
			return err
		}
	}
	until(t, "", list(keys))
	bare, wrong := keys, keys
	bare.SessionToken, wrong.SessionToken = "", keys.SessionToken+"x"
	for name, k := range map[string]aws.Credentials{"without": bare, "with a wrong one": wrong} {
		if err := list(k)(); codeOf(err) != "UnrecognizedClientException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := added(t, dir, "--name", "short", "--policy", policy, "--expires", "1s")
	until(t, "ExpiredTokenException", list(short))
}

func TestKeys_AddWorksOnAStoppedServerAndRefusesNonsense(t *testing.T) {
	dir := t.TempDir()
	if _, errOut, err := runBinary(t, "keys", "list", "--data-dir", dir); err == nil || !strings.Contains(errOut, "start the server once") {
		t.Errorf("without a database: %v %s", err, errOut)
	}
	s := serveBinary(t, dir, nil)
	s.signal(t, unix.SIGTERM)
	s.end(t)
	policy := filepath.Join(t.TempDir(), "p.json")
	for document, want := range map[string]string{
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}`: "there is no such operator",
		`{"Statement":`: "policy 1",
		fmt.Sprintf(`{"Statement":{"Sid":%q}}`, strings.Repeat("x", 7000)): "the limit is 6144",
	} {
		if err := os.WriteFile(policy, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errOut, err := runBinary(t, "keys", "add", "--data-dir", dir, "--name", "a", "--policy", policy)
		if err == nil || !strings.Contains(errOut, want) || strings.Count(strings.TrimSpace(errOut), "\n") != 0 {
			t.Errorf("%.80s: %v %s", document, err, errOut)
		}
	}
	if err := os.WriteFile(policy, []byte(`{"Statement":{"Effect":"Allow","Action":"ivs:List*","Resource":"*"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := added(t, dir, "--name", "offline", "--policy", policy)
	again := serveBinary(t, dir, nil)
	c := sdk(t, again.url, keys)
	if _, err := c.ListStages(t.Context(), &ivsrealtime.ListStagesInput{}); err != nil {
		t.Errorf("at the next start: %v", err)
	}
	if _, errOut, err := runBinary(t, "keys", "revoke", "--data-dir", dir, "PAKANONESUCH"); err == nil || !strings.Contains(errOut, "no access key") {
		t.Errorf("revoking nothing: %v %s", err, errOut)
	}
}
