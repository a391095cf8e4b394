package conformance_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"
	"github.com/aws/smithy-go"

	"github.com/proscenium-live/proscenium/internal/api"
)

// newClient returns the SDK as a user would set it up, but for the endpoint.
func newClient(t *testing.T, url string, change ...func(*ivsrealtime.Options)) *ivsrealtime.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return ivsrealtime.New(ivsrealtime.Options{
		Region:       region,
		BaseEndpoint: aws.String(url),
		HTTPClient:   &http.Client{Transport: transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
		}),
		RetryMaxAttempts: 1,
	}, change...)
}

func TestGoSDK_LivesAStagesLife(t *testing.T) {
	c, ctx := newClient(t, newServer(t)), t.Context()
	made, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{
		Name: aws.String("go"),
		Tags: map[string]string{"a": "1"},
		ParticipantTokenConfigurations: []types.ParticipantTokenConfiguration{
			{UserId: aws.String("ü"), Duration: aws.Int32(10), Capabilities: []types.ParticipantTokenCapability{types.ParticipantTokenCapabilitySubscribe}},
			{Attributes: map[string]string{"k": "v"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := made.Stage; *s.Name != "go" || s.Tags["a"] != "1" || s.ActiveSessionId != nil ||
		*s.Endpoints.Whip == "" || *s.Endpoints.Events == "" || s.AutoParticipantRecordingConfiguration.RecordParticipantReplicas != true {
		t.Errorf("%+v", s)
	}
	if len(made.ParticipantTokens) != 2 || *made.ParticipantTokens[0].UserId != "ü" || made.ParticipantTokens[1].UserId != nil ||
		*made.ParticipantTokens[0].Duration != 10 || made.ParticipantTokens[1].Attributes["k"] != "v" {
		t.Errorf("%+v", made.ParticipantTokens)
	}
	arn := made.Stage.Arn

	updated, err := c.UpdateStage(ctx, &ivsrealtime.UpdateStageInput{Arn: arn, Name: aws.String("renamed")})
	if err != nil || *updated.Stage.Name != "renamed" || updated.Stage.Tags["a"] != "1" {
		t.Errorf("%+v, %v", updated, err)
	}
	got, err := c.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: arn})
	if err != nil || *got.Stage.Name != "renamed" {
		t.Errorf("%+v, %v", got, err)
	}
	token, err := c.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	if p := token.ParticipantToken; *p.Duration != 720 || len(p.Capabilities) != 2 || len(*p.ParticipantId) != 12 ||
		strings.Count(*p.Token, ".") != 2 || time.Until(*p.ExpirationTime) < 11*time.Hour {
		t.Errorf("%+v", p)
	}
	if _, err := c.DisconnectParticipant(ctx, &ivsrealtime.DisconnectParticipantInput{
		StageArn: arn, ParticipantId: token.ParticipantToken.ParticipantId, Reason: aws.String("because"),
	}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteStage(ctx, &ivsrealtime.DeleteStageInput{Arn: arn}); err != nil {
		t.Error(err)
	}
	var gone *types.ResourceNotFoundException
	if _, err := c.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: arn}); !errors.As(err, &gone) || gone.ExceptionMessage == nil || gone.XFrameOptions == nil {
		t.Errorf("%v", err)
	}
}

func TestGoSDK_PagesThroughStages(t *testing.T) {
	c, ctx := newClient(t, newServer(t)), t.Context()
	want := map[string]bool{}
	for range 7 {
		made, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{})
		if err != nil {
			t.Fatal(err)
		}
		want[*made.Stage.Arn] = true
	}
	pages := ivsrealtime.NewListStagesPaginator(c, &ivsrealtime.ListStagesInput{MaxResults: aws.Int32(3)})
	n := 0
	for ; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Stages {
			delete(want, *s.Arn)
		}
	}
	if n != 3 || len(want) != 0 {
		t.Errorf("%d pages, not listed: %v", n, want)
	}
}

func TestGoSDK_Tags(t *testing.T) {
	c, ctx := newClient(t, newServer(t)), t.Context()
	made, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := made.Stage.Arn
	if _, err := c.TagResource(ctx, &ivsrealtime.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b c": "é+", "d": ""}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(ctx, &ivsrealtime.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"d", "unknown"}}); err != nil {
		t.Fatal(err)
	}
	list, err := c.ListTagsForResource(ctx, &ivsrealtime.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || len(list.Tags) != 1 || list.Tags["b c"] != "é+" {
		t.Errorf("%v, %v", list, err)
	}
}

func TestGoSDK_SeesTheModelledErrors(t *testing.T) {
	url := newServer(t)
	c, ctx := newClient(t, url), t.Context()
	var invalid *types.ValidationException
	_, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: aws.String("not valid")})
	if !errors.As(err, &invalid) || !strings.Contains(*invalid.ExceptionMessage, "'name'") {
		t.Errorf("%v", err)
	}
	_, err = c.CreateStage(ctx, &ivsrealtime.CreateStageInput{AutoParticipantRecordingConfiguration: &types.AutoParticipantRecordingConfiguration{
		StorageConfigurationArn: aws.String("arn:aws:ivs:us-east-1:000000000000:storage-configuration/abc"),
	}})
	if !errors.As(err, &invalid) {
		t.Errorf("%v", err)
	}
	var missing *types.ResourceNotFoundException
	_, err = c.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageArn: aws.String("arn:aws:ivs:us-east-1:000000000000:stage/abc")})
	if !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
	var denied *types.AccessDeniedException
	_, err = c.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: aws.String("arn:aws:ivs:us-east-1:999999999999:stage/abc")})
	if !errors.As(err, &denied) {
		t.Errorf("%v", err)
	}
}

func TestGoSDK_SeesTheFrontEndsErrors(t *testing.T) {
	url := newServer(t, func(o *api.Options) { o.Limiter = api.NewLimiter(api.Rates{"ListStages": 1}, nil) })
	list := func(c *ivsrealtime.Client) func() error {
		return func() error {
			_, err := c.ListStages(t.Context(), &ivsrealtime.ListStagesInput{})
			return err
		}
	}
	wantCode(t, "UnrecognizedClientException", list(newClient(t, url, as("stranger", secret))))
	wantCode(t, "InvalidSignatureException", list(newClient(t, url, as(key, "wrong"))))
	wantCode(t, "InvalidSignatureException", list(newClient(t, url, func(o *ivsrealtime.Options) { o.Region = "eu-west-1" })))
	c := newClient(t, url)
	if err := list(c)(); err != nil {
		t.Error(err)
	}
	wantCode(t, "ThrottlingException", list(c))
}

func as(id, secret string) func(*ivsrealtime.Options) {
	return func(o *ivsrealtime.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: "ignored"}, nil
		})
	}
}

func wantCode(t *testing.T, code string, call func() error) {
	t.Helper()
	var e smithy.APIError
	if err := call(); !errors.As(err, &e) || e.ErrorCode() != code || e.ErrorMessage() == "" {
		t.Errorf("want %s, got %v", code, err)
	}
}
