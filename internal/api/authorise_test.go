package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// holder is an Authorizer that knows one key beside the root pair.
type holder struct {
	sigv4.OneKey
	policies []*access.Policy
}

func (h *holder) Key(id string) (sigv4.Key, bool) {
	if key, ok := root.Key(id); ok {
		return key, true
	}
	return h.OneKey.Key(id)
}

func (h *holder) MayAll(id string) bool { return id == root.AccessKeyID }

func (h *holder) Decide(_ string, r access.Request) (access.Decision, error) {
	return access.Decide(h.policies, r)
}

func (h *holder) User(id string) string {
	if h.MayAll(id) {
		return "arn:aws:iam::" + account + ":root"
	}
	return "arn:aws:iam::" + account + ":user/ada"
}

func holderOf(t *testing.T, documents ...string) *holder {
	t.Helper()
	h := &holder{OneKey: sigv4.OneKey{AccessKeyID: "ada", SecretKey: "hers"}}
	for _, d := range documents {
		p, err := access.Parse([]byte(d))
		if err != nil {
			t.Fatal(err)
		}
		h.policies = append(h.policies, p)
	}
	return h
}

// as makes a call with the holder's key.
func (h *holder) call(w *world, method, path, body string) answer {
	w.t.Helper()
	r := w.request(method, path, []byte(body))
	sigv4.Signer{Key: h.OneKey, Region: region, Service: "ivs"}.Sign(r, []byte(body), time.Now())
	return w.send(r)
}

func (h *holder) post(w *world, operation, body string) answer {
	w.t.Helper()
	return h.call(w, http.MethodPost, "/"+operation, body)
}

const teamBlue = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":"ivs:CreateStage","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"blue"}}},
	{"Effect":"Allow","Action":["ivs:*Stage","ivs:CreateParticipantToken","ivs:ListTagsForResource"],"Resource":"arn:aws:ivs:*:*:stage/*",
	 "Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}},
	{"Effect":"Deny","Action":["ivs:TagResource","ivs:UntagResource"],"Resource":"*"}]}`

func TestAuthorise_TagsManageAccess(t *testing.T) {
	h := holderOf(t, teamBlue)
	w := newWorld(t, func(o *api.Options) { o.Keys = h })
	red := w.stage(`{"tags":{"team":"red"}}`)
	blue := w.stage(`{"tags":{"team":"blue"}}`)
	const denied = "AccessDeniedException"
	const user = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: "
	path := func(arn string) string { return "/tags/" + strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn) }

	h.post(w, "CreateStage", `{"tags":{"team":"blue"}}`).want(t, 200, "", "stage")
	h.post(w, "CreateStage", `{}`).want(t, 403, denied,
		user+"ivs:CreateStage on resource: arn:aws:ivs:us-east-1:123456789012:stage/* because no identity-based policy allows the ivs:CreateStage action")
	h.post(w, "CreateStage", `{"tags":{"team":"red"}}`).want(t, 403, denied, "ivs:CreateStage")
	for _, operation := range []string{"GetStage", "UpdateStage", "DeleteStage"} {
		h.post(w, operation, `{"arn":"`+red+`"}`).want(t, 403, denied, user+"ivs:"+operation+" on resource: "+red+" because")
	}
	h.post(w, "GetStage", `{"arn":"`+blue+`"}`).want(t, 200, "", blue)
	h.post(w, "CreateParticipantToken", `{"stageArn":"`+blue+`"}`).want(t, 200, "", "token")
	h.post(w, "CreateParticipantToken", `{"stageArn":"`+red+`"}`).want(t, 403, denied, red)
	h.post(w, "ListStages", `{}`).want(t, 403, denied, "ivs:ListStages on resource: * because")
	h.call(w, http.MethodGet, path(blue), "").want(t, 200, "", "blue")
	h.call(w, http.MethodGet, path(red), "").want(t, 403, denied, "ivs:ListTagsForResource")
	h.call(w, http.MethodPost, path(blue), `{"tags":{"a":"b"}}`).want(t, 403, denied, "ivs:TagResource on resource: "+blue+" with an explicit deny in an identity-based policy")
	h.post(w, "DeleteStage", `{"arn":"`+blue+`"}`).want(t, 200, "", "")
	w.post("GetStage", `{"arn":"`+red+`"}`).want(t, 200, "", red) // the root pair may do everything
}

// security.md row 5: who may see some stages can't find out which others there are.
func TestSecurityRow5_DenialIsNoOracleOfExistence(t *testing.T) {
	h := holderOf(t, teamBlue)
	w := newWorld(t, func(o *api.Options) { o.Keys = h })
	red := w.stage(`{"tags":{"team":"red"}}`)
	id := red[strings.LastIndex(red, "/")+1:]
	there := h.post(w, "GetStage", `{"arn":"`+red+`"}`)
	for _, arn := range []string{
		strings.Replace(red, id, "AAAAAAAAAAAA", 1),
		strings.Replace(red, account, "999999999999", 1),
		strings.Replace(red, region, "eu-west-1", 1),
		strings.Replace(red, "stage/", "composition/", 1),
	} {
		absent := h.post(w, "GetStage", `{"arn":"`+arn+`"}`)
		if absent.status != there.status || absent.exception() != there.exception() || strings.ReplaceAll(absent.body, arn, red) != there.body {
			t.Errorf("%s is told from one that is there: %d %s", arn, absent.status, absent.body)
		}
	}
	// Nor does a value that is not valid tell anything to who may do nothing.
	h.post(w, "ListStages", `{"maxResults":1000}`).want(t, 403, "AccessDeniedException", "")
	h.post(w, "GetStage", `{"arn":"nonsense"}`).want(t, 403, "AccessDeniedException", "nonsense")
	h.post(w, "GetStage", `{}`).want(t, 403, "AccessDeniedException", "")
	// What can't be read can't be decided about.
	h.post(w, "GetStage", `{`).want(t, 400, "SerializationException", "")
}

func TestAuthorise_BoundsTheWork(t *testing.T) {
	h := holderOf(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/a":"b"}}}}`)
	asked := 0
	w := newWorld(t, func(o *api.Options) {
		o.Keys = h
		o.Tags = countedTags{o.Tags, &asked}
	})
	arns := strings.Repeat(`,"arn:aws:ivs:us-east-1:123456789012:channel/abcdefghijkl"`, 10_000)
	h.post(w, "BatchGetChannel", `{"arns":[`+arns[1:]+`]}`).want(t, 400, "ValidationException", "less than or equal to 50")
	if asked > 200 {
		t.Errorf("tags were asked for %d times", asked)
	}
}

func TestAuthorise_FailsClosedWithoutTheDatabase(t *testing.T) {
	h := holderOf(t, teamBlue)
	w := newWorld(t, func(o *api.Options) {
		o.Keys = h
		o.Tags = brokenTags{o.Tags}
	})
	stage := w.stage(`{"tags":{"team":"blue"}}`)
	h.post(w, "GetStage", `{"arn":"`+stage+`"}`).want(t, 500, "InternalServerException", "")
}

type countedTags struct {
	api.Tags
	n *int
}

func (c countedTags) List(ctx context.Context, arn live.ARN) (live.Tags, error) {
	*c.n++
	return c.Tags.List(ctx, arn)
}

type brokenTags struct{ api.Tags }

func (brokenTags) List(context.Context, live.ARN) (live.Tags, error) {
	return nil, errors.New("no database")
}
