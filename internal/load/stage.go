package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// maxReply bounds what is read of an answer of the API, in bytes.
const maxReply = 1 << 20

// api calls the server's AWS API.
type api struct {
	server string // URL without a path
	signer sigv4.Signer
	http   *http.Client
}

func (a *api) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	url := strings.TrimRight(a.server, "/") + "/" + operation
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	req.Header.Set("Content-Type", "application/json")
	a.signer.Sign(req, body, time.Now())
	res, err := a.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer func() { _ = res.Body.Close() }()
	reply, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return fmt.Errorf("%s: read answer: %w", operation, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", operation, res.Status, reply[:min(len(reply), 300)])
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(reply, out); err != nil {
		return fmt.Errorf("%s: answer: %w", operation, err)
	}
	return nil
}

// createStage makes a stage and returns its ARN.
func (a *api) createStage(ctx context.Context) (string, error) {
	var out struct{ Stage struct{ ARN string } }
	err := a.call(ctx, "CreateStage", map[string]any{"name": "load", "tags": map[string]string{"made-by": "proscenium-load"}}, &out)
	return out.Stage.ARN, err
}

func (a *api) deleteStage(ctx context.Context, arn string) error {
	return a.call(ctx, "DeleteStage", map[string]string{"arn": arn}, nil)
}

// participants returns the state of everybody that the API has a record of, in all sessions of a stage.
func (a *api) participants(ctx context.Context, arn string) (map[string]string, error) {
	var sessions struct{ StageSessions []struct{ SessionID string } }
	if err := a.call(ctx, "ListStageSessions", map[string]any{"stageArn": arn, "maxResults": 100}, &sessions); err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, s := range sessions.StageSessions {
		for in := map[string]any{"stageArn": arn, "sessionId": s.SessionID, "maxResults": 100}; ; {
			var page struct {
				NextToken    string
				Participants []struct{ ParticipantID, State string }
			}
			if err := a.call(ctx, "ListParticipants", in, &page); err != nil {
				return nil, err
			}
			for _, p := range page.Participants {
				states[p.ParticipantID] = p.State
			}
			if page.NextToken == "" {
				break
			}
			in["nextToken"] = page.NextToken
		}
	}
	return states, nil
}

// createToken returns a token with one capability: PUBLISH or SUBSCRIBE.
func (a *api) createToken(ctx context.Context, arn, capability, user string) (string, error) {
	var out struct {
		ParticipantToken struct{ Token string }
	}
	err := a.call(ctx, "CreateParticipantToken", map[string]any{
		"stageArn": arn, "userId": user, "capabilities": []string{capability}, "duration": 60,
	}, &out)
	return out.ParticipantToken.Token, err
}
